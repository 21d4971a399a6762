"""Drift: whether headlines, and what the model makes of them, are still as they were at first.

The last thousand headlines that the model scored are compared with its first two thousand, in three
ways: the mix of classes, how sure the model is, and the share of unknown words. Each is measured by
the population stability index, Σ (q − p) ln(q / p) over the shares p of then and q of now. By the
usual rule less than 0.1 is no change, and more than 0.25 a large one. Unknown are words that the
first thousand headlines don't have; what share is usual, the second thousand tell.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from newsclf.common.records import StrictRecord
from newsclf.contract.labels import LABELS

REFERENCE = 2000
"""Headlines that are compared with; the words of the first half are the known ones."""
WINDOW = 1000
DRIFTED, SETTLED = 0.25, 0.1
_SURE = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Between the classes of confidence."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_PRIOR = 0.5
"""Added to each count, so that no share is 0."""
Measure = Literal["classes", "confidence", "words"]
_NAMES: Mapping[Measure, str] = {
    "classes": "the mix of classes",
    "confidence": "the model's confidence",
    "words": "the share of unknown words",
}


class ScoredText(NamedTuple):
    """A text with its probabilities, in the order of LABELS."""

    text: str
    probabilities: tuple[float, float, float]


class Drift(StrictRecord):
    """How far the last headlines are from the first."""

    headlines: int
    """That are compared."""
    classes: float
    """Population stability index, as are the next two."""
    confidence: float
    words: float
    unknown_words: float
    """Share among the words of the last headlines."""
    unknown_words_before: float


class DriftAlert(StrictRecord):
    """Headlines are not any more what they were when the model began, or are again."""

    schema_version: Literal[1] = 1
    id: str
    """The same whenever this alert is computed or sent again."""
    kind: Literal["drifted", "settled"]
    measure: Measure
    at: datetime
    drift: Drift
    words: str
    """What is the matter, for people."""


class _Seen(NamedTuple):
    label: int
    sure: int
    """Class of its confidence."""
    words: int
    unknown: int


class DriftMonitor:
    """The first and the last headlines that a model scored."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: set[str] = set()
        self._taken = 0
        self._before: list[_Seen] = []
        self._last: deque[_Seen] = deque(maxlen=WINDOW)
        self._now: Drift | None = None

    def take(self, scored: ScoredText) -> None:
        """Take in the next text that was scored."""
        self._taken += 1
        words = [word.lower() for word in _WORD.findall(scored.text)]
        if self._taken <= REFERENCE // 2:
            self._known.update(words)
        sure = max(scored.probabilities)
        seen = _Seen(
            label=scored.probabilities.index(sure),
            sure=sum(sure >= limit for limit in _SURE),
            words=len(words),
            unknown=sum(word not in self._known for word in words),
        )
        (self._before if self._taken <= REFERENCE else self._last).append(seen)
        self._now = None

    @property
    def drift(self) -> Drift | None:
        """How it is now; None until there are enough headlines."""
        if len(self._last) < WINDOW:
            return None
        if self._now is None:
            unknown_before, words_before = _unknown(self._before[REFERENCE // 2 :])
            unknown, words = _unknown(self._last)
            self._now = Drift(
                headlines=len(self._last),
                classes=_index(
                    _counts((each.label for each in self._before), len(LABELS)),
                    _counts((each.label for each in self._last), len(LABELS)),
                ),
                confidence=_index(
                    _counts((each.sure for each in self._before), len(_SURE) + 1),
                    _counts((each.sure for each in self._last), len(_SURE) + 1),
                ),
                words=_index(
                    [unknown_before, words_before - unknown_before], [unknown, words - unknown]
                ),
                unknown_words=unknown / max(1, words),
                unknown_words_before=unknown_before / max(1, words_before),
            )
        return self._now


def drift_alerts(
    drifted: Mapping[str, bool], found: Drift | None, at: datetime, configuration: str
) -> list[DriftAlert]:
    """The alerts on drift at a time.

    Args:
        drifted: Whether each measure was reported as drifted, by its name.
        found: How it is now.
        at: The time, UTC.
        configuration: Digest of the configuration.
    """
    if found is None:
        return []
    alerts: list[DriftAlert] = []
    for measure, name in _NAMES.items():
        value = getattr(found, measure)
        was = drifted.get(measure, False)
        if (value < SETTLED) if was else (value >= DRIFTED):
            kind: Literal["drifted", "settled"] = "settled" if was else "drifted"
            key = json.dumps([configuration, "drift", measure, kind, at.isoformat()])
            how = "is again as" if was else "is not what"
            alerts.append(
                DriftAlert(
                    id=hashlib.sha256(key.encode()).hexdigest()[:32],
                    kind=kind,
                    measure=measure,
                    at=at,
                    drift=found,
                    words=f"{name} {how} it was in the first {REFERENCE:,} headlines"
                    f" (stability index {value:.2f})",
                )
            )
    return alerts


def drifted_after(alerts: Iterable[DriftAlert]) -> dict[str, bool]:
    """Whether each measure was reported as drifted, after alerts in their order."""
    return {alert.measure: alert.kind == "drifted" for alert in alerts}


def _unknown(seen: Iterable[_Seen]) -> tuple[int, int]:
    found = list(seen)
    return sum(each.unknown for each in found), sum(each.words for each in found)


def _counts(values: Iterable[int], classes: int) -> list[int]:
    counted = Counter(values)
    return [counted[number] for number in range(classes)]


def _index(before: Sequence[int], now: Sequence[int]) -> float:
    """The population stability index of two sets of counts."""
    shares = [
        [(count + _PRIOR) / (sum(counts) + _PRIOR * len(counts)) for count in counts]
        for counts in (before, now)
    ]
    return math.fsum((q - p) * math.log(q / p) for p, q in zip(*shares, strict=True))
