"""`newsclf label --worth`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsclf.cli.label.worth_view import sentences
from newsclf.common.intervals import Interval
from newsclf.label.worth import MORE, Point, Worth
from tests.conftest import Cli


def test_the_worth_of_labels_is_shown(tiny_base: Path, newsclf: Cli) -> None:
    arguments = ("label", "--worth", "sample", "--base", tiny_base, "--price-per-label", "0.02")

    result = newsclf(*arguments, "--json")

    assert result.exit_code == 0, result.err
    found = json.loads(result.out)
    assert [point["share"] for point in found["points"]] == [0.25, 0.5, 0.75, 1.0]
    learnt = [point["labels"] for point in found["points"]]
    assert learnt == sorted(learnt)
    assert learnt[-1] == pytest.approx(0.9 * found["labels"], abs=1)
    for name in ("accuracy", "macro_f1"):
        assert all(
            0 <= p[name]["low"] <= p[name]["value"] <= p[name]["high"] <= 1 for p in found["points"]
        )
        assert (name in found["gain"]) != (name in found["why_not"])
    assert found["cost_usd"] == pytest.approx(20)
    assert "rows of the validation and test part" in result.err


def test_a_model_that_has_learnt_the_rows_is_refused(trained: Path, newsclf: Cli) -> None:
    result = newsclf("label", "--worth", "sample", "--base", trained / "model")

    assert result.exit_code == 2
    assert "it would believe their labels" in result.err


def test_a_price_that_is_none_is_refused(newsclf: Cli) -> None:
    result = newsclf("label", "--worth", "sample", "--price-per-label", "cheap")

    assert result.exit_code == 2
    assert "expected USD" in result.err


def worth_of(**changes: object) -> Worth:
    """A learning curve of four equal points."""
    score = Interval(value=0.8, low=0.78, high=0.82)
    points = [
        Point(share=share, labels=round(900 * share), accuracy=score, macro_f1=score)
        for share in (0.25, 0.5, 0.75, 1.0)
    ]
    fields: dict[str, object] = {
        "name": "mine.csv",
        "labels": 1_000,
        "repeated": 0,
        "held_out": 0,
        "base": "minilm",
        "points": tuple(points),
        "more": MORE,
        "gain": {"accuracy": Interval(value=0.012, low=0.004, high=0.021)},
        "why_not": {"macro_f1": "it may be chance"},
        "cost_per_label_usd": 0.0003,
        "cost_usd": 0.3,
    }
    return Worth.model_validate(fields | changes)


def test_gain_and_cost_are_told_in_words() -> None:
    gain, unknown, cost, _ = sentences(worth_of())

    more = "1,000 more labels like these"
    assert gain == f"{more} would raise accuracy by about 1.2 points (95 %: 0.4\u20132.1)."
    assert unknown == f"It can't be told what {more} would bring to macro-F1: it may be chance."
    assert cost == "They would cost $0.3, at $0.0003 each."
    *_, small, _ = sentences(worth_of(cost_usd=0.07, cost_per_label_usd=0.00007))
    assert small == "They would cost $0.07, at $0.00007 each."


def test_a_cost_that_is_not_known_is_not_made_up() -> None:
    said = sentences(worth_of(cost_usd=None, cost_per_label_usd=None))

    assert "What a label costs is not recorded; --price-per-label says it." in said
