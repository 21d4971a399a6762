"""Prices and cost formulas."""
