"""What a model keeps of its training texts, and what its card knows of other data's columns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from newsclf.common.errors import ModelError
from newsclf.common.files import file_digest
from newsclf.common.settings import load_settings
from newsclf.data.examples import Example, Split
from newsclf.model.card import read_card, with_known_columns
from newsclf.training.seen_texts import (
    SEEN_FILE,
    SeenTexts,
    part_of,
    read_seen_texts,
    without_seen,
    write_seen_texts,
)
from tests.support.builders import write_json

PARTS = Split(
    train=[Example("Profit rose by 3 %.", 2), Example("Sales fell", 0)],
    validation=[Example("The board meets today", 1)],
    test=[Example("Orders doubled", 2)],
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return described(tmp_path, PARTS)


def described(folder: Path, parts: Split, others: SeenTexts | None = None) -> Path:
    """A folder with a record of seen texts, and a card that knows it."""
    write_seen_texts(folder, parts, others=others)
    files = {SEEN_FILE: file_digest(folder / SEEN_FILE)}
    (folder / "card.json").write_text(json.dumps({"files": files}), encoding="utf-8")
    return folder


def test_what_the_base_was_trained_on_stays_a_training_text(tmp_path: Path) -> None:
    base, model = tmp_path / "base", tmp_path / "model"
    base.mkdir()
    model.mkdir()
    described(base, replace(PARTS, train=PARTS.validation, validation=[]))
    described(model, PARTS, others=read_seen_texts(base))

    assert part_of(read_seen_texts(model), PARTS.validation[0].text) == "training"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Profit rose by 3 %.", "training"),
        ("PROFIT rose, by 3%", "training"),
        ("The board meets today!", "validation"),
        ("Orders doubled", None),
        ("Profit rose by 4 %.", None),
    ],
)
def test_a_text_is_recognised_however_it_is_written(
    folder: Path, text: str, part: str | None
) -> None:
    seen = read_seen_texts(folder)

    assert part_of(seen, text) == part


def test_texts_that_a_teacher_labelled_are_training_texts(tmp_path: Path) -> None:
    write_seen_texts(tmp_path, PARTS, unlabelled=["Shares slid", "The board meets today"])
    write_json(tmp_path / "card.json", {"files": {SEEN_FILE: file_digest(tmp_path / SEEN_FILE)}})

    seen = read_seen_texts(tmp_path)

    assert part_of(seen, "shares slid!") == "training"
    assert part_of(seen, "The board meets today") == "validation"
    assert part_of(seen, "Profit rose by 3 %.") == "training"


def test_the_record_gives_no_text_away(folder: Path) -> None:
    lines = (folder / SEEN_FILE).read_text(encoding="ascii").splitlines()

    assert lines == sorted(lines)
    assert [len(line.split(" ")[0]) for line in lines] == [16, 16, 16]
    assert [line.split(" ")[1] for line in lines].count("training") == 2


def test_rows_that_were_seen_are_left_out(folder: Path) -> None:
    seen = read_seen_texts(folder)

    everything = [*PARTS.train, *PARTS.validation, *PARTS.test]
    assert without_seen(everything, seen) == PARTS.test


def test_a_model_without_a_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text('{"files": {}}', encoding="utf-8")

    with pytest.raises(ModelError, match=r"it has no seen-texts\.txt"):
        read_seen_texts(tmp_path)


def test_a_record_that_was_changed_is_refused(folder: Path) -> None:
    (folder / SEEN_FILE).write_text("", encoding="utf-8")

    with pytest.raises(ModelError, match="is not the file that its card describes"):
        read_seen_texts(folder)


@pytest.mark.parametrize(
    ("toml", "flags", "expected"),
    [
        ("", {}, ("headline", "mood", {"up": "positive"})),
        ("", {"text_column": "text"}, ("text", "mood", {"up": "positive"})),
        ('[data]\nlabel_column = "label"', {}, ("headline", "label", {"up": "positive"})),
        (
            "",
            {"labels": {"up": "neutral", "down": "negative"}},
            ("headline", "mood", {"up": "neutral", "down": "negative"}),
        ),
    ],
    ids=["nothing said", "flag", "settings file", "labels"],
)
def test_the_card_knows_columns_and_labels_unless_others_are_named(
    trained: Path, tmp_path: Path, toml: str, flags: dict[str, object], expected: tuple[object, ...]
) -> None:
    card = read_card(trained / "model")[1]
    known = card.data.settings.model_copy(
        update={"text_column": "headline", "label_column": "mood", "labels": {"up": "positive"}}
    )
    card = card.model_copy(update={"data": card.data.model_copy(update={"settings": known})})
    config = tmp_path / "mine.toml"
    config.write_text(toml, encoding="utf-8")

    data = with_known_columns(load_settings(config, environ={}, flags={"data": flags}).data, card)

    assert (data.text_column, data.label_column, data.labels) == expected


def test_what_a_teacher_has_seen_its_student_has_too(tmp_path: Path, folder: Path) -> None:
    student = tmp_path / "student"
    student.mkdir()
    other = Split(train=[Example("The board meets today", 1)], validation=[], test=[])
    write_seen_texts(student, other, others=read_seen_texts(folder))
    files = {SEEN_FILE: file_digest(student / SEEN_FILE)}
    write_json(student / "card.json", {"files": files})

    seen = read_seen_texts(student)

    assert part_of(seen, "Sales fell") == "training"
    assert part_of(seen, "The board meets today") == "training"  # its own part comes first
    assert part_of(seen, "Orders doubled") is None
