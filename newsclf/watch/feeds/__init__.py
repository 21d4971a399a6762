"""News sources: fetch them, read their documents into items, and watch their health."""
