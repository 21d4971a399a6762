"""Signals from scored headlines: entities, aggregates, alerts and exports."""
