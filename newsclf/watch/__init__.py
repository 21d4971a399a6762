"""Live news: feeds, the record of what they said and when, and signals from it."""
