"""A model directory's probabilities, by which headlines to review are ordered."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsclf.common.errors import ModelError
from newsclf.label.review.model import with_probabilities
from newsclf.label.review.queue import MODEL, ReviewItem, opinions
from newsclf.serving.engines.onnx_runtime import Engine
from tests.support.review import items


def test_headlines_get_the_probabilities_that_predict_gives(trained: Path) -> None:
    model = trained / "model"
    given = [ReviewItem(item.text, item.votes) for item in items()]

    found = with_probabilities(given, model)

    expected = Engine(model).classify([item.text for item in given])
    assert [item.probabilities for item in found] == [
        pytest.approx(each.scores, abs=1e-4) for each in expected
    ]
    assert [item.votes for item in found] == [item.votes for item in given]
    assert opinions(found[0])[-1].by == MODEL


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a model directory"):
        with_probabilities(items(), tmp_path)
