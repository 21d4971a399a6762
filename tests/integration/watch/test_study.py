"""`newsclf watch study` on a record of simulated news and a file of prices."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from newsclf.contract.answers import Prediction
from newsclf.watch.chain import Chain
from newsclf.watch.configuration import load_watch
from newsclf.watch.feeds.asking import Answered
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.item import Item, Stamp
from newsclf.watch.opening import configuration_of
from newsclf.watch.record.recorder import Recorder
from newsclf.watch.record.replay import Record
from newsclf.watch.signals.configuration import ReferenceData
from newsclf.watch.signals.measures.trading_time import read_calendar
from newsclf.watch.study.anonymous import StudyModel
from newsclf.watch.study.news import read_recorded
from newsclf.watch.study.records import StudySettings
from newsclf.watch.study.run import StudyRequest, run
from newsclf.watch.study.statistics import Values
from tests.conftest import Cli
from tests.support.market import NEW_YORK, trading_days
from tests.support.newsrecord import Clock

DAYS = trading_days(180)
NAMES = ("Orvane", "Tarnholt", "Korvath", "Belgarn", "Sundrel", "Mirkavo")
_FIRST_NEWS = 75
_EFFECT = 0.05
SETTINGS = f"""
schema_version = 1
contact = "test@example.com"
entity_list = "none"
sources = [{{ name = "wire", path = "news" }}]
watchlist = [{", ".join(f'{{ name = "{name}" }}' for name in NAMES)}]
signals = {{ bar_s = 60, half_life_s = 86400 }}
"""


def record_and_prices(
    reference: ReferenceData | None = None, *, published: Stamp | None = None
) -> None:
    """News of three entities each second day at noon; prices follow on the next day."""
    Path("watch.toml").write_text(SETTINGS, encoding="utf-8")
    rng = np.random.default_rng(5)
    index = rng.normal(0, 0.01, len(DAYS))
    returns = index[:, None] + rng.normal(0, 0.01, (len(DAYS), len(NAMES)))
    here, path = Path(), Path("record.db")
    settings = load_watch(here / "watch.toml")
    configuration = configuration_of(settings, "5f" * 32, "a test", reference or ReferenceData())
    clock = Clock(dt.datetime.combine(DAYS[0], dt.time(12), dt.UTC))
    with Recorder(path, now=clock) as recorder, Record(path) as record:
        chain = Chain(
            recorder, record, configuration, sharing=recorder.sharing(), reference=reference
        )
        chain.restore()
        for day in range(_FIRST_NEWS, len(DAYS) - 8, 2):
            chosen = rng.choice(len(NAMES), 3, replace=False)
            signs = dict(zip(chosen.tolist(), rng.choice((-1, 1), 3).tolist(), strict=True))
            for entity, sign in signs.items():
                returns[day + 1, entity] += sign * _EFFECT
            clock.now = dt.datetime.combine(DAYS[day], dt.time(12, 0, 30), NEW_YORK).astimezone(
                dt.UTC
            )
            _deliver(chain, clock, day, signs, published)
    _write_prices(returns, index)


def _deliver(
    chain: Chain, clock: Clock, day: int, signs: dict[int, int], published: Stamp | None
) -> None:
    items = [
        Item(title=f"{NAMES[each]} day {day}: news", id=f"{day} {each}", published=published)
        for each in signs
    ]
    answered = Answered(outcome=Outcome.OK, items=tuple(items), at=clock.now, monotonic_s=day * 1.0)
    chain.add_answer("wire", answered)
    up = {NAMES[each] for each, sign in signs.items() if sign > 0}
    waiting = chain.to_score(100)
    chain.add_scores(
        [version for version, _ in waiting],
        [
            Prediction((0.0, 0.0, 1.0) if text.split()[0] in up else (1.0, 0.0, 0.0))
            for _, text in waiting
        ],
    )
    clock.pass_(dt.timedelta(seconds=60))
    chain.bar()


def _write_prices(returns: Values, index: Values) -> None:
    closes, level = 50 * np.cumprod(1 + returns, axis=0), 100 * np.cumprod(1 + index)
    lines = ["date,symbol,close"]
    for row, day in enumerate(DAYS):
        lines += [f"{day},{name},{closes[row, n]:.4f}" for n, name in enumerate(NAMES)]
        lines.append(f"{day},INDEX,{level[row]:.4f}")
    Path("prices.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_record_is_studied_against_prices(newsclf: Cli) -> None:
    record_and_prices()
    command = ["watch", "study", "--record", "record.db", "--prices", "prices.csv"]

    found = newsclf(*command, "--index", "INDEX", "--html", "study.html", "--json")

    assert found.exit_code == 0, found.err
    report = json.loads(found.out)
    assert report["verdict_kind"] == "tradable", report["verdict"]
    after = report["windows"][-1]["estimate"]
    assert after["low"] < 1e4 * _EFFECT < after["high"]
    assert report["portfolio"]["after_costs"][0]["net_bp"]["mean"] > 0
    assert any("says when it was published" in warning for warning in report["warnings"])
    page = Path("study.html").read_text("utf-8")
    assert report["verdict"].split(";")[0] in page
    assert all(f"<h4>{name}</h4>" in page for name in NAMES), "a time line of each"
    assert page.count("95 % interval</text>") == len(NAMES), "with the signal's interval"

    shown = newsclf(*command, "--index", "INDEX", "--tried", "3")
    assert shown.exit_code == 0, shown.err
    assert "Evidence that prices follow the news" in shown.out
    assert "× 3 tried" in shown.err
    assert "returns against INDEX" in shown.err

    refused = newsclf(*command, "--html", "study.html")
    assert (refused.exit_code, "--overwrite" in refused.err) == (2, True)
    Path("prices.csv").write_text("date,symbol,close\n2024-01-02,XYZ,1\n", encoding="utf-8")
    unknown = newsclf(*command)
    assert (unknown.exit_code, "XYZ" in unknown.err) == (2, True)


def test_days_end_when_the_exchange_of_the_record_closes_unless_it_is_said(newsclf: Cli) -> None:
    """It closes before the news, which then counts for the day on which prices move."""
    closes = [int(dt.datetime.combine(day, dt.time(11, 30), NEW_YORK).timestamp()) for day in DAYS]
    hours = [f"{day} {at - 3600} {at}\n" for day, at in zip(DAYS, closes, strict=True)]
    record_and_prices(
        ReferenceData(calendar=read_calendar(f"XSOM America/New_York\n{''.join(hours)}"))
    )
    command = ["watch", "study", "--record", "record.db", "--prices", "prices.csv", "--json"]

    result = newsclf(*command, "--index", "INDEX")
    assert "end as XSOM closes" in result.err
    of_record = json.loads(result.out)
    said = json.loads(newsclf(*command, "--index", "INDEX", "--close", "16:00").out)

    assert (of_record["verdict_kind"], of_record["settings"]["exchange"]) == ("reaction", "XSOM")
    assert (said["verdict_kind"], said["settings"]["exchange"]) == ("tradable", None)


@pytest.mark.parametrize("date_only", [False, True])
def test_a_day_that_a_source_claims_is_no_time(*, date_only: bool) -> None:
    at = dt.datetime.combine(DAYS[_FIRST_NEWS], dt.time(), dt.UTC)
    record_and_prices(published=Stamp(raw="a claim", at=at, date_only=date_only))

    with Record(Path("record.db")) as record:
        news = read_recorded(record, until=None).news

    assert {each.published_s for each in news} == {None if date_only else at.timestamp()}


def test_headlines_are_scored_again_without_names_and_the_record_stays_as_it_is() -> None:
    record_and_prices()
    before = Path("record.db").read_bytes()
    asked: list[str] = []

    def classify(texts: Sequence[str]) -> list[Prediction]:
        asked.extend(texts)
        return [Prediction((0.0, 1.0, 0.0)) for _ in texts]

    trained = dt.datetime.combine(DAYS[-1], dt.time(), dt.UTC)
    found, _ = run(
        StudyRequest(
            record=Path("record.db"),
            prices=Path("prices.csv"),
            index="INDEX",
            until=None,
            model=StudyModel(classify=classify, digest="5f" * 32, trained=trained, base="base"),
            settings=StudySettings(),
        )
    )

    assert found.anonymous is not None
    assert found.anonymous.texts == found.headlines
    assert not any(name in text for name in NAMES for text in asked)
    assert all(text.startswith("The company day ") for text in asked)
    assert len(asked) == len(set(asked)), "each text is scored once"
    assert found.anonymous.windows[-1].estimate.n == 0, "neutral news has no direction"
    assert found.verdict_kind == "tradable"
    assert any("trained on" in warning for warning in found.warnings)
    assert Path("record.db").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--prices", "prices.csv"], 3, "record.db"),
        (["--prices", "prices.csv", "--close", "four"], 2, "four"),
        (["--prices", "prices.csv", "--model", "none"], 3, "none"),
        ([], 2, "--prices"),
    ],
)
def test_what_cannot_be_studied_says_why(
    newsclf: Cli, options: list[str], code: int, said: str
) -> None:
    result = newsclf("watch", "study", *options)
    assert (result.exit_code, said in result.err) == (code, True), result.err
