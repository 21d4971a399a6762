"""Values and pure functions; imports nothing of the other layers."""
