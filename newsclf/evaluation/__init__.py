"""What a classifier is worth: metrics, probes, charts and the page that shows them.

Works on labels and predictions, whatever made them; imports neither torch nor ONNX Runtime.
"""
