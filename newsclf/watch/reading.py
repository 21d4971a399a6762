"""Signals and headlines of a record from Python, such as in a notebook."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsclf.watch.signals.export import ItemRow, SignalRow

RECORD = Path(".newsclf/watch/record.db")


def read_signals(
    record: str | Path = RECORD, *, until: dt.datetime | None = None
) -> list[SignalRow]:
    """The signals of a record, computed again from what was known at each bar.

    Args:
        record: Its file, or the URL of its PostgreSQL database; a watch may be writing to it.
        until: Nothing that became known later is used; with a time zone.

    Raises:
        ConfigError: `until` has no time zone.
        StateError: The record does not exist or has no signals.
        DataError: It is damaged.
    """
    _check(until)
    from newsclf.watch.record.replay import Record
    from newsclf.watch.record.storage.address import place_of
    from newsclf.watch.replaying import last_configuration, recorded_reference, replay
    from newsclf.watch.signals.export import signal_rows

    with Record(place_of(record)) as known:
        used = last_configuration(known)
        bars = replay(known, used, recorded_reference(known, used), until=until)
        return list(signal_rows(signal for bar in bars for signal in bar.signals))


def read_headlines(
    record: str | Path = RECORD, *, until: dt.datetime | None = None
) -> list[ItemRow]:
    """The headlines of a record as they were last known, with their scores and entities.

    Takes and raises what `read_signals` does.
    """
    _check(until)
    from newsclf.watch.record.replay import Record
    from newsclf.watch.record.storage.address import place_of
    from newsclf.watch.replaying import headlines, last_configuration, recorded_reference
    from newsclf.watch.signals.export import item_rows

    with Record(place_of(record)) as known:
        used = last_configuration(known)
        reference = recorded_reference(known, used)
        return list(item_rows(headlines(known, used, reference, until=until), reference.clock))


def _check(until: dt.datetime | None) -> None:
    from newsclf.common.errors import ConfigError, require_extra

    require_extra("sqlalchemy", extra="watch", purpose="reading a record")
    if until is not None and until.tzinfo is None:
        raise ConfigError(
            f"until={until!s} has no time zone", hint="datetime(2026, 11, 26, tzinfo=UTC)"
        )
