"""Which companies a headline names, and how much it is about each."""
