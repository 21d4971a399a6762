"""Append-only record of news: what each source said, when it was known, and what was made of it."""
