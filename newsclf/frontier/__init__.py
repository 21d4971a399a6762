"""Accuracy against cost of several models, the rule that picks one, and plans of capacity."""
