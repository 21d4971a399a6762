"""Evaluation of a classifier: metrics, probes, charts and the report.

Metrics, tables and charts work on labels and predictions of any runtime.
"""
