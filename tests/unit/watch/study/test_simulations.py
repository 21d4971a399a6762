"""Studies of simulated markets, whose effects are known."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

import numpy as np
import pytest

from newsclf.watch.study import tables
from newsclf.watch.study.anonymous import StudyModel
from newsclf.watch.study.news import Nameless
from newsclf.watch.study.page import render_page
from newsclf.watch.study.records import StudyReport, StudySettings
from newsclf.watch.study.run import study
from tests.support.market import Simulation, simulate

SETTINGS = StudySettings(draws=199)


def studied(wanted: Simulation, seed: int = 1, settings: StudySettings = SETTINGS) -> StudyReport:
    return study(*simulate(wanted, seed), settings)


def test_a_planted_effect_is_found_and_its_size_is_in_the_interval() -> None:
    found = studied(Simulation(reaction_bp=80, after_bp=60))
    assert found.verdict_kind == "tradable"
    after = found.windows[-1].estimate
    assert after.low is not None
    assert after.high is not None
    assert after.low < 60 < after.high
    assert (found.windows[-1].placebo_p or 1) < 0.05
    assert (found.windows[-1].shuffled_p or 1) < 0.05
    first, last = found.horizons[0].estimate, found.horizons[3].estimate
    assert first.mean is not None
    assert last.mean is not None
    assert first.mean > last.mean > 0, "the correlation decays"
    assert found.portfolio is not None
    nets = [each.net_bp.mean or 0 for each in found.portfolio.after_costs]
    assert nets == sorted(nets, reverse=True)
    assert not any("late" in warning for warning in found.warnings)


def test_a_reaction_on_the_day_of_the_news_is_not_called_tradable() -> None:
    found = studied(Simulation(reaction_bp=100))
    assert found.verdict_kind == "reaction"
    assert "no evidence that anything is left" in found.verdict


def test_without_an_effect_the_verdict_is_no_evidence() -> None:
    kinds = [studied(Simulation(days=300), seed).verdict_kind for seed in range(20)]
    # At a level of 5 % more than 4 of 20 happen once in 400 times; the seeds are fixed.
    assert kinds.count("none") >= 16


def test_what_passes_before_the_news_is_told_and_no_evidence() -> None:
    found = studied(Simulation(reaction_bp=-100))

    assert found.verdict_kind == "none"
    assert "no test of what comes after it passes" in found.verdict
    told = found.verdict.partition("what passes begins before it: ")[2]
    assert re.findall(r"-\d+ bp \(95 %: -\d+ to -\d+\) in (\[\S+ \S+\])", told) == [
        "[-1, 0]",
        "[0, 1]",
    ]


def test_an_effect_that_goes_against_the_news_is_a_reversal() -> None:
    found = studied(Simulation(after_bp=-80))
    assert found.verdict_kind == "reversal"


def test_news_that_was_known_late_is_warned_of_and_not_used_before() -> None:
    found = studied(Simulation(reaction_bp=250, effect_days=4, late_days=3))
    assert found.verdict_kind == "too_late"
    assert found.late_headlines == found.headlines > 0
    assert any("known on a later trading day" in warning for warning in found.warnings)
    assert any("look-ahead" in warning for warning in found.warnings)
    after = found.windows[-1].estimate
    assert (after.low or 0) < 0 < (after.high or 0), "it was over when the news was known"
    assert (found.by_published.low or 0) > 100


def test_the_threshold_is_corrected_for_what_was_tried() -> None:
    once = studied(Simulation(days=300))
    often = studied(Simulation(days=300), settings=StudySettings(draws=199, tried=10))
    assert once.trials == once.tests == 9
    assert often.trials == 90
    assert often.threshold_p == pytest.approx(0.05 / 90)


def test_few_news_are_too_little_to_tell() -> None:
    found = studied(Simulation(days=200, entities=5, news_a_day=0.02))
    assert found.verdict_kind == "too_little_data"


def test_the_page_has_the_verdict_and_loads_nothing() -> None:
    html = render_page(studied(Simulation(days=300)))
    assert "No evidence that prices follow the news" in html
    assert "Not advice" in html
    assert "http" not in html.replace("http-equiv", "").replace("http://www.w3.org", "")
    few = render_page(studied(Simulation(days=200, entities=5, news_a_day=0.02)))
    assert "Too little data" in few


# --- headlines without names

MODEL = StudyModel(
    classify=lambda _: [],
    digest="5f" * 32,
    trained=dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
    base="b",
)


def without_names(
    wanted: Simulation, *, same: bool, model: StudyModel = MODEL, scored_the_news: bool = True
) -> StudyReport:
    """A study whose headlines say the same without names, or nothing."""
    prices, news, readings = simulate(wanted, 1)
    rng = np.random.default_rng(1)
    random = [float(score) for score in rng.uniform(-1, 1, len(news) + len(readings))]
    nameless = Nameless(
        model=model,
        scored_the_news=scored_the_news,
        texts=len(news),
        news=news if same else [n._replace(score=s) for n, s in zip(news, random, strict=False)],
        readings=readings
        if same
        else [r._replace(score=s) for r, s in zip(readings, reversed(random), strict=False)],
    )
    return study(prices, news, readings, SETTINGS, nameless)


EFFECT = Simulation(reaction_bp=80, after_bp=60)


def test_headlines_that_say_the_same_without_names_have_the_same_results() -> None:
    found = without_names(EFFECT, same=True)
    alone = studied(EFFECT)

    assert found.anonymous is not None
    assert (found.anonymous.windows, found.anonymous.horizons) == (found.windows, found.horizons)
    baseline = found.baselines[-1]
    assert baseline.name == "anonymised headlines"
    assert baseline.signal_is_better_by.mean == 0
    assert (found.verdict, found.warnings, found.trials) == (
        alone.verdict,
        alone.warnings,
        alone.trials,
    )


def test_a_signal_that_says_more_with_names_is_warned_of() -> None:
    found = without_names(EFFECT, same=False)

    assert found.anonymous is not None
    after = found.anonymous.windows[-1].estimate
    assert (after.low or 0) < 0 < (after.high or 0)
    assert any("says more with the names" in warning for warning in found.warnings)
    assert "anonymised" not in found.verdict


def test_a_model_that_was_trained_after_the_news_is_warned_of() -> None:
    known = sorted(each.known_s for each in simulate(EFFECT, 1)[1])
    middle = dt.datetime.fromtimestamp(known[len(known) // 2], dt.UTC)
    later = dataclasses.replace(MODEL, trained=middle)
    [warning] = without_names(EFFECT, same=True, model=later).warnings

    assert f"trained on {middle:%Y-%m-%d}, after 50 % of the headlines" in warning


def test_headlines_that_another_model_scored_are_told_apart() -> None:
    [warning] = without_names(EFFECT, same=False, scored_the_news=False).warnings

    assert "scored by another model" in warning


def test_without_a_model_the_table_says_how_to_give_one() -> None:
    found = studied(Simulation(days=200))

    assert tables.baseline_table(found).rows[-1][0] == "anonymised headlines (add --model DIR)"
    assert not tables.anonymous_table(found).rows
    assert len(tables.anonymous_table(without_names(EFFECT, same=True)).rows) == 9
    assert "The same tests on anonymised headlines" in render_page(without_names(EFFECT, same=True))


@pytest.mark.load
def test_false_positives_are_as_many_as_stated() -> None:
    """Over 200 simulations without effect; each test by itself, and verdicts all together."""
    found = [studied(Simulation(), seed) for seed in range(200)]
    verdicts = sum(each.verdict_kind != "none" for each in found)
    # By the binomial distribution 5 % of 200 is at most 18, with a probability of 99.4 %.
    assert verdicts <= 18
    for number in range(4):
        ps = [each.windows[number].estimate.p or 1 for each in found]
        assert sum(p < 0.05 for p in ps) <= 18
