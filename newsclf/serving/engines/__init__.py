"""Inference engines: each loads a model directory and classifies headlines with it."""
