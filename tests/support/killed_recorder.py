"""Record numbered documents, and be killed: a process for tests of what a record survives.

    python killed_recorder.py RECORD DOCUMENTS STATEMENT

Before its statement of that number (0: never) the process kills itself with SIGKILL. It prints the
number of each document that was recorded. Each document raises an alert, which is sent to CHANNEL.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
from functools import partial

from sqlalchemy import Connection, Engine, event

from newsclf.watch.item import Item
from newsclf.watch.record.recorder import BarEntries, Recorder
from newsclf.watch.record.rows import Alert, Delivery, Fetch, Score
from newsclf.watch.record.storage.address import place_of

START = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
CHANNEL = "hook"
_SUBJECTS = ("Acme", "Korvath Bank", "Oil", "Gold", "Copper", "Norland", "Tessel", "Wheat")


def document(number: int) -> list[Item]:
    """Items of a feed that shows each headline in three documents, and edits some."""
    found = []
    for story in range(max(0, number - 2), number + 1):
        subject = _SUBJECTS[story % len(_SUBJECTS)]
        edited = story % 3 == 0 and number > story
        title = f"{subject} moves {story} points after {'a second' if edited else 'the'} report"
        found.append(Item(title=title, id=f"g{story}", url=f"https://example.com/{story}"))
        if story % 4 == 0 and number == story + 2:
            found.append(Item(title="", id=f"g{story}", retracted=True))
    return found


def _given(found: BarEntries, _: dt.datetime) -> BarEntries:
    return found


def main() -> None:
    """Record documents until the end, or until killed."""
    place, documents, fatal = place_of(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1
        if statements == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    @event.listens_for(Engine, "before_cursor_execute")
    def _statement(*_: object) -> None:
        count()

    @event.listens_for(Engine, "commit")
    def _commit(_: Connection) -> None:
        count()

    clock = START
    with Recorder(place, now=lambda: clock) as recorder:
        for number in range(documents):
            clock = START + dt.timedelta(minutes=number)
            fetch = Fetch(source="wire", fetched_at=clock, monotonic_s=float(number), outcome="ok")
            added = recorder.add_fetch(fetch, document(number), live_until=lambda _: START)
            print(number, flush=True)  # noqa: T201 - the test reads it
            recorder.add_scores(
                [Score(version, "m", "int8", 0.25, 0.5, 0.25) for version, _ in added.versions]
            )
            alert = f"alert {number}"
            found = BarEntries(
                alerts=[Alert(id=alert, rule="score", entity="", detail={"id": alert})]
            )
            recorder.add_computed(partial(_given, found), configuration=("digest", ""))
            recorder.add_delivery(
                Delivery(alert=alert, channel=CHANNEL, delivered=True, attempts=1)
            )


if __name__ == "__main__":
    main()
