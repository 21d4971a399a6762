"""Show what `newsclf watch --check` finds."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING

from newsclf.cli.signals import run_async
from newsclf.common.visible import visible

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.watch.checking import Checked
    from newsclf.watch.configuration import WatchSettings


def check(output: Output, settings: WatchSettings, folder: Path, *, allow_private: bool) -> None:
    """Try each source once, and show what it said.

    Raises:
        CheckFailedError: A source can't be read.
    """
    from newsclf.common.errors import CheckFailedError
    from newsclf.watch.checking import check as run

    count = len(settings.sources)
    output.note(f"trying {count} source{'s' * (count != 1)}; nothing is recorded")
    found = run_async(run(settings, folder=folder, environ=os.environ, allow_private=allow_private))
    now = dt.datetime.now(dt.UTC)
    output.data([_document(each) for each in found])
    output.show(
        output.table(
            "Sources",
            ("source", "verdict", "items", "newest", "took"),
            [
                (
                    each.name,
                    each.outcome.replace("_", " "),
                    each.items,
                    _newest(each, now),
                    f"{each.took_s:.1f} s",
                )
                for each in found
            ],
            optional=("took",),
        )
    )
    for each in found:
        if each.detail:
            output.show(f"{each.name}: {visible(each.detail)}")
        if each.terms:
            output.show(f"{each.name}: terms: {visible(each.terms)}")
        if each.moved_to:
            place = visible(each.moved_to)
            output.show(f"{each.name}: it has moved to {place}: change its address")
    failed = [each.name for each in found if not each.outcome.delivers]
    if failed:
        raise CheckFailedError(
            f"{len(failed)} of {count} sources can't be read: {', '.join(failed)}",
            hint="mend or remove them in watch.toml; a watch goes on trying them",
        )


def _newest(found: Checked, now: dt.datetime) -> str:
    from newsclf.watch.feeds.health import duration

    if found.newest is None:
        return "" if not found.items else "no times"
    return f"{duration(max(0.0, (now - found.newest).total_seconds()))} ago"


def _document(found: Checked) -> dict[str, object]:
    return {
        "source": found.name,
        "verdict": found.outcome.value,
        "items": found.items,
        "newest": found.newest.isoformat() if found.newest else None,
        "first_headline": found.title,
        "detail": found.detail,
        "terms": found.terms,
        "moved_to": found.moved_to,
        "took_s": round(found.took_s, 3),
    }
