"""Local web page on which people review headlines."""
