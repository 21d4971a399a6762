"""A server of news feeds with every fault that users report, and what should be made of each."""
