"""Errors of a record that several watches share."""

from __future__ import annotations

from newsclf.common.errors import StateError


class DatabaseAwayError(StateError):
    """The database can't be reached, or not now: the same is worth another try."""


class LeaseLostError(StateError):
    """Another watch has taken over a source meanwhile."""
