"""Compute signals again from the record, as they were, or as others would have been."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pydantic import ValidationError

from newsclf.common.errors import DataError, StateError
from newsclf.watch.entities.listed import read_list
from newsclf.watch.entities.matcher import EntityMatcher
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Commit
from newsclf.watch.signals.aggregate import Signal, bar_ends, utc
from newsclf.watch.signals.alerts import Alert
from newsclf.watch.signals.computation import Computation
from newsclf.watch.signals.configuration import Configuration, ReferenceData
from newsclf.watch.signals.entries import signal_of
from newsclf.watch.signals.intake import Intake
from newsclf.watch.signals.measures.drift import DriftAlert
from newsclf.watch.signals.measures.trading_time import read_calendar
from newsclf.watch.signals.rows import ScoredRow


class History(Protocol):
    """What was known, and when: `Record`, or the same with other scores."""

    def commits(self, *, until: dt.datetime | None = None) -> Iterator[Commit]:
        """The commits in their order, those that were known by a time."""


_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Bar:
    """Signals at the end of a bar, computed again."""

    at: dt.datetime
    signals: Sequence[Signal]
    alerts: Sequence[Alert | DriftAlert]
    """On signals and on drift."""
    recorded: Sequence[Signal] | None = None
    """Those that were recorded then; None if others are computed."""

    @property
    def differences(self) -> int:
        """How many signals are not, to the last bit, what was recorded."""
        if self.recorded is None:
            return 0
        again = {signal.entity: signal for signal in self.signals}
        return sum(again.get(signal.entity) != signal for signal in self.recorded)


def configurations(record: Record) -> list[Configuration]:
    """What the signals of a record were computed with, in the order in which it was used.

    Those of an earlier newsclf, which went by other rules or took other settings, are passed over.
    """
    found = []
    for content in record.configurations():
        with suppress(ValidationError):
            found.append(Configuration.model_validate_json(content))
    return found


def last_configuration(record: Record) -> Configuration:
    """What the latest signals of a record were computed with.

    Raises:
        StateError: It has no signals.
    """
    found = configurations(record)
    if not found:
        raise StateError(
            f"{record.place}: there are no signals in it that this version of newsclf can compute"
            " again",
            hint="newsclf watch computes them",
        )
    return found[-1]


def recorded_reference(record: Record, configuration: Configuration) -> ReferenceData:
    """The companies and the hours of trading that a configuration was used with, as they were.

    Raises:
        DataError: The record doesn't have them, or has them changed.
    """
    return ReferenceData(
        _recorded(record, "entity list", configuration.entity_list, read_list),
        _recorded(record, "trading calendar", configuration.calendar, read_calendar),
    )


def _recorded(
    record: Record, what: str, digest: str | None, read: Callable[[str], _R]
) -> _R | None:
    if digest is None:
        return None
    text = record.text(digest)
    if text is None or hashlib.sha256(text.encode()).hexdigest() != digest:
        raise DataError(
            f"{record.place}: the {what} {digest[:12]} is not in it as it was used",
            hint="replay with --file computes the signals by the one of now",
        )
    return read(text)


def replay(
    record: History,
    configuration: Configuration,
    reference: ReferenceData,
    *,
    until: dt.datetime | None = None,
) -> Iterator[Bar]:
    """The bars of which the record has signals of a configuration, computed again.

    Args:
        record: What was known, and when.
        configuration: Of the signals.
        reference: Its companies and hours of trading.
        until: Nothing that became known later is used.
    """
    computation = Computation(configuration, reference)
    digest = configuration.digest
    for commit in record.commits(until=until):
        for end_s, recorded in bars_again(commit, digest).items():
            yield _bar(computation, end_s, recorded)
        computation.take(commit)


def bars_again(commit: Commit, configuration: str) -> dict[float, list[Signal]]:
    """The bar that a commit has, by its end, with its signals; or none.

    Args:
        commit: The commit.
        configuration: Digest of the one whose bars are wanted.
    """
    computed = commit.computed
    if computed is None or computed.configuration != configuration or not computed.signals:
        return {}
    recorded = [signal_of(entry) for entry in computed.signals]
    return {recorded[0].at.timestamp(): recorded}


def compute(
    record: Record, configuration: Configuration, reference: ReferenceData, *, until: dt.datetime
) -> Iterator[Bar]:
    """Every bar from the first commit on, with what was known by its end.

    Args:
        record: What was known, and when.
        configuration: What to compute with, whether it was ever used or not.
        reference: Its companies and hours of trading.
        until: No later bar is computed.
    """
    computation = Computation(configuration, reference)
    bar_s = configuration.signals.bar_s
    last_s: float | None = None
    for commit in record.commits(until=until):
        known_s = commit.known_at.timestamp()
        # A bar that ends with this commit's microsecond has it.
        for end_s in bar_ends(last_s, math.nextafter(known_s, 0), bar_s) if last_s else ():
            last_s = end_s
            yield _bar(computation, end_s)
        last_s = known_s if last_s is None else last_s
        computation.take(commit)
    for end_s in bar_ends(last_s, until.timestamp(), bar_s) if last_s else ():
        yield _bar(computation, end_s)


def _bar(computation: Computation, end_s: float, recorded: Sequence[Signal] | None = None) -> Bar:
    found = computation.bar(end_s)
    computation.take_bar(found.signals)
    computation.take_alerts(found.alerts)
    return Bar(utc(end_s), found.signals, found.alerts, recorded)


def headlines(
    record: Record,
    configuration: Configuration,
    reference: ReferenceData,
    *,
    until: dt.datetime | None,
) -> Iterator[ScoredRow]:
    """Each text of each headline as it was last known, with its scores by a configuration's model.

    They are held in memory until the record has been read.
    """
    intake = _intake(configuration, reference)
    found: dict[tuple[int, int], ScoredRow] = {}
    for commit in record.commits(until=until):
        for row in intake.rows(commit):
            found[row.item, row.version] = row
    yield from found.values()


def first_scored(
    record: History,
    configuration: Configuration,
    reference: ReferenceData,
    *,
    until: dt.datetime | None,
) -> Iterator[ScoredRow]:
    """Each headline as it was when it was scored for the first time, whatever became of it."""
    intake = _intake(configuration, reference)
    found: set[int] = set()
    for commit in record.commits(until=until):
        for row in intake.rows(commit):
            if row.scores is not None and row.item not in found:
                found.add(row.item)
                yield row


def _intake(configuration: Configuration, reference: ReferenceData) -> Intake:
    """One for which every event matters."""
    return Intake(
        EntityMatcher(configuration.watchlist, reference.companies),
        model=configuration.model,
        engine=configuration.engine,
        counts_from=lambda _: -math.inf,
        min_relevance=configuration.signals.min_relevance,
    )
