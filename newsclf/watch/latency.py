"""How long headlines of each source took: from published to seen, to scored, to an alert."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from newsclf.common.records import StrictRecord
from newsclf.watch.record.rows import Alert, Commit, Version


class Percentiles(StrictRecord):
    """Percentiles of a time, seconds; None without a value."""

    n: int
    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None


class SourceLatency(StrictRecord):
    """How long the headlines of a source took, each by its first text."""

    source: str
    published_to_seen: Percentiles
    """From the time that the source claims, where it claims a time of day. Headlines of the
    source's first answer are left out: they were there before."""
    seen_to_scored: Percentiles
    """From the answer that had it until its first score was in the record."""
    scored_to_alert: Percentiles
    """From the score of the last headline behind an alert until the alert was raised in the
    record."""


@dataclass(slots=True)
class _Times:
    """Seconds of each step."""

    seen: list[float] = field(default_factory=list)
    scored: list[float] = field(default_factory=list)
    alerted: list[float] = field(default_factory=list)


def latencies(commits: Iterable[Commit]) -> list[SourceLatency]:
    """Measure the steps of each source, in the order of their names.

    Args:
        commits: A record from its beginning on.
    """
    of_source: dict[str, _Times] = {}
    answered: set[str] = set()
    waiting: dict[int, Version] = {}
    scored: dict[int, tuple[str, dt.datetime]] = {}
    for commit in commits:
        for version in commit.versions:
            waiting[version.id] = version
            if version.number == 1 and version.source in answered:
                _published(of_source.setdefault(version.source, _Times()), version)
        if commit.fetch is not None and commit.fetch.items:
            answered.add(commit.fetch.source)
        for score in commit.scores:
            if (found := waiting.pop(score.version, None)) is not None:
                scored[found.id] = found.source, commit.known_at
                if found.number == 1:
                    took = commit.known_at - found.fetched_at
                    of_source.setdefault(found.source, _Times()).scored.append(took.total_seconds())
        for alert in _raised(commit):
            behind = [scored[version] for version in alert.evidence if version in scored]
            if behind:
                source, at = max(behind, key=lambda each: each[1])
                took = commit.known_at - at
                of_source.setdefault(source, _Times()).alerted.append(took.total_seconds())
    return _summed(of_source)


def _raised(commit: Commit) -> list[Alert]:
    """Its alerts but those that were cleared: of news that fade, not of news that came."""
    alerts = commit.computed.alerts if commit.computed is not None else ()
    return [alert for alert in alerts if alert.detail.get("kind") != "cleared"]


def _published(times: _Times, version: Version) -> None:
    claimed = version.published
    if claimed is not None and claimed.at is not None and not claimed.date_only:
        times.seen.append(max(0.0, (version.fetched_at - claimed.at).total_seconds()))


def _summed(of_source: Mapping[str, _Times]) -> list[SourceLatency]:
    return [
        SourceLatency(
            source=source,
            published_to_seen=_percentiles(times.seen),
            seen_to_scored=_percentiles(times.scored),
            scored_to_alert=_percentiles(times.alerted),
        )
        for source, times in sorted(of_source.items())
    ]


def _percentiles(values_s: list[float]) -> Percentiles:
    import numpy as np

    if not values_s:
        return Percentiles(n=0)
    p50_s, p95_s, p99_s = np.percentile(values_s, (50, 95, 99)).tolist()
    return Percentiles(n=len(values_s), p50_s=p50_s, p95_s=p95_s, p99_s=p99_s)
