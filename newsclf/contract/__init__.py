"""The wire formats and their limits; standard library only."""
