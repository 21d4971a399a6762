"""The shipped sample: whole groups of the corpus in the parts where they stand there."""

from __future__ import annotations

from collections import Counter

import pytest

from newsclf.common.errors import DataError
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data import headlines
from newsclf.data.examples import Example
from newsclf.data.sources import load_data
from newsclf.data.split import split

SAMPLE = DataSettings(source="sample")


def test_it_has_about_600_headlines_of_all_classes_kinds_and_styles() -> None:
    rows = headlines.sample_rows()
    shares = {label: n / len(rows) for label, n in Counter(r["label"] for r in rows).items()}

    assert len(rows) == 637
    assert set(shares) == set(LABELS)
    assert min(shares.values()) > 0.25
    for column in ("kind", "style"):
        assert {row[column] for row in rows} == {row[column] for row in headlines.rows()}


def test_a_group_is_in_it_whole_or_not_at_all() -> None:
    chosen = headlines.sample_rows()
    groups = {row["group"] for row in chosen}

    assert chosen == [row for row in headlines.rows() if row["group"] in groups]


def test_its_parts_are_those_of_the_corpus() -> None:
    sample = split(load_data(SAMPLE), SAMPLE)
    corpus = DataSettings(source="headlines")
    whole = split(load_data(corpus), corpus)

    assert [len(each) for each in (sample.train, sample.validation, sample.test)] == [469, 71, 97]
    for part in ("train", "validation", "test"):
        assert _texts(getattr(sample, part)) < _texts(getattr(whole, part))


@pytest.mark.parametrize("agreement", [50, 100])
def test_all_of_its_labels_agree(agreement: int) -> None:
    data = load_data(DataSettings.model_validate({"source": "sample", "agreement": agreement}))

    assert data.digest == load_data(SAMPLE).digest
    assert (len(data.examples), len(data.extra), data.licence) == (469, 0, "Apache-2.0")


def test_its_digest_is_not_that_of_the_corpus() -> None:
    assert load_data(SAMPLE).digest != load_data(DataSettings(source="headlines")).digest


@pytest.mark.parametrize("source", ["sample", "headlines"])
def test_the_corpus_is_not_added_to_itself(source: str) -> None:
    with pytest.raises(DataError, match="adds headlines that it holds already") as caught:
        load_data(DataSettings(source=f"{source}+headlines"))

    assert "--data headlines" in str(caught.value.hint)


def _texts(examples: list[Example]) -> set[str]:
    return {example.text for example in examples}
