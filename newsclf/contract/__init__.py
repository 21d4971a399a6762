"""Wire formats and their limits; standard library only."""
