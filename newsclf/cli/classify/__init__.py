"""Commands that classify."""
