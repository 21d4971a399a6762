"""Calibration of a trained classifier: fitted on validation rows, and folded into its head."""
