"""Tests of the drift monitor: what is drift, and what is chance."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence

import pytest

from newsclf.watch.signals.measures.drift import (
    REFERENCE,
    WINDOW,
    DriftAlert,
    DriftMonitor,
    ScoredText,
    drift_alerts,
    drifted_after,
)

NOW = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)
PLAIN = (0.2, 0.5, 0.3)
"""Shares of the classes."""


class News:
    """Headlines by chance: classes, confidence and words of a distribution."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - a test's data

    def headlines(
        self, count: int, *, shares: Sequence[float] = PLAIN, sure: float = 0.8, prefix: str = ""
    ) -> list[ScoredText]:
        """So many of them, in this order."""
        found = []
        for _ in range(count):
            label = self.rng.choices(range(3), shares)[0]
            most = min(0.99, max(0.4, self.rng.gauss(sure, 0.1)))
            others = (1 - most) / 2
            probabilities = [most if n == label else others for n in range(3)]
            numbers = [int(self.rng.paretovariate(0.9)) for _ in range(8)]
            words = " ".join(prefix + _word(number) for number in numbers)
            found.append(ScoredText(words, (probabilities[0], probabilities[1], probabilities[2])))
        return found


def _word(number: int) -> str:
    return "w" + "".join(chr(ord("a") + int(digit)) for digit in str(number))


def monitor(*parts: list[ScoredText]) -> DriftMonitor:
    found = DriftMonitor()
    for part in parts:
        for each in part:
            found.take(each)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_news_as_before_is_no_drift(seed: int) -> None:
    news = News(seed)
    found = monitor(news.headlines(REFERENCE + WINDOW)).drift

    assert found is not None
    assert found.headlines == WINDOW
    assert max(found.classes, found.confidence, found.words) < 0.05
    assert drift_alerts({}, found, NOW, "c0ffee") == []


@pytest.mark.parametrize(
    ("measure", "changed"),
    [
        ("classes", {"shares": (0.6, 0.3, 0.1)}),
        ("confidence", {"sure": 0.65}),
        ("words", {"prefix": "uus"}),
    ],
)
def test_what_changes_is_told_once_and_told_when_it_is_over(
    measure: str, changed: dict[str, object]
) -> None:
    news = News(1)
    watched = monitor(news.headlines(REFERENCE), news.headlines(WINDOW, **changed))  # type: ignore[arg-type]
    told = drift_alerts({}, watched.drift, NOW, "c0ffee")

    assert [(alert.measure, alert.kind) for alert in told] == [(measure, "drifted")]
    assert "is not what it was" in told[0].words
    assert drift_alerts(drifted_after(told), watched.drift, NOW, "c0ffee") == []
    for each in news.headlines(WINDOW):
        watched.take(each)
    over: list[DriftAlert] = drift_alerts(drifted_after(told), watched.drift, NOW, "c0ffee")
    assert [(alert.measure, alert.kind) for alert in over] == [(measure, "settled")]
    assert drifted_after([*told, *over]) == {measure: False}


def test_there_is_no_drift_before_there_are_enough_headlines() -> None:
    news = News(2)

    assert monitor(news.headlines(REFERENCE + WINDOW - 1, shares=(1, 0, 0))).drift is None


def test_the_index_by_hand() -> None:
    sure = (0.1, 0.0, 0.9)
    before = [ScoredText("alpha beta", sure)] * REFERENCE
    now = [ScoredText("alpha gamma", (0.9, 0.0, 0.1))] * (WINDOW // 2)
    found = monitor(before, now, before[: WINDOW // 2]).drift

    assert found is not None
    # Classes: negative from 0 to a half, positive from 1 to a half; each count half an item more.
    p, q = 0.5 / 2001.5, 500.5 / 1001.5
    p2, n2 = 2000.5 / 2001.5, 0.5 / 1001.5
    expected = (q - p) * _ln(q / p) + (q - p2) * _ln(q / p2) + (n2 - p) * _ln(n2 / p)
    assert found.classes == pytest.approx(expected)
    assert found.confidence == pytest.approx(0, abs=0.005)
    assert (found.unknown_words_before, found.unknown_words) == (0, 0.25)


def _ln(value: float) -> float:
    import math

    return math.log(value)
