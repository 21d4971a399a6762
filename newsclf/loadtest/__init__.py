"""Load tests: schedules, the generator, what its samples mean, and the report."""

from newsclf.loadtest.measuring import measure

__all__ = ["measure"]
