"""Text that is no English headline: recognised mostly, and headlines left alone."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import newsclf
from newsclf.common.settings import DataSettings
from newsclf.data import phrasebank
from newsclf.predict.english import LONGEST_CHARACTERS, Doubt, count_doubts, doubt_about
from tests.support.builders import REAL_PHRASEBANK, needs_phrasebank

CORPUS = Path(newsclf.__file__).parent / "data" / "headlines.csv"
HEADLINES: dict[str, list[str]] = json.loads(
    (Path(__file__).parents[2] / "support" / "other_languages.json").read_text(encoding="utf-8")
)
OTHER_SCRIPTS = ("Russian", "Arabic", "Chinese", "Hindi")


@pytest.mark.parametrize("language", HEADLINES)
def test_headlines_in_other_languages_are_recognised(language: str) -> None:
    other_script = language.startswith(OTHER_SCRIPTS)
    expected: Doubt = "another script" if other_script else "another language"

    found = [doubt_about(text) for text in HEADLINES[language]]

    assert set(found) <= {expected, None}
    assert found.count(expected) >= 0.6 * len(found)


@pytest.mark.parametrize(
    "text",
    ["/" * 500 + " profits fall", "a/" * 250 + " profits fall", "@" * 500 + " profits fall"],
)
def test_no_text_takes_long(text: str) -> None:
    assert doubt_about(text) is None  # some of these would never have ended


def test_few_headlines_in_other_languages_pass() -> None:
    texts = [text for several in HEADLINES.values() for text in several]

    passed = [text for text in texts if doubt_about(text) is None]

    assert len(texts) > 100
    assert len(passed) <= 0.1 * len(texts)


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("", "no letters"),
        ("12.5 % … 🙂", "no letters"),
        ("https://example.com/markets/profit-rises", "an address or a file"),
        ("press@example.com", "an address or a file"),
        ("data/headlines/2024.csv", "an address or a file"),
        ("quarterly_report_final", "an address or a file"),
        ("<p>Profit rose</p>", "code or markup"),
        ("Profit&nbsp;rose by a third", "code or markup"),
        ('{"headline": "Profit rose", "score": [1, 2]}', "code or markup"),
        ("for (row of rows) { total += row.price; }", "code or markup"),
        ("SELECT * FROM prices WHERE day = '2024-05-03';", "code or markup"),
        ("Profit rose. " * 60, "too long"),
        ("Nettó nyereséget jelentett", "another language"),
        ("Revenue: Umsatz steigt und Gewinn sinkt", "another language"),
    ],
)
def test_other_text_is_recognised(text: str, doubt: Doubt) -> None:
    assert doubt_about(text) == doubt


@pytest.mark.parametrize(
    "text",
    [
        "Profit rose",
        "Banco de la Ribera to buy Caisse des Dunes' stake in Los Altos",
        "São Tiago's Café Três Irmãos opens in Łódź",
        "Société des Bains Bleus raises its dividend",
        "Meridian <MRDN.O>, Halcyon <HLCN.N> and Osprey <OSPR.L> report",
        "$MRDN +4% after hours; guides FY [GAAP] EPS up = beat",
        "Amazon.com, Booking.com shares fall",
        "Kelmo upgraded https://example.com/Ab3dE5",
        "ACME",
        "Die-casting supplier Gusswerk files for protection",
    ],
)
def test_headlines_with_foreign_names_and_signs_are_left_alone(text: str) -> None:
    assert doubt_about(text) is None


def test_shipped_headlines_are_left_alone() -> None:
    with CORPUS.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]

    assert count_doubts(texts).total() < 0.003 * len(texts)


@needs_phrasebank
def test_phrasebank_is_left_alone() -> None:
    examples = phrasebank.read(REAL_PHRASEBANK, DataSettings(agreement=50)).examples

    assert count_doubts(example.text for example in examples).total() <= 2


def test_text_without_a_blank_is_no_obstacle() -> None:
    assert doubt_about("a.b/" * 250_000) == "too long"
    assert doubt_about("é" * LONGEST_CHARACTERS) == "another language"
    assert doubt_about("a_" * (LONGEST_CHARACTERS // 2)) == "code or markup"
