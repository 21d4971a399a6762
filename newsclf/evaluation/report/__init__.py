"""Report of an evaluation: an HTML page that opens offline, its charts and its tables."""
