"""Local web page of `watch`: live headlines, signals, alerts and the health of the sources."""
