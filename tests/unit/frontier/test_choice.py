"""What follows from the figures of a frontier: prices, dominated models, the default."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsclf.frontier.choice import choose, price_of, with_dominated
from newsclf.frontier.records import frontier_schema
from tests.support.frontier_builders import build_row, build_speed

PUBLISHED = Path(__file__).parents[3] / "docs" / "frontier.schema.json"
HOW = (
    "python -c 'from newsclf.frontier.records import frontier_schema as s;"
    ' print(s(), end="")\' > docs/frontier.schema.json'
)


def test_the_published_schema_is_that_of_the_record() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == frontier_schema(), HOW


def test_a_price_is_that_of_the_vcpus_and_its_interval_that_of_the_speed() -> None:
    price = price_of(build_speed(250), usd_per_hour=0.102, vcpus=2, utilisation=0.5)
    # 0.102 $/h / (500/s · 3600 s) per request
    assert price.usd_per_million.value == pytest.approx(0.05667, rel=1e-3)
    assert price.usd_per_million_at_use.value == pytest.approx(2 * 0.05667, rel=1e-3)
    low, value, high = (
        price.usd_per_million.low,
        price.usd_per_million.value,
        price.usd_per_million.high,
    )
    assert low is not None
    assert value is not None
    assert high is not None
    assert low < value < high


def test_a_model_is_dominated_by_one_that_is_better_in_one_and_no_worse_in_the_other() -> None:
    rows = with_dominated(
        [
            build_row("teacher", 0.96, 50),
            build_row("slow", 0.93, 100),
            build_row("mini", 0.94, 300),
            build_row("twin", 0.94, 300),
            build_row("tiny", 0.90, 900),
        ]
    )
    assert [(row.name, row.dominated_by) for row in rows] == [
        ("tiny", None),
        ("mini", None),
        ("twin", None),  # the same in both: neither beats the other
        ("slow", "mini"),
        ("teacher", None),
    ]


def test_the_default_is_the_cheapest_that_was_shown_to_be_good_enough() -> None:
    rows = [
        build_row("teacher", 0.96, 50),
        build_row("mini", 0.95, 300, at_most=0.015),
        build_row("tiny", 0.94, 900, at_most=0.031),
    ]
    assert choose(rows, delta=0.02)[0] == "mini"


def test_where_no_cheaper_one_is_good_enough_it_is_the_teacher() -> None:
    rows = [build_row("teacher", 0.96, 50), build_row("tiny", 0.90, 900, at_most=0.09)]
    chosen, reason = choose(rows, delta=0.02)
    assert (chosen, reason) == (
        "teacher",
        "no cheaper model was shown to be less than 2 points worse than the teacher",
    )


def test_a_teacher_without_a_price_is_no_default() -> None:
    rows = [build_row("teacher", 0.96, None), build_row("tiny", 0.90, 900, at_most=0.031)]
    chosen, reason = choose(rows, delta=0.01)
    assert chosen is None
    assert "less than 1 point worse" in reason
    assert "tiny, which is at most 3.1 % worse" in reason
