"""Load of a test: arrival times, steps and payloads."""
