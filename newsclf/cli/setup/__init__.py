"""Commands for setting up: demo, doctor and policy."""
