"""The project's own corpus: enough of every kind, original, fixed parts, and no give-away."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

import pytest

import newsclf
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data import headlines, phrasebank
from newsclf.data.examples import Example, normalised
from newsclf.data.overlap import overlap
from newsclf.data.sources import load_data, load_texts
from newsclf.data.split import split
from tests.support.builders import REAL_PHRASEBANK, needs_phrasebank, sample_rows, write_csv

CORPUS = Path(newsclf.__file__).with_name("data") / "headlines.csv"
RUN = 7
"""Words in a row that are not alike by chance."""


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with CORPUS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_class_and_kind_has_many_rows(rows: list[dict[str, str]]) -> None:
    shares = {label: n / len(rows) for label, n in Counter(r["label"] for r in rows).items()}

    assert len(rows) >= 5_000
    assert set(shares) == set(LABELS)
    assert min(shares.values()) > 0.25
    assert min(Counter(row["kind"] for row in rows).values()) >= 20
    assert set(Counter(row["style"] for row in rows)) == {
        "broker",
        "company",
        "newspaper",
        "social",
        "wire",
    }


def test_a_third_is_hard(rows: list[dict[str, str]]) -> None:
    """Rows of a group share their frame or their company, and differ in their labels."""
    groups = defaultdict(set)
    for row in rows:
        groups[row["group"]].add(row["label"])
    contrasted = sum(len(groups[row["group"]]) > 1 for row in rows)

    assert contrasted >= len(rows) / 3


def test_groups_stay_in_one_part(rows: list[dict[str, str]]) -> None:
    parts = defaultdict(set)
    for row in rows:
        parts[row["group"]].add(row["part"])

    assert {len(found) for found in parts.values()} == {1}
    shares = Counter(row["part"] for row in rows)
    assert shares["test"] > 0.12 * len(rows)
    assert shares["validation"] > 0.07 * len(rows)


def test_no_headline_resembles_one_of_another_part(rows: list[dict[str, str]]) -> None:
    texts = {
        part: [row["text"] for row in rows if row["part"] == part]
        for part in ("train", "validation", "test")
    }

    for one, other in combinations(texts, 2):
        found = overlap(texts[one], texts[other])
        assert [(texts[one][each.first], texts[other][each.second]) for each in found] == []


def test_no_headline_stands_twice(rows: list[dict[str, str]]) -> None:
    masked = defaultdict(set)
    for row in rows:
        masked[re.sub(r"\d+", "0", normalised(row["text"]))].add(row["group"])

    assert len({normalised(row["text"]) for row in rows}) == len(rows)
    assert {len(groups) for groups in masked.values()} == {1}


def test_words_do_not_give_the_label_away(rows: list[dict[str, str]]) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.model_selection import GroupKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    bag_of_words = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LinearSVC()
    )

    accuracy = cross_val_score(
        bag_of_words,
        [row["text"] for row in rows],
        [row["label"] for row in rows],
        groups=[row["group"] for row in rows],
        cv=GroupKFold(5),
    ).mean()

    assert accuracy < 0.75  # always saying neutral gives 0.37


@needs_phrasebank
def test_nothing_is_taken_from_phrasebank(rows: list[dict[str, str]]) -> None:
    real = phrasebank.read(REAL_PHRASEBANK, DataSettings(agreement=50)).examples
    runs = {run for example in real for run in _runs(example.text)}

    assert [row["text"] for row in rows if _runs(row["text"]) & runs] == []


def test_it_is_a_source_of_its_own_with_fixed_parts(rows: list[dict[str, str]]) -> None:
    data = load_data(DataSettings(source="headlines"))
    parts = split(data, DataSettings(source="headlines"))

    assert data.licence == "Apache-2.0"
    assert _texts(parts.test) == {
        row["text"] for row in rows if row["part"] == "test" and row["agreement"] == "100"
    }


def test_it_is_added_to_another_source_whose_parts_stay(tmp_path: Path) -> None:
    rows = [(f"{text} again", label) for text, label in sample_rows()]
    path = write_csv(tmp_path / "own.csv", [("text", "label"), *rows])
    own, corpus, both = (
        split(load_data(settings), settings)
        for source in (str(path), "headlines", f"{path}+headlines")
        for settings in [DataSettings(source=source)]
    )

    for part in ("train", "validation", "test"):
        together = _texts(getattr(own, part)) | _texts(getattr(corpus, part))
        assert _texts(getattr(both, part)) == together


def test_as_the_test_part_of_other_data_its_own_test_part_is_taken(
    tmp_path: Path, rows: list[dict[str, str]]
) -> None:
    path = write_csv(tmp_path / "own.csv", [("text", "label"), *sample_rows()])
    data = load_data(DataSettings(source=str(path), validation="headlines", test="headlines"))

    for part, found in (("validation", data.validation), ("test", data.test)):
        expected = {r["text"] for r in rows if r["part"] == part and r["agreement"] == "100"}
        assert _texts(found) == expected


@pytest.mark.parametrize("source", ["headlines", "own.csv+headlines"])
@pytest.mark.parametrize("part", ["validation", "test"])
def test_with_a_part_from_elsewhere_the_other_one_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, part: str
) -> None:
    monkeypatch.chdir(tmp_path)
    own = sample_rows()
    write_csv(tmp_path / "own.csv", [("text", "label"), *own[:200]])
    write_csv(tmp_path / "part.csv", [("text", "label"), *own[200:240]])
    fixed, settings = (
        DataSettings.model_validate({"source": source, **more}) for more in ({}, {part: "part.csv"})
    )

    as_always, found = (load_data(each) for each in (fixed, settings))

    other = "test" if part == "validation" else "validation"
    assert _texts(getattr(found, other)) == _texts(getattr(as_always, other))
    assert _texts(getattr(found, part)) == {text for text, _ in own[200:240]}


def test_a_licence_that_is_not_known_is_not_stated(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "own.csv", [("text", "label"), *sample_rows()])
    both = load_data(DataSettings(source=f"{path}+headlines"))
    assert both.licence == "not stated; Apache-2.0"


def test_all_of_its_texts_are_read_where_labels_do_not_matter() -> None:
    assert set(load_texts(DataSettings(source="headlines")).texts) == headlines.texts()


def _texts(examples: object) -> set[str]:
    assert isinstance(examples, list)
    return {example.text for example in examples if isinstance(example, Example)}


def _runs(text: str) -> set[tuple[str, ...]]:
    words = "".join(c if c.isalnum() else " " for c in text.casefold()).split()
    return {tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1)}
