"""`newsclf watch replay --half-lives`, and drift, on real records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsclf.watch.item import Item
from newsclf.watch.record.replay import Record
from newsclf.watch.replaying import replay
from newsclf.watch.signals.configuration import ReferenceData
from newsclf.watch.signals.measures.drift import REFERENCE, WINDOW, DriftAlert
from tests.conftest import Cli
from tests.support.watching import BAR_S, Watching, configuration


def test_signals_with_half_and_twice_the_half_life(newsclf: Cli, tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    watching = Watching(path)
    watching.deliver("wire", Item(title="Nvidia rises"))
    watching.score()
    for _ in range(10):
        watching.pass_(BAR_S)
    watching.close()

    found = json.loads(newsclf("watch", "replay", "--record", path, "--half-lives", "--json").out)

    nvidia = next(each for each in found["half_lives"] if each["entity"] == "Nvidia")
    quiet = next(each for each in found["half_lives"] if each["entity"] == "Vodafone")
    assert nvidia["bars"] == 10
    half, usual, twice = nvidia["half"], nvidia, nvidia["twice"]
    assert [each["half_life_s"] for each in (half, usual, twice)] == [300, 600, 1200]
    # One headline of ten minutes; the further it is from forgotten, the further it is from 0.
    assert abs(half["score"]) < abs(usual["score"]) < abs(twice["score"])
    assert half["mean_difference"] > 0
    assert half["other_sign"] == 0
    assert quiet["half"]["score"] is quiet["half"]["mean_difference"] is None
    last = next(each for each in found["last"] if each["entity"] == "Nvidia")
    assert last["score"] == usual["score"]


def text(number: int, word: str) -> str:
    """A headline that is near no other."""
    letters = str.maketrans("0123456789", "abcdefghij")
    return f"{word} {str(number).translate(letters)}x {str(number * 7919).translate(letters)}y"


def take(watching: Watching, numbers: range, word: str) -> None:
    """Deliver and score headlines, some hundred in a minute."""
    for start in range(numbers.start, numbers.stop, 250):
        titles = [text(n, word) for n in range(start, min(start + 250, numbers.stop))]
        watching.deliver("wire", *(Item(title=title, id=title) for title in titles))
        watching.score(1000)
        watching.pass_(BAR_S)


@pytest.mark.parametrize("restarts", [False, True])
def test_drift_is_told_once_also_after_a_restart_and_a_replay_says_the_same(
    tmp_path: Path, *, restarts: bool
) -> None:
    path = tmp_path / "record.db"
    watching = Watching(path)
    take(watching, range(REFERENCE), "common words in every headline are known")
    if restarts:
        watching.restart()
    take(watching, range(REFERENCE, REFERENCE + WINDOW), "uudised teises keeles on tundmatud siin")
    if restarts:
        watching.restart()
    watching.pass_(BAR_S)
    told = [each for each in watching.sent if isinstance(each, DriftAlert)]
    watching.close()

    assert [(each.measure, each.kind) for each in told] == [("words", "drifted")]
    with Record(path) as record:
        bars = list(replay(record, configuration(), ReferenceData()))
    assert [bar.differences for bar in bars] == [0] * len(bars)
    again = [each for bar in bars for each in bar.alerts if isinstance(each, DriftAlert)]
    assert again == told
