"""What readers of a comparison are told of the two trainings."""

from __future__ import annotations

from newsclf.evaluation.comparison import training_remarks
from newsclf.model.card import CardExtra
from tests.support.builders import build_card

EXTRA = CardExtra(
    name="labelled.jsonl",
    digest="0" * 64,
    rows={"negative": 100, "neutral": 300, "positive": 20},
    weight=0.5,
    unlabelled=0,
    repeated=0,
    held_out=0,
    gold_rows=50,
    gold_name="training part of sample",
    accuracy=0.9,
    accuracy_interval=(0.8, 0.95),
    kappa=0.8,
    kappa_interval=(0.7, 0.9),
    gate={"kappa": 0.7},
)
NAMES = ("with", "without")
LEARNT = "with has also learnt 420 rows of labelled.jsonl, with the weight 0.5."


def test_models_without_extra_rows_need_no_remark() -> None:
    assert training_remarks(build_card(), build_card(), NAMES) == []
    same = build_card(extra=EXTRA)
    assert training_remarks(same, same, NAMES) == []


def test_the_model_with_extra_rows_is_named() -> None:
    assert training_remarks(build_card(extra=EXTRA), build_card(), NAMES) == [
        LEARNT,
        "without has learnt no extra rows.",
    ]


def test_two_weights_are_two_trainings() -> None:
    full = EXTRA.model_copy(update={"weight": 1.0})

    assert training_remarks(build_card(extra=EXTRA), build_card(extra=full), NAMES) == [
        LEARNT,
        "without has also learnt 420 rows of labelled.jsonl, with the weight 1.",
    ]


def test_whatever_else_differs_is_told() -> None:
    card = build_card()
    other = card.model_copy(
        update={
            "training": card.training.model_copy(
                update={"seed": 7, "batch_size": 8, "threads": 3, "device": "cpu"}
            ),
            "data": card.data.model_copy(update={"digest": "1" * 64}),
        }
    )

    assert training_remarks(build_card(extra=EXTRA), other, NAMES)[-1] == (
        "The two also differ in data, seed, batch size, so that the extra rows are not all that is"
        " compared."
    )
