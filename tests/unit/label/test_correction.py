"""Corrected copies of any labelled file, and files that change while they are reviewed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsclf.common.errors import DataError
from newsclf.common.settings import DataSettings
from newsclf.data.labelled import LabelledRow, Vote, read_audit, read_labelled
from newsclf.data.sources import load_data
from newsclf.label.correction import LabelledTable, MeasuredFile, is_measured, write_corrected
from newsclf.label.gold import GoldRow
from newsclf.label.labelling import votes_of_people, write_measured
from newsclf.label.review.journal import Decision
from newsclf.label.votes import labelled_row
from tests.support.labelled_builders import NOON, row_of, votes_of

TEXTS = ("Acme's profit rose", 'Globex, "the firm",\nfell', "=HYPERLINK(1)\u202e", "Meeting in May")


def person(label: str, name: str = "ana") -> Vote:
    return Vote.model_validate({"annotator": name, "kind": "human", "label": label, "at": NOON})


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_a_corrected_copy_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    table = LabelledTable("news.csv", [(text, "neutral") for text in (*TEXTS, TEXTS[0])])
    people = {
        TEXTS[0]: (person("positive"),),
        TEXTS[1]: (person("negative"), person("positive", "bo")),
        TEXTS[2]: (person("neutral"),),
        "another": (person("negative"),),
    }

    assert table.write_corrected(tmp_path / name, people) == 2, "both rows of the first text"

    found = load_data(DataSettings(source=str(tmp_path / name))).examples
    after = [("negative", "neutral", "positive")[each.label_id] for each in found]
    assert [each.text for each in found] == [*TEXTS], "what repeats is read once"
    assert after == ["positive", "neutral", "neutral", "neutral"]


def measured(path: Path, rows: list[LabelledRow]) -> None:
    gold = [GoldRow(text="gold", known="neutral", votes=votes_of("neutral"))]
    write_measured(path, rows, gold, gold_name="here", firewall=0, gate={"accuracy": 0.5})


def test_a_file_that_changes_during_its_review_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "labelled.jsonl"
    measured(path, [row_of(TEXTS[0], "positive")])
    assert is_measured(path)
    file = MeasuredFile.read(path)
    measured(path, [row_of(TEXTS[0], "positive"), row_of(TEXTS[3], "neutral")])

    with pytest.raises(DataError, match="changed during the review"):
        write_corrected(file, file.votes([]))

    assert len(list(read_labelled(path))) == 2
    assert read_audit(path).rows == 2


def test_votes_of_people_outlive_the_journal_that_is_gone_and_not_an_undo(tmp_path: Path) -> None:
    path = tmp_path / "labelled.jsonl"
    measured(path, [labelled_row(TEXTS[0], (*votes_of("neutral"), person("positive")))])
    of_ana = {"session": "1", "annotator": "ana", "text": TEXTS[0], "at": NOON}
    given, undone = (
        Decision.model_validate(of_ana | more)
        for more in (
            {"id": "1", "action": "label", "label": "positive"},
            {"id": "2", "action": "undo", "undone": "1"},
        )
    )

    assert votes_of_people(path, []) == {TEXTS[0]: (person("positive"),)}
    assert votes_of_people(path, [given]) == {TEXTS[0]: (person("positive"),)}
    assert votes_of_people(path, [given, undone]) == {}


@pytest.mark.parametrize("ending", ["audit", "gold"])
@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{", '{"schema_version": 1}', "\0", "[" * 10_000, '"\\ud800"', "NaN"]
)
def test_damaged_files_beside_it_are_told(tmp_path: Path, ending: str, text: str) -> None:
    path = tmp_path / "labelled.jsonl"
    measured(path, [row_of(TEXTS[0], "positive")])
    beside = path.with_name(f"{path.name}.{ending}")
    beside.write_text(text, encoding="utf-8")
    if (ending, text) == ("gold", ""):
        assert MeasuredFile.read(path).gold == []
    else:
        with pytest.raises(DataError, match=beside.name):
            MeasuredFile.read(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e400])
def test_an_audit_has_no_figures_that_are_none(tmp_path: Path, value: float) -> None:
    path = tmp_path / "labelled.jsonl"
    measured(path, [row_of(TEXTS[0], "positive")])
    audit = path.with_name(f"{path.name}.audit")
    document = json.loads(audit.read_bytes())
    document["cost_usd"] = value
    audit.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(DataError, match="cost_usd"):
        read_audit(path)
