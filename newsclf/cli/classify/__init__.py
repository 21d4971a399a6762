"""Commands that classify headlines."""
