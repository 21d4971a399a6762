"""Report of an evaluation on unseen test sets: its tables and its HTML page."""
