"""AWS prices and cost formulas."""
