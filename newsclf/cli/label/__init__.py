"""Commands that label headlines."""
