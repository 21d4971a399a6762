"""Charts, tables, numbers and pages, shared by every report."""
