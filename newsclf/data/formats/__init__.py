"""Readers of tabular files: delimited text, JSON, Excel, Parquet and Arrow."""
