"""How long headlines took: `newsclf watch replay --latency` on a record whose times are known."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsclf.contract.answers import Prediction
from newsclf.watch.item import Item, Stamp
from tests.conftest import Cli
from tests.support.watching import BAR_S, Watching

STORIES = (
    "Nvidia wins order for chips",
    "Nvidia opens plant in Oslo",
    "Nvidia raises dividend twice",
    "Nvidia hires new finance chief",
)


@pytest.fixture
def watching() -> Iterator[Watching]:
    found = Watching(Path("record.db"))
    yield found
    found.close()


def published(watching: Watching, title: str, before_s: float, *, date_only: bool = False) -> Item:
    at = watching.clock.now - dt.timedelta(seconds=before_s)
    return Item(title=title, id=title, published=Stamp("raw", at, date_only=date_only))


def score(watching: Watching, after_s: float) -> None:
    """Score all that waits as positive, some time later."""
    watching.clock.pass_(dt.timedelta(seconds=after_s))
    waiting = [version for version, _ in watching.chain.to_score(100)]
    watching.chain.add_scores(waiting, [Prediction((0.0, 0.0, 1.0))] * len(waiting))


def test_each_step_of_each_source_is_measured(watching: Watching, newsclf: Cli) -> None:
    watching.deliver("wire", published(watching, "Copper trades near its mean", 86_400))
    score(watching, 1)
    for number, title in enumerate(STORIES):
        watching.pass_(BAR_S)
        watching.deliver("wire", published(watching, title, 10 * (number + 1)))
        score(watching, 2)
    watching.deliver("paper", published(watching, "Gold falls in quiet trade", 600, date_only=True))
    watching.pass_(BAR_S)

    found = newsclf("watch", "replay", "--record", "record.db", "--latency", "--json")

    assert found.exit_code == 0, found.err
    (wire,) = json.loads(found.out)["latency"]
    assert wire["source"] == "wire", "nothing is known yet of the other"
    seen, scored, alert = (
        wire[step] for step in ("published_to_seen", "seen_to_scored", "scored_to_alert")
    )
    assert (seen["n"], seen["p50_s"]) == (4, 25), "the first answer had old news"
    assert seen["p95_s"] < seen["p99_s"] < 40
    assert (scored["n"], scored["p50_s"], scored["p99_s"]) == (5, 2, pytest.approx(2, abs=0.1))
    assert alert["n"] >= 1
    assert 0 < alert["p50_s"] <= BAR_S

    while all(sent.kind == "raised" for sent in watching.sent):
        watching.pass_(BAR_S)
    cleared = newsclf("watch", "replay", "--record", "record.db", "--latency", "--json")
    assert json.loads(cleared.out)["latency"][0]["scored_to_alert"] == alert, "news that fade"

    shown = newsclf("watch", "replay", "--record", "record.db", "--latency")
    assert "published to seen" in shown.out
    assert "25 s" in shown.out


def test_without_the_option_nothing_is_measured(watching: Watching, newsclf: Cli) -> None:
    watching.deliver("wire", Item(title=STORIES[0]))
    watching.pass_(BAR_S)
    found = newsclf("watch", "replay", "--record", "record.db", "--json")
    assert "latency" not in json.loads(found.out)
