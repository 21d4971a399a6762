"""Charts, numbers and pages that every report is made of."""
