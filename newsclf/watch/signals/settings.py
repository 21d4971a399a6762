"""Settings of signals and alerts."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from newsclf.common.records import StrictRecord


class SignalSettings(StrictRecord):
    """How scores of headlines become a signal."""

    half_life_s: float = Field(default=6 * 3600, ge=60, le=366 * 86400)
    """In trading time, with an exchange."""
    exchange: Annotated[str | None, Field(min_length=1)] = None
    """Market identifier code of the exchange in whose trading time news grows old; None: plain
    time."""
    shrinkage: float = Field(default=2, ge=0, le=1000)
    """k: how many fresh neutral events every score is averaged with."""
    novelty: float = Field(default=0.5, ge=0, le=1)
    """How much each telling of an event weighs, as a share of the one before; copies of a headline
    are one telling."""
    bar_s: float = Field(default=60, ge=1, le=86400, multiple_of=1)
    """Whole seconds, so that the end of a bar is the same to the last bit in the record."""
    min_relevance: int = Field(default=75, ge=0, le=100)
    """A headline that is less about an entity doesn't count for it."""


class AlertSettings(StrictRecord):
    """When a signal raises an alert, and when it is over."""

    enter: float = Field(default=0.4, gt=0, lt=1)
    """An alert is raised when a score is at least this far from 0,"""
    leave: float = Field(default=0.25, gt=0, lt=1)
    """and is over when the score is closer than this, or has the other sign."""
    cool_down_s: float = Field(default=3600, ge=0, le=366 * 86400)
    """Least time between two alerts on an entity in the same direction."""
    min_events: int = Field(default=3, ge=1, le=1_000_000)
    min_sources: int = Field(default=1, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _leaves_below_where_it_enters(self) -> Self:
        if self.leave >= self.enter:
            raise ValueError(f"leave ({self.leave:g}) must be less than enter ({self.enter:g})")
        return self
