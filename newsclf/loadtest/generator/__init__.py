"""The load generator: processes, connections, and the outcome of each request."""
