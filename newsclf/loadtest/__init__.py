"""Load tests: schedules, the generator, what its samples mean, and the report."""
