"""What makes two headlines of the same event, and that it is the same both ways."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.events import Pair, counts, judge, read_pairs
from newsclf.watch.record.facts import contradict, facts_of, is_follow_up
from newsclf.watch.record.identity import is_correction, story_text
from newsclf.watch.record.near import is_copy

PAIRS = read_pairs()


def test_precision_and_recall_on_pairs_written_by_hand(tmp_path: Path) -> None:
    assert len(PAIRS) == 200
    assert sum(pair.same for pair in PAIRS) == 100

    found = counts(judge(PAIRS, tmp_path / "news.db"))

    assert found.right / found.joined >= 0.95
    assert found.right / found.same >= 0.85


@given(st.sampled_from(PAIRS), st.sampled_from(PAIRS))
def test_the_order_of_two_headlines_changes_nothing(one: Pair, other: Pair) -> None:
    first, second = story_text(one.one), story_text(other.other)
    assert is_copy(first, second) == is_copy(second, first)
    said, also_said = facts_of(first), facts_of(second)
    assert is_follow_up(said, also_said) == is_follow_up(also_said, said)
    assert contradict(said, also_said) == contradict(also_said, said)


@pytest.mark.parametrize(
    ("title", "story", "corrects"),
    [
        ("UPDATE 2-Orvane profit rises", "Orvane profit rises", False),
        ("UPDATE 1-CORRECTED-Orvane profit rises", "Orvane profit rises", True),
        ("OFFICIAL CORRECTION-Orvane profit rises", "Orvane profit rises", True),
        ("(CORRECTED) Orvane profit rises", "Orvane profit rises", True),
        ("BRIEF-Orvane profit rises (Reuters)", "Orvane profit rises", False),
        ("Orvane profit rises - sources", "Orvane profit rises", False),
        ("Orvane profit rises | Bloomberg", "Orvane profit rises", False),
        ("Sources say Orvane profit rises", "Sources say Orvane profit rises", False),
        ("Corrected figures lift Orvane", "Corrected figures lift Orvane", False),
    ],
)
def test_prefixes_and_suffixes_are_taken_off(
    title: str,
    story: str,
    corrects: bool,  # noqa: FBT001 - what is expected
) -> None:
    assert story_text(title) == story
    assert is_correction(title) is corrects


def test_a_translation_has_no_kind() -> None:
    assert facts_of("Orvane kündigt Dividende für das Jahr an").kinds == frozenset()
    assert facts_of("Orvane pays a dividend").kinds == {"dividend"}
