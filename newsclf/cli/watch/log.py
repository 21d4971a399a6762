"""Changes of a watch as lines of plain text, where stdout is not a terminal."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict

from newsclf.common.visible import visible
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.page.hub import MAX_HEADLINES, Change
from newsclf.watch.page.view import Alert, Drift, Headline, SourceHealth


class Log:
    """Words for headlines, alerts, and changes of a source's verdict; none for signals."""

    def __init__(self) -> None:
        self._headlines: OrderedDict[str, str] = OrderedDict()
        """The last line of each headline."""
        self._verdicts: dict[str, Outcome] = {}

    def line(self, change: Change, now: dt.datetime) -> str | None:
        """The line of a change; None if it says nothing new."""
        if isinstance(change, Headline):
            return self._headline(change)
        if isinstance(change, SourceHealth):
            return self._source(change, now)
        if isinstance(change, Drift):
            return f"{_time(change.at)} drift: {visible(change.words)}"
        return _alert(change) if isinstance(change, Alert) else None

    def _headline(self, headline: Headline) -> str | None:
        if headline.classification is None:  # it comes again with one
            return None
        line = _headline(headline)
        is_known = self._headlines.get(headline.id) == line
        self._headlines[headline.id] = line
        if len(self._headlines) > MAX_HEADLINES:
            self._headlines.popitem(last=False)
        return None if is_known else line

    def _source(self, source: SourceHealth, now: dt.datetime) -> str | None:
        before = self._verdicts.get(source.name, Outcome.OK)
        self._verdicts[source.name] = source.verdict
        # A feed without items is as healthy as one with items, and may change at each reading.
        quiet = (Outcome.OK, Outcome.EMPTY)
        if source.verdict is before or (source.verdict in quiet and before in quiet):
            return None
        words = f": {visible(source.words)}" if source.words else ""
        verdicts = f"{_words(source.verdict)} (was {_words(before)})"
        return f"{_time(now)} source {visible(source.name)}: {verdicts}{words}"


def _headline(headline: Headline) -> str:
    found = headline.classification
    label = f"{found.label} {round(100 * max(found.probabilities))} %" if found else ""
    entities = f" [{visible(', '.join(headline.entities))}]" if headline.entities else ""
    marks = [
        mark
        for mark, is_true in (
            ("edited", headline.edited),
            ("retracted", headline.retracted),
            ("several names", headline.abstained),
            ("in doubt", bool(headline.doubtful)),
            ("reports a price move", headline.reports_move),
        )
        if is_true
    ]
    marked = f" ({', '.join(marks)})" if marks else ""
    text = f"{visible(headline.source)}: {visible(headline.title)}"
    return f"{_time(headline.first_seen)} headline {label}, {text}{entities}{marked}"


def _alert(alert: Alert) -> str:
    score = "no news" if alert.signal is None else f"{alert.signal:+.2f}"
    entity = "all headlines" if alert.entity is None else visible(alert.entity)
    because = "".join(
        f"; {visible(each.source)}: {visible(each.title)}" for each in alert.evidence[:1]
    )
    return f"{_time(alert.at)} alert {alert.kind}, {alert.direction}, {entity}: {score}{because}"


def _words(verdict: Outcome) -> str:
    return verdict.replace("_", " ")


def _time(at: dt.datetime) -> str:
    return f"{at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
