"""Evaluation of a classifier: metrics, probes, charts and the report.

Works on labels and predictions, whatever made them; imports neither torch nor ONNX Runtime.
"""
