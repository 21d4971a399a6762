"""The three parts share no headline, whatever the data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsclf.common.errors import DataError
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data.examples import Example, LabelledData, normalised
from newsclf.data.split import split

# Few words, many cases and marks: most of these headlines are others' twins.
headlines = st.builds(
    lambda words, end: " ".join(words) + end,
    st.lists(st.sampled_from(["Profit", "profit", "rose", "ROSE", "fell", "1"]), min_size=1),
    st.sampled_from(["", ".", " !", "?"]),
)


def labelled(texts: list[str], extra: list[str] | None = None) -> LabelledData:
    return LabelledData(
        name="test",
        examples=list(dict.fromkeys(Example(text, i % 3) for i, text in enumerate(texts))),
        extra=[Example(text, 0, extra=True) for text in extra or []],
        digest="",
    )


def numbered(n: int) -> list[str]:
    return [f"Headline number {i}" for i in range(n)]


@settings(max_examples=50, deadline=None)  # the first call imports scikit-learn
@given(st.lists(headlines, max_size=40), st.lists(headlines, max_size=20), st.integers(0, 99))
def test_no_normalised_text_stands_in_two_parts(
    texts: list[str], extra: list[str], seed: int
) -> None:
    parts = split(
        labelled([*numbered(120), *texts], [*extra, "headline NUMBER 7!"]),
        DataSettings(split_seed=seed),
    )

    train, validation, test, extra_test = (
        {normalised(example.text) for example in part}
        for part in (parts.train, parts.validation, parts.test, parts.extra_test)
    )
    assert not train & test
    assert not train & validation
    assert not validation & test
    assert not extra_test & (train | validation | test)


def test_the_same_seed_gives_the_same_parts() -> None:
    data = labelled(numbered(100))

    assert split(data, DataSettings()) == split(data, DataSettings())
    assert split(data, DataSettings()) != split(data, DataSettings(split_seed=1))


def test_extra_rows_only_train() -> None:
    parts = split(labelled(numbered(100), ["An extra row"]), DataSettings())

    assert [example.text for example in parts.train if example.extra] == ["An extra row"]
    assert not [e for e in [*parts.validation, *parts.test] if e.extra]


def test_a_fifth_of_the_extra_rows_is_held_out_and_the_test_part_stays_what_it_is() -> None:
    extra = [f"Disputed headline {i}" for i in range(100)]
    data = labelled(numbered(100), extra)

    parts = split(data, DataSettings())

    assert parts.test == split(labelled(numbered(100)), DataSettings()).test
    assert len(parts.extra_test) == 20
    trained = [example for example in parts.train if example.extra]
    assert {e.text for e in (*trained, *parts.extra_test)} == set(extra)


def test_extra_rows_that_are_held_out_already_are_not_drawn_again() -> None:
    data = labelled(numbered(100), [f"Disputed headline {i}" for i in range(100)])
    held_out = [Example("Held out", 0, extra=True), Example("Headline number 3", 0, extra=True)]

    parts = split(replace(data, extra_test=held_out), DataSettings())

    assert len([example for example in parts.train if example.extra]) == 100
    assert [example.text for example in parts.extra_test] == ["Held out"]  # the other trains


def test_beside_a_test_file_all_extra_rows_train() -> None:
    data = labelled(numbered(100), [f"Disputed headline {i}" for i in range(100)])

    parts = split(replace(data, test=[Example("Another", 1)]), DataSettings())

    assert parts.extra_test == []
    assert len([example for example in parts.train if example.extra]) == 100


@pytest.mark.parametrize("rows", [2, 5, 9])
def test_too_few_rows_are_an_error(rows: int) -> None:
    with pytest.raises(DataError, match="test"):
        split(labelled(numbered(rows)), DataSettings())


def rows_of(**counts: int) -> LabelledData:
    """Numbered rows of some classes."""
    examples = [
        Example(f"{label} number {i}", LABELS.index(label))
        for label, count in counts.items()
        for i in range(count)
    ]
    return LabelledData(name="mine.csv", examples=examples, digest="")


@pytest.mark.parametrize(
    ("counts", "said", "hinted"),
    [
        (
            {"negative": 150, "neutral": 1, "positive": 150},
            "(150 negative, 1 neutral, 150 positive)",
            "add rows of the rarest class, or leave it out",
        ),
        (
            {"negative": 8, "neutral": 8, "positive": 8},
            "24 rows are too few to split into training, validation and test rows of every",
            "data.validation_fraction",
        ),
        (
            {"negative": 150, "neutral": 3, "positive": 150},
            "none of the 3 rows that are 'neutral' came into the test part of 61 rows",
            "NEWSCLF_DATA_SPLIT_SEED=1 newsclf train",
        ),
    ],
)
def test_rows_that_cannot_be_split_are_reported_in_our_own_words(
    counts: dict[str, int], said: str, hinted: str
) -> None:
    with pytest.raises(DataError) as raised:
        split(rows_of(**counts), DataSettings())

    assert said in raised.value.message
    assert hinted in str(raised.value.hint)
    assert "test_size" not in raised.value.message


def test_parts_with_files_of_their_own_are_taken_whole() -> None:
    data = replace(
        labelled([*numbered(30), "Twin of validation", "Twin of test"]),
        validation=labelled(["Valid one", "twin of VALIDATION!", "Also in test"]).examples,
        test=labelled(["Test one", "twin of TEST.", "also in test"]).examples,
    )

    parts = split(data, DataSettings())

    assert [e.text for e in parts.test] == ["Test one", "twin of TEST.", "also in test"]
    assert [e.text for e in parts.validation] == ["Valid one", "twin of VALIDATION!"]
    assert [e.text for e in parts.train] == numbered(30)


def test_only_the_part_without_a_file_is_drawn() -> None:
    data = replace(labelled(numbered(100)), test=labelled(["One", "Two"]).examples)

    parts = split(data, DataSettings())

    assert (len(parts.train), len(parts.validation), len(parts.test)) == (90, 10, 2)


def test_the_same_file_for_training_and_test_leaves_nothing() -> None:
    data = replace(labelled(numbered(9)), test=labelled(numbered(9)).examples, validation=[])

    with pytest.raises(DataError, match="no row is left for the validation part"):
        split(data, DataSettings())
