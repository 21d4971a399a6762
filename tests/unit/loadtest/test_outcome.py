"""What an answer means: any bytes have exactly one outcome."""

from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.common.errors import ConfigError
from newsclf.contract.labels import LABELS
from newsclf.loadtest.generator.expectation import Expectation, parse_expectation
from newsclf.loadtest.generator.outcome import outcome_of
from newsclf.loadtest.store.samples import Outcome

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["predictions", "scores", "label", "score", *LABELS]), inner, max_size=3
        )
    ),
    max_leaves=12,
)
_ROW = [{"label": label, "score": 1 / 3} for label in LABELS]
_SCORES = dict.fromkeys(LABELS, 1 / 3)


@given(_JSON)
def test_no_document_breaks_it(document: object) -> None:
    answer = httpx.Response(200, content=json.dumps(document).encode())
    assert outcome_of(answer, 1) in {Outcome.OK, Outcome.BAD_BODY}


@given(st.binary(max_size=64), st.integers(200, 599))
def test_no_bytes_break_it(body: bytes, status: int) -> None:
    assert outcome_of(httpx.Response(status, content=body), 1) in set(Outcome) - {Outcome.OK}


@pytest.mark.parametrize("score", ["NaN", "Infinity", "-0.1", "0.9"])
def test_scores_that_are_no_probabilities_are_no_good_answer(score: str) -> None:
    for document in ([_ROW], {"predictions": [{"scores": _SCORES}]}):
        body = json.dumps(document).replace(str(1 / 3), score, 1)
        assert score in body
        assert outcome_of(httpx.Response(200, content=body.encode()), 1) == Outcome.BAD_BODY


def test_a_document_that_never_ends_is_no_answer() -> None:
    assert outcome_of(httpx.Response(200, content=b"[" * 100_000), 1) == Outcome.BAD_BODY


@pytest.mark.parametrize(
    ("status", "headers", "body", "outcome"),
    [
        (200, {}, {"predictions": [{"scores": _SCORES}]}, Outcome.OK),
        (200, {}, [_ROW], Outcome.OK),
        (200, {}, [_ROW, _ROW], Outcome.BAD_BODY),
        (200, {}, {"predictions": [{"scores": {"positive": 1}}]}, Outcome.BAD_BODY),
        (301, {}, "", Outcome.HTTP_3XX),
        (400, {"x-amzn-errortype": "ThrottlingException"}, "", Outcome.THROTTLED),
        (400, {}, "", Outcome.HTTP_4XX),
        (401, {}, "", Outcome.AUTH),
        (403, {}, "", Outcome.AUTH),
        (424, {"x-amzn-errortype": "ModelError"}, "", Outcome.MODEL_ERROR),
        (429, {}, "", Outcome.THROTTLED),
        (503, {}, "", Outcome.HTTP_5XX),
        (530, {}, "", Outcome.DEPENDENCY),
    ],
)
def test_status_and_body_say_what_it_was(
    status: int, headers: dict[str, str], body: object, outcome: Outcome
) -> None:
    answer = httpx.Response(status, headers=headers, content=json.dumps(body).encode())
    assert outcome_of(answer, 1) == outcome


_LABELLED = b'[{"label": "positive", "score": 0.9}]'
_AS_TEXT = b'{"statusCode": 200, "body": "{\\"label\\": \\"positive\\"}"}'


@pytest.mark.parametrize(
    ("expected", "status", "body", "outcome"),
    [
        ("status", 200, b"<html>", Outcome.OK),
        ("status", 202, b"", Outcome.OK),
        ("status", 302, b"", Outcome.HTTP_3XX),
        ("status", 500, _LABELLED, Outcome.HTTP_5XX),
        ("json:0.label", 200, _LABELLED, Outcome.OK),
        ("json:0.label", 403, _LABELLED, Outcome.AUTH),
        ("json:1.label", 200, _LABELLED, Outcome.BAD_BODY),
        ("json:label", 200, _LABELLED, Outcome.BAD_BODY),
        ("json:0.label.x", 200, _LABELLED, Outcome.BAD_BODY),
        ("json:body.label", 200, _AS_TEXT, Outcome.OK),
        ("json:body.score", 200, _AS_TEXT, Outcome.BAD_BODY),
        ("json:0.label", 200, b"<html>", Outcome.BAD_BODY),
        ("newsclf", 200, _LABELLED, Outcome.BAD_BODY),
    ],
)
def test_another_api_says_what_a_good_answer_is(
    expected: str, status: int, body: bytes, outcome: Outcome
) -> None:
    answer = httpx.Response(status, content=body)
    found = parse_expectation(expected)

    assert outcome_of(answer, 1, found) == outcome
    assert str(found) == expected


@given(_JSON, st.text(max_size=8))
def test_no_path_breaks_it(document: object, path: str) -> None:
    answer = httpx.Response(200, content=json.dumps(document).encode())
    found = outcome_of(answer, 1, Expectation("json", path))
    assert found in {Outcome.OK, Outcome.BAD_BODY}


@pytest.mark.parametrize("text", ["", "json", "json:", "200", "xml:a"])
def test_another_expectation_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected status, json:PATH or newsclf"):
        parse_expectation(text)
