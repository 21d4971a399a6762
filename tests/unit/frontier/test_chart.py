"""The chart of a frontier."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from newsclf.frontier.chart import frontier_figure
from newsclf.frontier.choice import with_dominated
from newsclf.reporting.page import standalone
from tests.support.frontier_builders import build_frontier, build_row


def test_it_names_the_models_and_tells_the_default_and_the_dominated_apart() -> None:
    models = [
        build_row("mpnet", 0.96, 50),
        build_row("distilbert", 0.93, 100, at_most=0.05),
        build_row("mini", 0.95, 300, at_most=0.015),
        build_row("tiny", 0.92, 900, at_most=0.06),
    ]
    found = build_frontier(with_dominated(models), teacher_digest=models[0].digest, chosen="mini")
    figure = frontier_figure("frontier", found)
    ET.fromstring(standalone(figure.svg))  # noqa: S314 - our own
    for name in ("mpnet", "distilbert", "mini", "tiny", "teacher − 2 points"):
        assert name in figure.svg
    assert figure.svg.count("hollow") == 2  # the legend's, and distilbert
    assert "dominated by mini" in figure.svg


def test_a_teacher_without_a_price_is_a_level() -> None:
    models = [build_row("big", 0.96, None), build_row("only", 0.95, 300, at_most=0.03)]
    figure = frontier_figure("frontier", build_frontier(models))
    assert "big (teacher)" in figure.svg
