"""What evaluation and training say of a model that has learnt nothing."""

from __future__ import annotations

from newsclf.evaluation.baseline import baseline_of


def test_the_baseline_is_the_share_of_the_commonest_class() -> None:
    found = baseline_of({"negative": 1, "neutral": 0, "positive": 40})

    assert (found.name, round(found.accuracy, 3)) == ("always answering positive", 0.976)


def test_a_model_that_is_not_above_it_gets_a_remark() -> None:
    found = baseline_of({"negative": 1, "positive": 3})

    said = found.remark(0.75) or ""
    assert said.startswith("The model is no better than always answering positive")
    assert found.remark(0.5)
    assert found.remark(0.76) is None
