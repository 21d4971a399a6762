"""Which rows of a labelled file are trained on, and which files are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsclf.common.errors import CheckFailedError, DataError
from newsclf.data.examples import Example
from newsclf.data.extra import read_extra
from newsclf.data.labelled import audit_path
from tests.support.labelled_builders import row_of, write_labelled_file

TRAINING = [Example("Kelmo opens a third plant in the north of Spain", 2)]
HELD_OUT = [Example("Vantor's net loss widened to EUR 4.1 mn from EUR 1.2 mn", 0)]
NEW = "Harbour Foods names Irma Dahl as its next finance chief"


def test_rows_keep_their_agreement_and_get_the_weight(tmp_path: Path) -> None:
    file = write_labelled_file(
        tmp_path / "labelled.jsonl",
        [
            row_of(NEW, "neutral", "neutral", "neutral"),
            row_of("Orders at Brask fell by a fifth in May", "negative", "negative", "neutral"),
            row_of("Tollan wins the Lisbon tram order", "positive"),
        ],
    )

    found = read_extra(file, weight=0.3, training=TRAINING, held_out=HELD_OUT)

    assert [(each.label_id, each.agreement, each.weight) for each in found.examples] == [
        (1, 100, 0.3),
        (0, 66, 0.3),
        (2, None, 0.3),
    ]
    assert found.audit.score.accuracy.value == 0.8


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    file = write_labelled_file(
        tmp_path / "labelled.jsonl",
        [
            row_of(NEW, "neutral"),
            row_of(NEW.upper(), "positive"),
            row_of("Nobody could say", "positive", "negative"),
            row_of("No answer at all", None),
            row_of("Kelmo opens a third plant in the south of Spain", "positive"),
            row_of("Vantor's net loss widened to EUR 7.7 mn from EUR 3.0 mn", "negative"),
            row_of("VANTOR'S net loss narrowed to EUR 4.1 mn from EUR 1.2 mn", "positive"),
        ],
    )

    found = read_extra(file, weight=0.5, training=TRAINING, held_out=HELD_OUT)

    assert [each.text for each in found.examples] == [NEW]
    assert (found.unlabelled, found.repeated, found.held_out) == (2, 2, 2)


def test_a_file_of_known_rows_only_is_an_error(tmp_path: Path) -> None:
    rows = [row_of(each.text, "neutral") for each in (*TRAINING, *HELD_OUT)]
    file = write_labelled_file(tmp_path / "labelled.jsonl", rows)

    with pytest.raises(DataError, match="none of its 2 rows can be used"):
        read_extra(file, weight=0.5, training=TRAINING, held_out=HELD_OUT)


def test_a_file_that_missed_its_gate_is_refused_with_its_figures(tmp_path: Path) -> None:
    file = write_labelled_file(tmp_path / "labelled.jsonl", [row_of(NEW, "neutral")], right_of_10=6)

    with pytest.raises(CheckFailedError, match=r"gate accuracy=0\.7 \(accuracy 0\.600") as caught:
        read_extra(file, weight=0.5, training=[], held_out=[])

    assert caught.value.hint is not None
    assert f"newsclf label --audit {file}" in caught.value.hint


def test_a_file_without_a_gate_is_refused(tmp_path: Path) -> None:
    file = write_labelled_file(tmp_path / "labelled.jsonl", [row_of(NEW, "neutral")], gate={})

    with pytest.raises(CheckFailedError, match="no gate was set") as caught:
        read_extra(file, weight=0.5, training=[], held_out=[])

    assert "--gate kappa=0.7" in str(caught.value.hint)


def test_a_file_that_is_not_there_or_was_never_measured_is_an_error(tmp_path: Path) -> None:
    file = write_labelled_file(tmp_path / "labelled.jsonl", [row_of(NEW, "neutral")])
    audit_path(file).unlink()

    with pytest.raises(DataError, match=r"never measured, since labelled\.jsonl\.audit is missing"):
        read_extra(file, weight=0.5, training=[], held_out=[])
    with pytest.raises(DataError, match="no such file"):
        read_extra(tmp_path / "gone.jsonl", weight=0.5, training=[], held_out=[])


def test_a_file_that_was_changed_after_its_audit_is_refused(tmp_path: Path) -> None:
    file = write_labelled_file(tmp_path / "labelled.jsonl", [row_of(NEW, "neutral")])
    file.write_text(file.read_text(encoding="utf-8").replace("neutral", "positive"))

    with pytest.raises(DataError, match="changed after its audit"):
        read_extra(file, weight=0.5, training=[], held_out=[])
