"""The evaluation page and its charts: self-contained, escaped, the same bytes every time."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest

from newsclf.core.model_card import Score
from newsclf.evaluation import charts
from newsclf.evaluation.page import render_page
from newsclf.evaluation.report import (
    Calibration,
    CalibrationBin,
    ClassScore,
    Comparison,
    ConfidentError,
    Difference,
    EvaluationReport,
    Flip,
    Gate,
    SeedScore,
    SeenRows,
    Slice,
    Swap,
)

HOSTILE = "<script>alert('x')</script> & \"quotes\""
SCORE = Score(
    rows=690,
    accuracy=0.936,
    accuracy_interval=(0.915, 0.952),
    macro_f1=0.92,
    macro_f1_interval=(0.9, 0.94),
    runtime="int8",
)
CALIBRATION = Calibration(
    expected_error=0.031,
    bins=[CalibrationBin(lower=0.8, upper=0.9, rows=3, confidence=0.85, accuracy=0.7)],
)


@pytest.fixture
def report() -> EvaluationReport:
    return EvaluationReport(
        created="2026-01-02T03:04:05+00:00",
        model=HOSTILE,
        model_digest="ab" * 32,
        base="tiny",
        data="sample",
        data_digest="cd" * 32,
        part="test",
        score=SCORE,
        classes=[ClassScore(label="negative", precision=0.9, recall=0.8, f1=0.85, support=73)],
        confusion=[[71, 1, 1], [3, 423, 12], [9, 18, 152]],
        calibration=CALIBRATION,
        by_length=[Slice(name=" 1–10 words", rows=5, accuracy=0.8, interval=(0.4, 0.9))],
        by_agreement=[],
        errors=[ConfidentError(text=HOSTILE, truth="neutral", predicted="positive", score=0.99)],
        bias=[
            Swap(
                kind="company",
                rows=4,
                flips=1,
                rate=0.25,
                interval=(0.1, 0.6),
                examples=[
                    Flip(before=HOSTILE, after="b", label_before="neutral", label_after="positive")
                ],
            )
        ],
        comparison=Comparison(
            other=HOSTILE,
            other_accuracy=0.9,
            other_macro_f1=0.88,
            confusion=[[70, 2, 1], [3, 420, 15], [9, 20, 150]],
            differing=14,
            differences=[
                Difference(text=HOSTILE, truth="neutral", this="neutral", other="positive")
            ],
            only_this_right=9,
            only_other_right=2,
            p_value=0.065,
        ),
        gates=[Gate(metric="accuracy", minimum=0.95, value=0.936)],
        seeds=[SeedScore(seed=3, score=SCORE, model_digest="ef" * 32)],
    )


def test_text_of_the_data_is_never_markup(report: EvaluationReport) -> None:
    page = render_page(report)

    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 5  # title, heading, comparison, flip, error


def test_the_page_loads_nothing(report: EvaluationReport) -> None:
    page = render_page(report)

    assert not re.findall(r"(?:src|href|action)=[\"'](?!#)[^\"']*", page)
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_the_page_shows_the_figures(report: EvaluationReport) -> None:
    page = render_page(report)

    for figure in ("93.6 %", "91.5 % to 95.2 %", "0.031", "0.065", "25.0 %", "<td>3</td>", ">no<"):
        assert figure in page, figure
    assert page.count("<svg") == 2
    assert charts.INK not in page  # the ink of charts follows the theme


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (
            SeenRows(rows=4840, training=3800, validation=268),
            "4,068 of 4,840 rows were trained or validated on and are left out; --include-seen",
        ),
        (
            SeenRows(rows=10, training=2, validation=1, by_other=3),
            "6 of 10 rows were trained or validated on (3 of them by the other model only) and",
        ),
        (
            SeenRows(rows=10, training=2, left_out=False),
            "2 of 10 rows were trained or validated on, so these scores are higher than",
        ),
        (SeenRows(rows=10), "None of the 10 rows was trained or validated on."),
        (SeenRows(rows=10, recorded=False), "not known which of the 10 rows it has seen."),
    ],
)
def test_the_page_says_what_the_model_has_seen(
    report: EvaluationReport, seen: SeenRows, said: str
) -> None:
    assert said in render_page(report.model_copy(update={"part": "all", "seen": seen}))


def test_the_page_says_which_class_is_missing_and_what_was_cut(report: EvaluationReport) -> None:
    none = ClassScore(label="neutral", precision=None, recall=None, f1=None, support=0)
    page = render_page(report.model_copy(update={"classes": [none], "cut": 1}))

    assert "No headline is neutral; macro-F1 is the mean of the other classes." in page
    assert "1 headline is longer than the model reads" in page


def test_charts_are_well_formed_and_reproducible() -> None:
    history = [
        {"epoch": i, "train_loss": 1 / i, "validation_loss": 1.1 / i, "macro_f1": 1 - 0.3 / i}
        for i in range(1, 5)
    ]
    makers: list[Callable[[], str]] = [
        lambda: charts.confusion_svg([[71, 1, 1], [3, 423, 12], [9, 18, 152]]),
        lambda: charts.reliability_svg(CALIBRATION),
        lambda: charts.training_svg(history, kept_epoch=3),
    ]
    for make in makers:
        svg = make()
        assert ET.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - ours
        assert svg == make()


def test_the_confusion_chart_holds_the_counts() -> None:
    svg = charts.confusion_svg([[71, 1, 1], [3, 423, 12], [9, 18, 152]])

    for text in ("71", "423", "152", "97.3 %", "negative", "predicted"):
        assert f">{text}<" in svg
