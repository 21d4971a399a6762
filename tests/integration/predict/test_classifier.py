"""The Python API: classifiers of a model directory and of a deployment, and DataFrames."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from newsclf import Classifier, NewsclfError, Prediction
from newsclf.common.errors import DataError, ModelError, StateError
from newsclf.serving.engines.onnx_runtime import Engine

HEADLINES = ["Brewer Tarnholt cuts its forecast", "Orvane wins a rail contract"]


@pytest.fixture(scope="module")
def classifier(trained: Path) -> Classifier:
    return Classifier.load(trained / "model")


def test_a_model_answers_as_its_engine_does(classifier: Classifier, trained: Path) -> None:
    found = classifier.classify(HEADLINES)

    assert found == Engine(trained / "model").classify(HEADLINES)
    assert all(isinstance(each, Prediction) for each in found)
    assert classifier.source.kind == "model"
    assert classifier.classify([]) == []


def test_threads_share_a_classifier(classifier: Classifier) -> None:
    expected = classifier.classify(HEADLINES)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(classifier.classify, [HEADLINES] * 20)) == [expected] * 20


def test_words_are_weighed(classifier: Classifier) -> None:
    answers = classifier.explain(HEADLINES)

    assert [answer.prediction for answer in answers] == classifier.classify(HEADLINES)
    for answer in answers:
        assert answer.explanation is not None
        assert [word.word for word in answer.explanation] == answer.text.split()


@pytest.mark.parametrize(
    ("headlines", "problem"),
    [
        ("Profit rose", "a list of strings, not one string"),
        (["Profit rose", None], "headline 2 is of type NoneType"),
        ([math.nan], "headline 1 is of type float"),
    ],
)
def test_what_is_no_list_of_strings_is_a_mistake_of_the_caller(
    classifier: Classifier, headlines: list[str], problem: str
) -> None:
    ways: list[Callable[[list[str]], object]] = [classifier.classify, classifier.explain]
    for way in ways:
        with pytest.raises(TypeError, match=problem):
            way(headlines)


def test_an_empty_headline_is_named(classifier: Classifier) -> None:
    with pytest.raises(DataError, match=r"headline 2 of 2 is empty"):
        classifier.classify(["Profit rose", " "])


def test_a_missing_model_says_what_makes_one() -> None:
    with pytest.raises(ModelError) as caught:
        Classifier.load("nowhere")

    assert isinstance(caught.value, NewsclfError)
    assert "newsclf train" in (caught.value.hint or "")


def test_an_unknown_deployment_is_an_error() -> None:
    with pytest.raises(StateError, match="nowhere"):
        Classifier.connect("nowhere")


def test_a_frame_keeps_its_rows_and_index(classifier: Classifier) -> None:
    frame = pd.DataFrame(
        {"headline": [HEADLINES[0], None, "  ", HEADLINES[1], pd.NA], "id": range(5)},
        index=[7, 7, 0, 3, 1],
    )
    before = frame.copy()

    found = classifier.classify_frame(frame, text_column="headline")

    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(found[["headline", "id"]], frame)
    first, second = classifier.classify(HEADLINES)
    labels = found["predicted_label"].tolist()
    assert [labels[0], labels[3]] == [first.label, second.label]
    scores = found[["p_negative", "p_neutral", "p_positive"]]
    assert tuple(scores.iloc[3]) == second.scores
    assert found["predicted_label"].isna().tolist() == [False, True, True, False, True]
    assert scores.isna().all(axis=1).tolist() == [False, True, True, False, True]


def test_a_frame_without_rows_gets_the_columns(classifier: Classifier) -> None:
    found = classifier.classify_frame(pd.DataFrame({"text": []}))

    assert list(found) == ["text", "predicted_label", "p_negative", "p_neutral", "p_positive"]


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"headline": HEADLINES}, "has no column 'text', only headline"),
        ({"text": HEADLINES, "p_neutral": [0, 0]}, "already has a column 'p_neutral'"),
    ],
)
def test_a_frame_of_other_columns_is_refused(
    classifier: Classifier, columns: dict[str, list[object]], problem: str
) -> None:
    with pytest.raises(DataError, match=problem):
        classifier.classify_frame(pd.DataFrame(columns))


def test_a_frame_of_numbers_is_a_mistake(classifier: Classifier) -> None:
    with pytest.raises(TypeError, match="headline 1 is of type int"):
        classifier.classify_frame(pd.DataFrame({"text": [1, 2]}))


def test_a_frame_with_two_text_columns_is_refused(classifier: Classifier) -> None:
    frame = pd.DataFrame([["Profit rose", "Loss grew"]] * 2, columns=["text", "text"])

    with pytest.raises(DataError, match="several columns 'text'"):
        classifier.classify_frame(frame)
