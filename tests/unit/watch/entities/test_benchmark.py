"""What `make bench-entities` measures, on invented texts with annotations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.annotated import Annotated, Marked, sentfin
from benchmarks.entities import main
from benchmarks.entity_sentiment import (
    METHODS,
    Target,
    annotated_targets,
    groups,
    measure,
)
from newsclf.contract.answers import Prediction
from newsclf.watch.entities.matcher import Span

BEATS = "Apple rises on strong sales in China while Nvidia falls on weak orders for its chips."


def marked(text: str, **labels: str) -> Annotated:
    places = [(name, label, text.index(name)) for name, label in labels.items()]
    return Annotated(
        text, tuple(Marked(name, label, Span(at, at + len(name))) for name, label, at in places)
    )


def test_precision_and_recall_are_printed_with_what_is_in_doubt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        marked("Shares of Apple rise while Nvidia falls", Apple="Positive", Nvidia="Negative"),
        marked("Microsoft meets Tesla", Microsoft="Neutral"),
        marked("Visits to the shop fall", shop="Negative"),
        marked("Target date is set", Target="Neutral"),
    ]
    written = [
        {
            "content": row.text,
            "annotations": [
                {"value": m.name, "label": m.label, "start": m.span.start, "end": m.span.end}
                for m in row.marked
            ],
        }
        for row in rows
    ]
    (tmp_path / "FinEntity.json").write_text(json.dumps(written), encoding="utf-8")

    assert main(["--sets", str(tmp_path)]) == 0

    found = capsys.readouterr().out
    assert "4 texts" in found
    assert "3 of 4)" in found, "Tesla is not annotated"
    assert "3 of 5)" in found, "the shop is no company"
    assert "in doubt, so not counted: 1" in found


def test_a_broken_dict_of_sentfin_is_read() -> None:
    content = """S No.,Title,Decisions\n1,Dr Reddy's up,"{'Dr Reddy's': 'positive'}"\n"""
    (row,) = sentfin(content)
    assert row.marked == (Marked("Dr Reddy's", "positive", Span(0, 10)),)


def target(name: str, text: str = BEATS) -> Target:
    labels = {"Apple": "positive", "Nvidia": "negative"}
    found = annotated_targets(marked(text, **labels))
    return found[list(labels).index(name)]


@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("whole text for each", BEATS),
        ("name first", f"Nvidia: {BEATS}"),
        ("others masked", BEATS.replace("Apple", "another company")),
        (
            "placeholders",
            BEATS.replace("Apple", "another company").replace("Nvidia", "the company"),
        ),
        ("clause", "Nvidia falls on weak orders for its chips."),
        ("clause, placeholders", "the company falls on weak orders for its chips."),
        ("clause of its own, or none", "Nvidia falls on weak orders for its chips."),
    ],
)
def test_what_a_model_is_given_for_one_of_two_companies(method: str, given: str) -> None:
    assert METHODS[method](target("Nvidia")) == given


def test_a_clause_that_is_shared_is_none_of_its_own() -> None:
    text = "Apple <AAPL.O> beats Nvidia <NVDA.O> in the race for chips [nL4N2Z028U]"
    method = METHODS["clause of its own, or none"]
    assert method(target("Apple", text)) == ""
    assert METHODS["clause"](target("Apple", text)) == "Apple beats Nvidia in the race for chips"


def by_words(texts: Sequence[str]) -> list[Prediction]:
    """A model that reads rises and falls, and what comes first of both."""
    found = []
    for text in texts:
        up, down = text.find("rises"), text.find("falls")
        is_up = up >= 0 and (down < 0 or up < down)
        found.append(Prediction((0.0, 0.0, 1.0) if is_up else (1.0, 0.0, 0.0)))
    return found


def test_a_method_that_tells_companies_apart_takes_the_distance_away() -> None:
    both = annotated_targets(marked(BEATS, Apple="positive", Nvidia="negative"))
    alone = annotated_targets(marked("Apple rises", Apple="positive"))
    disagreeing, several, one = groups([both, alone, []])
    assert (disagreeing.texts, several.texts, one.texts) == ([both], [both], [alone])

    results = {each.method: each for each in measure(disagreeing, by_words)}
    clause, whole = results["clause"], results["whole text for each"]
    assert (clause.skill, clause.right, clause.directed) == (1, 2, 2)
    assert (whole.skill, whole.right, whole.directed) == (-1, 1, 2), "worse than abstaining"
    assert results["clause and placeholders agree"].scored == 1
