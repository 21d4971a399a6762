"""The report of a load test: a page that opens offline, Markdown, and tables for other programs.

Everything here is derived: the same summary and samples give the same bytes.
"""
