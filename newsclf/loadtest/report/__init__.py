"""Report of a load test: an HTML page that opens offline, Markdown, and CSV tables.

Everything here is derived: the same summary and samples give the same bytes.
"""
