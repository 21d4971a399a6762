"""`newsclf watch replay` on records of headlines about companies of a list."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from newsclf.contract.answers import Prediction
from newsclf.watch.chain import Chain
from newsclf.watch.configuration import load_watch
from newsclf.watch.feeds.asking import Answered
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.item import Item
from newsclf.watch.opening import configuration_of, reference_of
from newsclf.watch.record.recorder import Recorder
from newsclf.watch.record.replay import Record
from tests.conftest import Cli
from tests.support.newsrecord import START, Clock

LIST = """name,aliases,tickers,exchange,cik,isin
Orvane Motors Inc,Orvane Motors,ORV,NYSE,1,
Orvane Hospitality Inc,Orvane Hospitality,OVH,NYSE,2,
Tarnholt Bank Corp,Tarnholt Bank,TBK,NYSE,3,
"""
SETTINGS = """
schema_version = 1
contact = "test@example.com"
entity_list = "{name}"
sources = [{{ name = "wire", path = "news" }}]
watchlist = [{{ name = "Orvane Motors", tickers = ["ORV"] }}]
signals = {{ bar_s = 60, shrinkage = 1, half_life_s = 86400 }}
"""


@pytest.fixture(autouse=True)
def settings() -> None:
    Path("own.csv").write_text(LIST, encoding="utf-8")
    Path("watch.toml").write_text(SETTINGS.format(name="own.csv"), encoding="utf-8")
    Path("plain.toml").write_text(SETTINGS.format(name="none"), encoding="utf-8")


def watch(titles: Sequence[str], tickers: tuple[str, ...] = ()) -> None:
    """Record headlines, each with a score of +1, and the bar after them."""
    clock = Clock(START + dt.timedelta(seconds=30))
    here = Path()
    settings = load_watch(here / "watch.toml")
    reference = reference_of(settings, here)
    configuration = configuration_of(settings, "5f" * 32, "a test", reference)
    with Recorder(Path("record.db"), now=clock) as recorder, Record(Path("record.db")) as record:
        sharing = recorder.sharing()
        chain = Chain(recorder, record, configuration, sharing=sharing, reference=reference)
        chain.restore()
        items = [Item(title=t, id=str(n), tickers=tickers) for n, t in enumerate(titles)]
        chain.add_answer(
            "wire", Answered(outcome=Outcome.OK, items=tuple(items), at=clock.now, monotonic_s=0.0)
        )
        waiting = chain.to_score(100)
        chain.add_scores([v for v, _ in waiting], [Prediction((0.0, 0.0, 1.0))] * len(waiting))
        clock.pass_(dt.timedelta(seconds=60))
        chain.bar()


def replayed(newsclf: Cli, *options: str) -> dict[str, object]:
    """What `watch replay --json` says of Orvane Motors, beside how many signals differ."""
    found = newsclf("watch", "replay", "--record", "record.db", "--json", *options)
    assert found.exit_code == 0, found.err
    answer = json.loads(found.out)
    last = next(signal for signal in answer["last"] if signal["entity"] == "Orvane Motors")
    return {**last, "differing": answer["differing"]}


@pytest.mark.parametrize(
    ("title", "counts"),
    [
        ("Orvane Motors lifts its forecast", {"events": 1}),
        ("Tarnholt Bank upgrades Orvane Motors", {"events": 1}),
        ("Orvane Hospitality opens a hotel", {"events": 0}),
        ("Tarnholt Bank sues Orvane Motors", {"events": 0, "abstained": 1}),
        ("Vans sell well, says Orvane Motors", {"events": 1}),
        ("Tarnholt Bank shares slump, says Orvane Motors", {"events": 0, "incidental": 1}),
    ],
)
def test_what_a_headline_counts_for_is_recorded_and_replayed(
    newsclf: Cli, title: str, counts: dict[str, int]
) -> None:
    watch([title])

    found = replayed(newsclf)

    assert found["differing"] == 0
    expected = {"events": 0, "abstained": 0, "incidental": 0, "doubtful": 0} | counts
    assert {name: found[name] for name in expected} == expected


def test_relevance_weighs(newsclf: Cli) -> None:
    watch(["Tarnholt Bank upgrades Orvane Motors"])
    beside = replayed(newsclf)["weight"]
    for path in Path().glob("record.db*"):
        path.unlink()
    watch(["Orvane Motors lifts its forecast"])
    subject = replayed(newsclf)["weight"]

    assert isinstance(beside, float)
    assert isinstance(subject, float)
    assert beside == pytest.approx(0.75 * subject)


def test_a_replay_uses_the_list_of_that_time(newsclf: Cli) -> None:
    watch(["Tarnholt Bank sues Orvane Motors"])

    Path("own.csv").write_text(LIST.replace("Tarnholt Bank", "Nimbus Air"), encoding="utf-8")

    assert replayed(newsclf)["events"] == 0
    assert replayed(newsclf)["differing"] == 0
    until = ("--until", f"{START + dt.timedelta(minutes=5):%Y-%m-%dT%H:%M}")
    now = replayed(newsclf, "--file", "watch.toml", *until)
    assert now["events"] == 1, "the bank is no company of the list of now"
    without = replayed(newsclf, "--file", "plain.toml", *until)
    assert without["events"] == 1, "without a list the bank is not seen"


def test_what_is_in_doubt_is_counted_and_exported(newsclf: Cli) -> None:
    Path("watch.toml").write_text(
        SETTINGS.format(name="own.csv").replace('name = "Orvane Motors"', 'name = "Target"'),
        encoding="utf-8",
    )
    watch(["Target cuts prices"], tickers=("TBK",))

    found = newsclf(
        *("watch", "replay", "--record", "record.db", "--items", "items.jsonl", "--json")
    )

    assert found.exit_code == 0, found.err
    last = next(s for s in json.loads(found.out)["last"] if s["entity"] == "Target")
    assert (last["events"], last["doubtful"]) == (0, 1)
    (row,) = map(json.loads, Path("items.jsonl").read_text(encoding="utf-8").splitlines())
    assert (row["entity"], row["doubtful"], row["counts"]) == ("Target", True, False)


def test_symbols_of_the_source_are_recorded_as_such(newsclf: Cli) -> None:
    watch(["Five stocks to watch"], tickers=("NYSE:ORV",))

    newsclf("watch", "replay", "--record", "record.db", "--items", "items.jsonl")

    (row,) = map(json.loads, Path("items.jsonl").read_text(encoding="utf-8").splitlines())
    assert (row["entity"], row["listed"], row["relevance"]) == ("Orvane Motors", True, 10)
    assert replayed(newsclf)["events"] == 0


def test_an_event_weighs_by_its_tellings_and_a_correction_replaces_what_it_corrects(
    newsclf: Cli,
) -> None:
    told = "Orvane Motors recalls 40000 vans over brakes"
    watch(
        [
            told,
            f"UPDATE 1-{told} (Reuters)",
            "Brake fault prompts Orvane Motors recall of 40,000 vans",
            "CORRECTED-Orvane Motors recalls 14000 vans over brakes",
        ]
    )

    found = replayed(newsclf, "--items", "items.jsonl")

    assert found["differing"] == 0
    assert (found["events"], found["items"]) == (1, 2), "the correction and the follow-up"
    rows = [json.loads(row) for row in Path("items.jsonl").read_text("utf-8").splitlines()]
    last = {row["title"]: row["retracted"] for row in rows}
    assert sorted(last.values()) == [False, False, True]
    weight = found["weight"]
    assert isinstance(weight, float)
    for path in Path().glob("record.db*"):
        path.unlink()
    watch([told])
    assert replayed(newsclf)["weight"] == pytest.approx(weight / 1.5)
