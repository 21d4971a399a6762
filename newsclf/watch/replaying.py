"""Compute signals again from the record, as they were, or as others would have been."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from newsclf.common.errors import DataError, StateError
from newsclf.watch.entities.listed import CompanyList, read_list
from newsclf.watch.entities.matcher import EntityMatcher
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Commit
from newsclf.watch.signals.aggregate import Aggregate, Signal, bar_ends, utc, window_s
from newsclf.watch.signals.alerts import Alert, States, alerts_at
from newsclf.watch.signals.configuration import Configuration
from newsclf.watch.signals.coverage import Sources
from newsclf.watch.signals.entries import signal_of
from newsclf.watch.signals.intake import Intake
from newsclf.watch.signals.rows import ScoredRow


@dataclass(frozen=True, slots=True)
class Bar:
    """Signals at the end of a bar, computed again."""

    at: dt.datetime
    signals: Sequence[Signal]
    alerts: Sequence[Alert]
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

    Those of an earlier newsclf, which found companies by other rules, are passed over.
    """
    current = Configuration.model_fields["schema_version"].default
    contents = record.configurations()
    return [
        Configuration.model_validate_json(each)
        for each in contents
        if json.loads(each)["schema_version"] == current
    ]


def last_configuration(record: Record) -> Configuration:
    """What the latest signals of a record were computed with.

    Raises:
        StateError: It has no signals.
    """
    found = configurations(record)
    if not found:
        raise StateError(
            f"{record.path}: there are no signals in it that this version of newsclf can compute"
            " again",
            hint="newsclf watch computes them",
        )
    return found[-1]


def known_companies(record: Record, configuration: Configuration) -> CompanyList | None:
    """The list of companies that a configuration was used with, as it was then.

    Raises:
        DataError: The record doesn't have it, or has it changed.
    """
    digest = configuration.entity_list
    if digest is None:
        return None
    text = record.entity_list(digest)
    if text is None or (found := read_list(text)).digest != digest:
        raise DataError(
            f"{record.path}: the entity list {digest[:12]} is not in it as it was used",
            hint="replay with --file computes the signals by the list of now",
        )
    return found


def replay(
    record: Record,
    configuration: Configuration,
    known: CompanyList | None,
    *,
    until: dt.datetime | None = None,
) -> Iterator[Bar]:
    """The bars of which the record has signals of a configuration, computed again.

    Args:
        record: What was known, and when.
        configuration: Of the signals.
        known: Its list of companies.
        until: Nothing that became known later is used.
    """
    computer = _Computer(configuration, known)
    for commit in record.commits(until=until):
        computed = commit.computed
        if computed is not None and computed.configuration == configuration.digest:
            recorded = [signal_of(entry) for entry in computed.signals]
            if recorded:
                yield computer.bar(recorded[0].at.timestamp(), recorded)
        computer.take(commit)


def compute(
    record: Record, configuration: Configuration, known: CompanyList | None, *, until: dt.datetime
) -> Iterator[Bar]:
    """Every bar from the first commit on, with what was known by its end.

    Args:
        record: What was known, and when.
        configuration: What to compute with, whether it was ever used or not.
        known: Its list of companies.
        until: No later bar is computed.
    """
    computer = _Computer(configuration, known)
    bar_s = configuration.signals.bar_s
    last_s: float | None = None
    for commit in record.commits(until=until):
        known_s = commit.known_at.timestamp()
        # A bar that ends with this commit's microsecond has it.
        for end_s in bar_ends(last_s, math.nextafter(known_s, 0), bar_s) if last_s else ():
            last_s = end_s
            yield computer.bar(end_s)
        last_s = known_s if last_s is None else last_s
        computer.take(commit)
    for end_s in bar_ends(last_s, until.timestamp(), bar_s) if last_s else ():
        yield computer.bar(end_s)


class _Computer:
    """Signals and alerts of a configuration, from commits in their order."""

    def __init__(self, configuration: Configuration, known: CompanyList | None) -> None:
        self._configuration = configuration
        self._intake = _intake(configuration, known, window_s(configuration.signals))
        self._aggregate = Aggregate(
            configuration.signals, configuration.entities, configuration=configuration.digest
        )
        self._sources = Sources(configuration.sources)
        self._states: States = {}

    def take(self, commit: Commit) -> None:
        for row in self._intake.rows(commit):
            self._aggregate.add(row)
        self._sources.add(commit)

    def bar(self, end_s: float, recorded: Sequence[Signal] | None = None) -> Bar:
        at = utc(end_s)
        signals = self._aggregate.at(end_s, self._sources.coverage(at))
        self._states, alerts = alerts_at(
            self._states, signals, self._configuration.alerts, self._aggregate.evidence
        )
        return Bar(at, signals, alerts, recorded)


def headlines(
    record: Record,
    configuration: Configuration,
    known: CompanyList | None,
    *,
    until: dt.datetime | None,
) -> Iterator[ScoredRow]:
    """Each text of each headline as it was last known, with its scores by a configuration's model.

    They are held in memory until the record has been read.
    """
    intake = _intake(configuration, known, math.inf)
    found: dict[tuple[int, int], ScoredRow] = {}
    for commit in record.commits(until=until):
        for row in intake.rows(commit):
            found[row.item, row.version] = row
    yield from found.values()


def first_scored(
    record: Record,
    configuration: Configuration,
    known: CompanyList | None,
    *,
    until: dt.datetime | None,
) -> Iterator[ScoredRow]:
    """Each headline as it was when it was scored for the first time, whatever became of it."""
    intake = _intake(configuration, known, math.inf)
    found: set[int] = set()
    for commit in record.commits(until=until):
        for row in intake.rows(commit):
            if row.scores is not None and row.item not in found:
                found.add(row.item)
                yield row


def _intake(configuration: Configuration, known: CompanyList | None, window_s: float) -> Intake:
    return Intake(
        EntityMatcher(configuration.watchlist, known),
        model=configuration.model,
        engine=configuration.engine,
        window_s=window_s,
        min_relevance=configuration.signals.min_relevance,
    )
