"""Which sources a signal could count on, as the record knew it at a time."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Sequence

from newsclf.watch.record.rows import Commit
from newsclf.watch.signals.aggregate import Coverage


class Sources:
    """The verdicts on the sources, at rising times, live and in a replay."""

    def __init__(self, names: Sequence[str]) -> None:
        """Begin before the first fetch.

        Args:
            names: The sources that are configured; those of earlier runs are passed over.
        """
        self._verdicts: dict[str, deque[tuple[dt.datetime, dt.datetime | None]]] = {
            name: deque() for name in names
        }

    def add(self, commit: Commit) -> None:
        """Take in the verdict that was recorded with a fetch."""
        if commit.fetch is not None:
            self.add_verdict(commit.fetch.source, commit.known_at, commit.fetch.live_until)

    def add_verdict(
        self, source: str, known_at: dt.datetime, live_until: dt.datetime | None
    ) -> None:
        """Take in that a source is live until some time, or not at all."""
        if source in self._verdicts:
            self._verdicts[source].append((known_at, live_until))

    def knows(self, source: str) -> bool:
        """Whether there is a verdict on a source."""
        return bool(self._verdicts.get(source))

    def coverage(self, at: dt.datetime) -> Coverage:
        """How many were live at a time, which rises from call to call."""
        return Coverage(sum(self._live(name, at) for name in self._verdicts), len(self._verdicts))

    def _live(self, name: str, at: dt.datetime) -> bool:
        verdicts = self._verdicts[name]
        while len(verdicts) > 1 and verdicts[1][0] <= at:
            verdicts.popleft()
        if not verdicts or verdicts[0][0] > at:  # not asked yet
            return False
        until = verdicts[0][1]
        return until is not None and until >= at
