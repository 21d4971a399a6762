"""Live news: feeds, the record of what they said and when, and signals from it."""

from newsclf.watch.reading import read_headlines, read_signals

__all__ = ["read_headlines", "read_signals"]
