"""Calls to AWS: clients, waiting, errors and names."""
