"""Gold rows among the headlines, and the firewall around test parts."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from newsclf.common.errors import DataError
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data import headlines
from newsclf.data.examples import Example, normalised
from newsclf.data.labelled import Vote
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.label.firewall import held_out_texts, passed
from newsclf.label.gold import (
    GoldRow,
    GoldSource,
    gold_path,
    gold_source,
    mixed,
    read_gold,
    write_gold,
)

SHIPPED = DataSettings(source="headlines")
SUBJECTS = [
    f"{a}{b}{c}" for a in ("Al", "Ber", "Cor", "Dan") for b in ("to", "mi", "va") for c in "nrsx"
]
SOURCE = GoldSource(
    "training part", [Example(f"{each} does well", i % 3) for i, each in enumerate(SUBJECTS)]
)
TEXTS = [f"Unlabelled {each} reports" for each in SUBJECTS[:27]]


def test_a_tenth_of_what_annotators_get_is_gold_by_default_in_the_sources_shares() -> None:
    found = mixed(TEXTS, SOURCE)

    assert len(found.texts) == 30
    assert sorted(found.gold.values()) == ["negative", "neutral", "positive"]
    assert sorted(found.texts) == sorted([*TEXTS, *found.gold])
    known = {each.text: LABELS[each.label_id] for each in SOURCE.examples}
    assert all(known[text] == label for text, label in found.gold.items())


def test_the_same_seed_gives_the_same_order_and_another_one_another() -> None:
    assert mixed(TEXTS, SOURCE, seed=3) == mixed(TEXTS, SOURCE, seed=3)
    assert mixed(TEXTS, SOURCE, seed=3).gold != mixed(TEXTS, SOURCE, seed=4).gold


def test_gold_rows_stand_anywhere_among_the_others() -> None:
    places = {
        place
        for seed in range(40)
        for found in [mixed(TEXTS, SOURCE, seed=seed)]
        for place, text in enumerate(found.texts)
        if text in found.gold
    }

    assert len(places) > 25


def test_what_was_found_is_separated_into_headlines_and_gold() -> None:
    together = mixed(TEXTS, SOURCE)

    ours, gold = together.separated({text: len(text) for text in together.texts})

    assert sorted(ours) == sorted(TEXTS)
    assert set(gold) == set(together.gold)


def test_a_row_that_an_annotator_would_recognise_is_not_chosen() -> None:
    shown = [each.text.upper() for each in SOURCE.examples[:20]]
    texts = [*TEXTS, SOURCE.examples[20].text]

    found = mixed(texts, SOURCE, share=0.4, shown=shown)

    assert len(found.gold) == 19
    assert not {normalised(text) for text in found.gold} & {normalised(t) for t in [*texts, *shown]}


def test_too_few_rows_of_known_label_are_an_error() -> None:
    with pytest.raises(DataError, match="48 rows can be mixed in, and 63 are needed"):
        mixed(TEXTS, SOURCE, share=0.7)


def test_gold_is_from_the_training_part_where_all_agreed() -> None:
    found = gold_source(SHIPPED)

    of_text = {row["text"]: row for row in headlines.rows()}
    rows = [of_text[each.text] for each in found.examples]
    assert {row["part"] for row in rows} == {"train"}
    assert {row["agreement"] for row in rows} == {"100"}
    assert len(rows) > 1000


def test_a_gold_row_has_one_label_only(tmp_path: Path) -> None:
    file = tmp_path / "news.csv"
    rows = [(f"Headline {i} of {subject}", LABELS[i % 3]) for i, subject in enumerate(SUBJECTS)]
    doubtful = [("Both at once", "negative"), ("both at once!", "positive")]
    lines = ["text,label", *(f"{text},{label}" for text, label in [*rows, *doubtful])]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for part in ("validation", "test"):
        other = tmp_path / f"{part}.csv"
        other.write_text(f"text,label\nUp in {part},positive\nDown in {part},negative\n")
    settings = DataSettings(
        source=str(file),
        validation=str(tmp_path / "validation.csv"),
        test=str(tmp_path / "test.csv"),
    )

    found = gold_source(settings)

    assert len(split(load_data(settings), settings).train) == len(rows) + 2
    assert len(found.examples) == len(rows)


def test_gold_rows_are_kept_with_their_votes_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "labelled.jsonl"
    at = dt.datetime(2026, 11, 26, tzinfo=dt.UTC)
    vote = Vote(annotator="anna", kind="human", label="positive", at=at)
    rows = [GoldRow(text="Up", known="positive", votes=(vote,))]

    write_gold(path, rows)

    assert read_gold(path) == rows
    assert gold_path(path).name == "labelled.jsonl.gold"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ('{"text": "Up", "known": "great", "votes": []}', "line 1: not a gold row"),
        ("[" * 100_000, "line 1: not a gold row"),
        ('{"text": "Up", "known": "neutral", "votes": []}\n' * 2, "there twice"),
    ],
)
def test_damaged_gold_rows_are_an_error(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "labelled.jsonl"
    if content is not None:
        gold_path(path).write_text(content, encoding="utf-8")

    with pytest.raises(DataError, match=said):
        read_gold(path)


def test_nothing_that_resembles_a_held_out_row_is_labelled() -> None:
    held_out = [
        "Kelmo's operating profit rose to EUR 13.5 mn from EUR 9.2 mn",
        "Vantor cuts its forecast after a weak quarter in all of its markets",
    ]
    texts = [
        held_out[0],
        "KELMO'S OPERATING PROFIT ROSE TO EUR 13.5 MN FROM EUR 9.2 MN!",
        "Kelmo's operating profit rose to EUR 17.1 mn from EUR 3.3 mn",
        "Kelmo's operating profit fell to EUR 13.5 mn from EUR 9.2 mn",
        "Harbour Foods opens a second plant near the port",
        "So it was: cuts its forecast after a weak quarter in all of them, said Mr Dorn on Sunday",
    ]

    found = passed(texts, held_out)

    assert found.kept == [4]
    assert found.left_out == {"identical": 1, "normalised": 1, "numbers": 1, "near": 1, "run": 1}
    assert found.count == 5


def test_held_out_are_validation_and_test_parts_and_always_the_shipped_ones(tmp_path: Path) -> None:
    file = tmp_path / "news.csv"
    rows = [f"Headline {i} of {subject},{LABELS[i % 3]}" for i, subject in enumerate(SUBJECTS)]
    file.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    settings = DataSettings(source=str(file), validation_fraction=0.2)
    parts = split(load_data(settings), settings)

    found = set(held_out_texts([settings]))

    assert {each.text for each in (*parts.validation, *parts.test)} <= found
    assert not {each.text for each in parts.train} & found
    shipped = {row["text"] for row in headlines.rows() if row["part"] != "train"}
    assert len(shipped - found) < 0.2 * len(shipped)  # those with too little agreement
