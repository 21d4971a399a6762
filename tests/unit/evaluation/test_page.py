"""The evaluation page and its charts: self-contained, escaped, the same bytes every time."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest

from newsclf.evaluation.baseline import Baseline
from newsclf.evaluation.records import (
    Calibration,
    CalibrationBin,
    ClassScore,
    EvaluationReport,
    SeenRows,
    Speed,
    Training,
)
from newsclf.evaluation.report import charts
from newsclf.evaluation.report.page import render_page
from newsclf.reporting.figure import Figure
from newsclf.reporting.page import standalone
from newsclf.training import curve
from tests.support.evaluation_builders import CALIBRATION, COUNTS, SLICE, evaluation_report


@pytest.fixture
def report() -> EvaluationReport:
    return evaluation_report()


def test_text_of_the_data_is_never_markup(report: EvaluationReport) -> None:
    page = render_page(report)

    assert "<script" not in page
    # the model in title, heading and both tables of the comparison; the other one there too, in a
    # heading and with its chart; a flip, a headline that differs, and an error
    assert page.count("&lt;script&gt;") > 10


def test_the_page_holds_no_control_characters_of_the_data(report: EvaluationReport) -> None:
    error = report.errors[0].model_copy(update={"text": "Profit \x1b[2J\x9b \u202e rose"})

    page = render_page(report.model_copy(update={"errors": [error]}))

    assert r"Profit \x1b[2J\x9b \u202e rose" in page
    assert not {"\x1b", "\x9b", "\u202e"} & {*page}


def test_the_page_is_for_people_to_read(report: EvaluationReport) -> None:
    page = render_page(report.model_copy(update={"model": "pb", "data": "my headlines"}))

    assert "<title>pb: 93.6 % on my headlines</title>" in page
    assert "2 Jan 2026, 03:04 UTC" in page
    assert f'<code title="{"ab" * 32}">{"ab" * 6}</code>' in page
    assert "p = 0.065" in page
    assert "Confusion matrix of" in page
    assert "The first 1 of 14 headlines on which they differ" in page


def test_the_page_shows_how_the_model_was_made(report: EvaluationReport) -> None:
    history = [{"epoch": 1.0, "train_loss": 0.9, "validation_loss": 0.8, "macro_f1": 0.7}]
    page = render_page(
        report.model_copy(
            update={
                "training": Training(rows={"negative": 1093}, history=history, kept_epoch=1),
                "speed": Speed(model_bytes=23_100_000, headlines_per_s=1500, cores=2),
            }
        )
    )

    assert "epoch 1 kept" in page
    assert ">1,093</td>" in page
    assert "23.1 MB on disk; 1,500 headlines a second in this evaluation, on 2 cores" in page


def test_the_page_loads_nothing(report: EvaluationReport) -> None:
    page = render_page(report)

    assert not re.findall(r"(?:src|href|action)=[\"'](?!#)[^\"']*", page)
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_the_page_shows_the_figures(report: EvaluationReport) -> None:
    page = render_page(report)

    for figure in (
        "93.6 %",
        "91.5 % to 95.2 %",
        "0.031",
        "0.065",
        "25.0 %",
        "<td>3</td>",
        ">missed<",
        "0.020 to 0.042",
        "temperature 0.90, biases negative +0.02, neutral -0.05, positive +0.03",
        "0.080 → 0.030 on 50 validation rows",
        "area under the curve 0.012",
        "95.2 % (93.0 % to 96.6 %)",
        "0.064 if confidence said nothing, 0.002 if every wrong answer",
    ):
        assert figure in page, figure
    # two matrices, reliability, risk and coverage, accuracy by length, training
    assert page.count("<svg") == 6


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
    makers: list[Callable[[], Figure]] = [
        lambda: charts.confusion_figure("k", "Matrix", COUNTS),
        lambda: charts.reliability_figure("k", CALIBRATION),
        lambda: charts.slices_figure("k", "By length", [SLICE], 0.9),
        lambda: curve.training_figure("k", history, kept_epoch=3),
    ]
    for make in makers:
        figure = make()
        for svg in (figure.svg, standalone(figure.svg)):
            assert ET.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - ours
        assert figure == make()
        assert figure.table.rows


def test_a_chart_in_a_file_of_its_own_brings_its_colours() -> None:
    svg = standalone(charts.confusion_figure("k", "Matrix", COUNTS).svg)

    assert re.search(r'<svg width="440" height="\d+"', svg)
    assert 'class="paper"' in svg
    assert "prefers-color-scheme: dark" in svg
    assert "var(" not in svg


def test_the_confusion_chart_holds_the_counts() -> None:
    svg = charts.confusion_figure("k", "Matrix", COUNTS).svg

    for text in ("71", "423", "152", "97.3 %", "negative", "predicted", "n = 438", "100 %"):
        assert f">{text}<" in svg
    shades = [float(share) for share in re.findall(r'class="shade" fill-opacity="([\d.]+)"', svg)]
    assert max(shades) < 0.75, "ink stays legible on it"


def test_a_bin_of_few_headlines_is_grey_and_every_bin_is_counted() -> None:
    bins = [
        CalibrationBin(lower=low, upper=low + 0.1, rows=rows, confidence=low, accuracy=0.5)
        for low, rows in ((0.4, 4), (0.8, 1234))
    ]
    svg = charts.reliability_figure("k", Calibration(expected_error=0.1, bins=bins)).svg

    assert ">4<" in svg
    assert ">1,234<" in svg
    assert 'class="other hollow"' in svg
    assert 'class="s0 mark"' in svg
    few = charts.reliability_figure("k", Calibration(expected_error=0.1, bins=bins[:1])).svg
    assert "s0" not in few


def test_the_training_curve_has_two_panels_and_names_the_epoch_that_was_kept() -> None:
    history = [
        {"epoch": i, "train_loss": 1 / i, "validation_loss": 1.1 / i, "macro_f1": 1 - 0.3 / i}
        for i in range(1, 5)
    ]
    svg = curve.training_figure("k", history, kept_epoch=3).svg

    for text in ("Loss", "Validation macro-F1, %", "epoch 3 kept", "training", "validation"):
        assert f">{text}<" in svg


@pytest.mark.parametrize("epochs", [1, 2, 60])
def test_the_training_curve_is_drawn_whatever_its_length(epochs: int) -> None:
    entry = {"train_loss": 0.5, "validation_loss": 0.5, "macro_f1": 0.9}
    history = [entry | {"epoch": float(i)} for i in range(1, epochs + 1)]

    figure = curve.training_figure("k", history, kept_epoch=epochs)

    assert f">epoch {epochs} kept<" in figure.svg
    assert len(figure.table.rows) == epochs


def test_a_model_that_is_no_better_than_the_commonest_class_gets_a_remark(
    report: EvaluationReport,
) -> None:
    better = report.model_copy(update={"baseline": Baseline(label="neutral", accuracy=0.6)})
    worse = report.model_copy(update={"baseline": Baseline(label="neutral", accuracy=0.94)})

    assert "accuracy of always answering neutral" in render_page(better)
    assert not any("no better than" in remark for remark in better.remarks)
    assert "no better than always answering neutral" in render_page(worse)


def test_a_bias_probe_without_a_headline_is_one_sentence(report: EvaluationReport) -> None:
    none: dict[str, object] = {"rows": 0, "flips": 0, "examples": []}
    nothing = [row.model_copy(update=none) for row in report.bias]

    page = render_page(report.model_copy(update={"bias": nothing}))

    assert "there is nothing to swap" in page
    assert "there is nothing to swap" not in render_page(report)
