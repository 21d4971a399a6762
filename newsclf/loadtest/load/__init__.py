"""What is sent, and when: arrivals, steps and payloads."""
