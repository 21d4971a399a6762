"""Requests as they are read: what is refused, and that large ones are read alike."""

from __future__ import annotations

import gc
import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsclf.contract.requests import ContractError, headline_problem, parse_inputs, parse_json

PADDING = {"padding": "x" * 100_000}
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=30)
@given(document=st.dictionaries(st.text(), _values, max_size=3))
def test_a_large_body_is_read_as_a_small_one_is(document: dict[str, object]) -> None:
    small = json.dumps(document).encode()
    large = json.dumps(document | PADDING).encode()

    assert parse_json(large) == parse_json(small) | PADDING  # type: ignore[operator]


@pytest.mark.parametrize("end", ["NaN", "-Infinity", "[1,", "{", '"', "}", "1" + "0" * 5000])
def test_a_large_body_that_is_no_json_is_refused_as_a_small_one_is(end: str) -> None:
    for padding in ("x", "x" * 100_000):
        with pytest.raises(ContractError, match="the body is not JSON"):
            parse_json(f'{{"a": "{padding}", "inputs": {end}}}'.encode())


@pytest.mark.parametrize("value", ["1", "1.5", "{}", '{"a":1}', "-1e3"])
def test_more_values_than_any_request_holds_are_refused(value: str) -> None:
    body = f'{{"inputs": [{",".join([value] * 300_000)}]}}'.encode()

    with pytest.raises(ContractError, match="more than 10000 numbers or objects"):
        parse_json(body)
    assert gc.isenabled()


def test_more_lists_than_any_request_holds_are_refused_and_brackets_in_texts_are_not() -> None:
    with pytest.raises(ContractError, match="more than 100000 opening brackets"):
        parse_json(f'{{"inputs": [{",".join(["[]"] * 200_000)}]}}'.encode())
    text = "Profit rose [1] " * 50_000
    assert parse_json(json.dumps({"inputs": text}).encode()) == {"inputs": text}


def test_numbers_keep_their_kind_and_size_in_large_bodies() -> None:
    document = {"inputs": "a", "parameters": {"top_k": 3, "t": 0.5, "big": 10**30}}

    read = parse_json(json.dumps(document | PADDING).encode())

    assert read == document | PADDING
    assert isinstance(read, dict)
    assert [type(value) for value in read["parameters"].values()] == [int, float, int]


@given(text=st.text(st.characters(exclude_categories=())))
def test_a_headline_is_refused_when_it_is_blank_or_no_utf_8(text: str) -> None:
    halves = any(unicodedata.category(character) == "Cs" for character in text)

    assert (headline_problem(text) is None) == (bool(text.strip()) and not halves)


def test_the_largest_text_is_read_whole() -> None:
    text = "Zażółć 🙂 " * 300_000

    assert parse_inputs(parse_json(json.dumps({"inputs": text}).encode())) == ([text], False)
