"""Deployments: their records, their targets, and how their APIs are called."""
