"""Diagnostics of `newsclf doctor`."""
