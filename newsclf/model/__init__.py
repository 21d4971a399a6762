"""The model directory and its card."""
