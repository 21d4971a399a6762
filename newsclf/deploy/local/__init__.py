"""Local target: deployments as processes on this machine."""
