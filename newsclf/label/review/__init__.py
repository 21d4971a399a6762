"""Review of headlines by people: which come first, what was decided, and the page to do it on."""
