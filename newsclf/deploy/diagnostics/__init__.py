"""What `newsclf doctor` checks."""
