"""The headlines that sources show, by the record: the last text of each."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from newsclf.watch.record.replay import Record


@dataclass(frozen=True, slots=True)
class _Headline:
    """What is known of a headline so far."""

    text: str
    known_at: dt.datetime
    sources: set[str]
    """Those that show it."""


def shown_texts(
    record: Record, *, since: dt.datetime | None = None, until: dt.datetime | None = None
) -> list[str]:
    """The last text of each headline that a source shows, in the order in which these were known.

    A headline that all of its sources have withdrawn is left out. All texts are held in memory.

    Args:
        record: What was known, and when.
        since: Texts that were known before are left out.
        until: Nothing that became known later is used.
    """
    found: dict[int, _Headline] = {}
    for commit in record.commits(until=until):
        for version in commit.versions:
            before = found.pop(version.headline, None)  # an edit makes it the last one
            sources = before.sources if before is not None else set()
            found[version.headline] = _Headline(version.text, commit.known_at, sources)
        for sighting in commit.sightings:
            if sighting.headline in found:
                found[sighting.headline].sources.add(sighting.source)
        for retraction in commit.retractions:
            if retraction.headline is not None and retraction.headline in found:
                found[retraction.headline].sources.discard(retraction.source)
    return [
        headline.text
        for headline in found.values()
        if headline.sources and (since is None or headline.known_at >= since)
    ]
