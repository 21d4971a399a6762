"""Commands that build a classifier."""
