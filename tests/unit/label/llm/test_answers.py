"""Tests of reading answers: a label in an agreed form, or a failure."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.contract.labels import LABELS
from newsclf.label.llm.answers import read_label


@pytest.mark.parametrize(
    "answer",
    [
        '{"label": "positive"}',
        ' {"label":"positive"}\n',
        '{"label": "Positive"}',
        '```json\n{"label": "positive"}\n```',
        '``` \n\n {"label": "positive"}\n\n  ```',
        "positive",
        "Positive.",
        '"positive"',
        "**positive**",
    ],
)
def test_a_label_in_an_agreed_form(answer: str) -> None:
    assert read_label(answer) == ("positive", None)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ('{"label": "bullish"}', "no label"),
        ('{"label": ""}', "no label"),
        ('{"label": null}', "no label"),
        ('{"label": ["positive"]}', "no label"),
        ("mixed", "no label"),
        ("", "wrong form"),
        ("not positive", "wrong form"),
        ("positive or neutral", "wrong form"),
        ("The headline is positive.", "wrong form"),
        ('{"label": "positive"', "wrong form"),
        ('{"label": "positive", "label": "negative"}', "wrong form"),
        ('{"label": "positive", "why": "profit rose"}', "wrong form"),
        ('{"labels": "positive"}', "wrong form"),
        ('{"label": "positive"} {"label": "negative"}', "wrong form"),
        ('["positive"]', "wrong form"),
        ("[" * 100_000, "wrong form"),
        ("1" * 10_000, "wrong form"),
        (f"```{chr(10) * 100_000}x", "wrong form"),
    ],
)
def test_anything_else_is_a_failure(answer: str, failure: str) -> None:
    assert read_label(answer) == (None, failure)


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_whatever_comes_is_a_label_or_a_failure(answer: str) -> None:
    label, failure = read_label(answer)

    assert (label is None) == (failure is not None)
    assert label is None or (label in LABELS and label in answer.lower())
