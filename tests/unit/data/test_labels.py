"""Labels: what is understood, and what is asked for without a guess."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from newsclf.common.errors import DataError
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data.sources import load_data


def labels_of(tmp_path: Path, given: list[object], **values: object) -> list[str]:
    """The classes of rows with these labels."""
    path = tmp_path / "d.jsonl"
    rows = [{"text": f"Headline {i}", "label": label} for i, label in enumerate(given)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    data = load_data(DataSettings.model_validate({"source": str(path), **values}))
    return [LABELS[example.label_id] for example in data.examples]


def problem_of(tmp_path: Path, given: list[object], **values: object) -> DataError:
    """The error for rows with these labels."""
    with pytest.raises(DataError) as caught:
        labels_of(tmp_path, given, **values)
    return caught.value


@pytest.mark.parametrize(
    "spelt",
    [
        ("negative", "neutral", "positive"),
        ("NEGATIVE", " Neutral ", "Positive"),
        ("neg", "neutr", "pos"),
        ("Bearish", "NEU", "bullish"),
    ],
)
def test_spellings_of_certain_meaning_need_no_mapping(
    tmp_path: Path, spelt: tuple[str, ...]
) -> None:
    assert labels_of(tmp_path, list(spelt)) == ["negative", "neutral", "positive"]


@pytest.mark.parametrize("labels", [[-1, 0, 1], [-1.0, 0.0, 1.0], ["-1", "0", "1.0"]])
def test_a_number_is_the_same_label_however_it_is_written(
    tmp_path: Path, labels: list[object]
) -> None:
    mapping = {"-1.0": "negative", "0": "neutral", "1": "Positive"}

    assert labels_of(tmp_path, labels, labels=mapping) == ["negative", "neutral", "positive"]


def test_labels_are_mapped_without_regard_to_case(tmp_path: Path) -> None:
    mapping = {"UP": "POSITIVE", "down": "Negative"}

    assert labels_of(tmp_path, ["Up", "Down"], labels=mapping) == ["positive", "negative"]


def test_a_mapping_stands_over_a_spelling(tmp_path: Path) -> None:
    mapping = {"bullish": "neutral"}

    assert labels_of(tmp_path, ["bullish", "neg"], labels=mapping) == ["neutral", "negative"]


def test_all_unknown_labels_are_listed_at_once_and_none_is_guessed(tmp_path: Path) -> None:
    error = problem_of(tmp_path, ["positive", 0, 1, 1.0, 2, "it's up"])

    assert (
        "unknown labels '1' (2 rows), '0' (1 row), '2' (1 row), \"it's up\" (1 row), first in"
        " line 2; known are negative, neutral, positive" in error.message
    )
    options = str(error.hint).partition("--label ")
    typed = shlex.split(options[1] + options[2])
    assert typed == [
        word for name in ("0", "1", "2", "it's up") for word in ("--label", f"{name}=…")
    ]
    assert "=neutral" not in str(error.hint)


def test_many_unknown_labels_are_counted(tmp_path: Path) -> None:
    error = problem_of(tmp_path, [f"class {i}" for i in range(30)])

    assert "and 10 more" in error.message


def test_rows_without_a_label_are_counted(tmp_path: Path) -> None:
    error = problem_of(tmp_path, ["positive", None, " ", "neutral"])

    assert "the label is empty in 2 rows, first in line 2" in error.message


def test_scores_are_recognised_and_thresholds_offered(tmp_path: Path) -> None:
    scores: list[object] = [0.43, "-0.344", 0.02, 1]
    error = problem_of(tmp_path, scores)

    assert "holds scores from -0.344 to 1, not labels" in error.message
    assert "--score-thresholds -0.2,0.2" in str(error.hint)
    assert labels_of(tmp_path, scores, score_thresholds="-0.2,0.2") == [
        "positive",
        "negative",
        "neutral",
        "positive",
    ]


def test_many_whole_numbers_are_scores_and_a_few_are_classes(tmp_path: Path) -> None:
    assert "holds scores" in problem_of(tmp_path, list(range(11))).message
    assert "unknown labels" in problem_of(tmp_path, [1, 2, 3, 4, 5]).message
    assert labels_of(tmp_path, [1, 3, 5], score_thresholds="2.5,3.5") == [
        "negative",
        "neutral",
        "positive",
    ]


def test_thresholds_need_numbers(tmp_path: Path) -> None:
    error = problem_of(tmp_path, [0.5, "none", "nan"], score_thresholds="0,0")

    assert "--score-thresholds needs numbers; others are 'none' (1 row), 'nan'" in error.message


def test_a_label_by_name_stands_beside_scores(tmp_path: Path) -> None:
    assert labels_of(tmp_path, [0.5, "neutral", -0.5], score_thresholds="-0.1,0.1") == [
        "positive",
        "neutral",
        "negative",
    ]


@pytest.mark.parametrize("low_high", ["1,0", "1", "a,b"])
def test_thresholds_are_two_rising_numbers(low_high: str) -> None:
    with pytest.raises(ValueError, match="score_thresholds"):
        DataSettings.model_validate({"score_thresholds": low_high})


@pytest.mark.parametrize(
    "label", ["{'Osker': 'neutral'}", {"Osker": "neutral"}, [{"target": "Osker", "score": 1}]]
)
def test_labels_of_entities_are_explained(tmp_path: Path, label: object) -> None:
    error = problem_of(tmp_path, ["positive", label])

    assert "labels are lists or objects, such as" in error.message
    assert "one row for each headline and entity" in str(error.hint)


def class_labels(path: Path, names: list[str]) -> Path:
    """A Parquet file with a ClassLabel column, as `datasets` writes it."""
    features = {
        "text": {"dtype": "string", "_type": "Value"},
        "label": {"names": names, "_type": "ClassLabel"},
    }
    table = pa.table({"text": ["A", "B", "C"], "label": [0, 1, 2]})
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    pa.parquet.write_table(table.replace_schema_metadata(metadata), path)
    return path


def test_the_files_own_names_of_numbers_are_used(tmp_path: Path) -> None:
    path = class_labels(tmp_path / "d.parquet", ["Bearish", "Bullish", "Neutral"])

    data = load_data(DataSettings(source=str(path)))

    assert [LABELS[e.label_id] for e in data.examples] == ["negative", "positive", "neutral"]


def test_a_mapping_that_contradicts_the_files_own_names_is_refused(tmp_path: Path) -> None:
    path = class_labels(tmp_path / "d.parquet", ["positive", "negative", "neutral"])
    mapping = {"0": "negative", "1": "neutral", "2": "positive"}

    with pytest.raises(DataError, match="the file calls its class 0 'positive'") as caught:
        load_data(DataSettings(source=str(path), labels=mapping))
    assert str(caught.value.hint).startswith("--label 0=positive")

    renamed = DataSettings(source=str(path), labels={"Positive": "negative"})
    found = load_data(renamed).examples
    assert [LABELS[e.label_id] for e in found] == ["negative", "negative", "neutral"]


def test_the_files_own_names_may_be_mapped_and_are_what_is_asked_for(tmp_path: Path) -> None:
    path = class_labels(tmp_path / "d.parquet", ["down", "up", "neutral"])

    with pytest.raises(DataError, match=r"the file calls its classes 0 'down', 1 'up'") as caught:
        load_data(DataSettings(source=str(path)))
    assert "--label down=… --label up=…" in str(caught.value.hint)

    mapping = {"Down": "negative", "1": "positive"}
    data = load_data(DataSettings(source=str(path), labels=mapping))
    assert [LABELS[e.label_id] for e in data.examples] == ["negative", "positive", "neutral"]


def test_repeated_rows_and_contradictions_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(
        "text,label\nA b,positive\nA b,positive\nA b.,neutral\nC,neutral\nC,neutral\n!,neutral\n",
        encoding="utf-8",
    )

    data = load_data(DataSettings(source=str(path)))

    assert (len(data.examples), data.repeated, data.contradictory) == (4, 2, 1)
