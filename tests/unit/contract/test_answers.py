"""Answers are decoded as they were encoded; whatever else is sent is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.contract.answers import Prediction, read_api_answer, read_endpoint_answer
from newsclf.contract.labels import LABELS
from newsclf.contract.requests import ContractError


def normalised(weights: tuple[float, ...]) -> Prediction:
    return Prediction(tuple(weight / sum(weights) for weight in weights))


WEIGHTS = st.floats(0, 1, allow_subnormal=False)
PREDICTIONS = st.lists(
    st.tuples(WEIGHTS, WEIGHTS, st.floats(0.01, 1)).map(normalised), min_size=1, max_size=4
)
EXAMPLE = [Prediction((0.1, 0.2, 0.7)), Prediction((0.5, 0.25, 0.25))]


def as_endpoint(predictions: list[Prediction]) -> Any:
    return [prediction.as_pipeline() for prediction in predictions]


def as_api(predictions: list[Prediction]) -> Any:
    return {"predictions": [prediction.as_dict() for prediction in predictions], "model": "0"}


FORMS = pytest.mark.parametrize(
    ("encode", "read"), [(as_endpoint, read_endpoint_answer), (as_api, read_api_answer)]
)
Encode = Callable[[list[Prediction]], Any]
Read = Callable[[object, int], list[Prediction]]


@FORMS
@given(predictions=PREDICTIONS)
def test_what_is_encoded_is_decoded(
    encode: Encode, read: Read, predictions: list[Prediction]
) -> None:
    sent = json.loads(json.dumps(encode(predictions)))

    assert read(sent, len(predictions)) == predictions


@FORMS
@pytest.mark.parametrize(
    "scores",
    [
        (math.nan, 0.5, 0.5),
        (math.inf, 0.0, 0.0),
        (-0.1, 0.6, 0.5),
        (0.3, 0.3, 0.3),
        (1.0, 1.0, 1.0),
        (True, False, False),
        ("0.1", 0.2, 0.7),
        (None, 0.5, 0.5),
        (10**400, 0, 0),
    ],
)
def test_scores_that_are_no_probabilities_are_refused(
    encode: Encode, read: Read, scores: tuple[Any, ...]
) -> None:
    sent = encode(EXAMPLE)
    first = sent["predictions"][0]["scores"] if isinstance(sent, dict) else None
    for label, score in zip(LABELS, scores, strict=True):
        if first is not None:
            first[label] = score
        else:
            next(entry for entry in sent[0] if entry["label"] == label)["score"] = score

    with pytest.raises(ContractError, match="prediction 0"):
        read(sent, len(EXAMPLE))


@FORMS
@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_predictions_is_refused(encode: Encode, read: Read, count: int) -> None:
    with pytest.raises(ContractError, match=f"2 predictions, not {count}"):
        read(encode(EXAMPLE), count)


@pytest.mark.parametrize(
    "document",
    [
        None,
        "positive",
        3,
        {},
        {"error": {"code": "busy"}},
        [[]],
        [None],
        [3],
        ["positive"],
        [[{"label": "positive", "score": 1.0}]],
        [[{"label": ["positive"], "score": 1 / 3} for _ in LABELS]],
        [[{"label": "positive", "score": 1 / 3} for _ in LABELS]],
        [[{"label": f"LABEL_{i}", "score": 1 / 3} for i in range(3)]],
        [{"label": "positive", "score": 1.0}],
        {"predictions": [{}]},
        {"predictions": [{"scores": [0.1, 0.2, 0.7]}]},
        {"predictions": [{"scores": {"positive": 1.0}}]},
        {"predictions": [{"scores": dict.fromkeys(LABELS, 1 / 3) | {"mixed": 0.0}}]},
        {"predictions": {"scores": dict.fromkeys(LABELS, 1 / 3)}},
    ],
)
def test_other_documents_are_refused_in_both_forms(document: object) -> None:
    for read in (read_endpoint_answer, read_api_answer):
        with pytest.raises(ContractError):
            read(document, 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.sampled_from(LABELS),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*LABELS, "label", "score", "scores", "predictions"]), inner
        )
    ),
    max_leaves=20,
)


@given(document=JSON, count=st.integers(0, 3))
def test_any_document_is_decoded_or_refused(document: object, count: int) -> None:
    for read in (read_endpoint_answer, read_api_answer):
        try:
            found = read(document, count)
        except ContractError:
            continue
        assert len(found) == count
        assert all(math.isclose(sum(each.scores), 1, abs_tol=1e-3) for each in found)
