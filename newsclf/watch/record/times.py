"""Times of the record: aware datetimes as whole microseconds since 1970, and back."""

from __future__ import annotations

import datetime as dt

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def microseconds(moment: dt.datetime) -> int:
    """An aware datetime as whole microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> dt.datetime:
    """The datetime, in UTC, of microseconds since 1970."""
    return _EPOCH + microseconds * _MICROSECOND


def moment_if_known(at: int | None) -> dt.datetime | None:
    """The datetime of microseconds since 1970; None where there is none."""
    return moment(at) if at is not None else None
