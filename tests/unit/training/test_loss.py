"""The loss of a batch, from labels and from a teacher."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from newsclf.training.batches import Batch, Row, collate
from newsclf.training.loss import Loss

LOGITS = st.lists(st.floats(-8, 8, width=32), min_size=3, max_size=3).map(tuple)


def batch_of(*rows: Row) -> Batch:
    return collate(rows, pad_token_id=0)


def labelled(label_id: int, *, weight: float = 1.0) -> Row:
    target = tuple(float(i == label_id) for i in range(3))
    return Row([5, 6], target, weight)


def taught(*logits: float, weight: float = 1.0) -> Row:
    return Row([5, 6], weight=0.0, taught=logits, taught_weight=weight)


def test_without_a_teacher_it_is_the_weighted_mean_of_cross_entropies() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]])
    batch = batch_of(labelled(2), labelled(1, weight=0.5))

    found = Loss().of(logits, batch)

    losses = functional.cross_entropy(logits, torch.tensor([2, 1]), reduction="none")
    assert found.item() == pytest.approx(((losses[0] + 0.5 * losses[1]) / 1.5).item())


@given(LOGITS, st.floats(0.5, 8), st.floats(-5, 5))
def test_a_student_that_answers_like_its_teacher_has_no_loss(
    logits: tuple[float, ...], temperature: float, shift: float
) -> None:
    # A constant that is added to all logits changes no probability.
    answers = torch.tensor([[value + shift for value in logits]])

    found = Loss(temperature).of(answers, batch_of(taught(*logits)))

    assert found.item() == pytest.approx(0, abs=1e-4)


@given(LOGITS, LOGITS, st.floats(0.5, 8))
def test_any_other_answer_has_the_divergence_at_the_temperature(
    teacher: tuple[float, ...], student: tuple[float, ...], temperature: float
) -> None:
    found = Loss(temperature).of(torch.tensor([student]), batch_of(taught(*teacher)))

    p, q = (
        torch.softmax(torch.tensor(logits, dtype=torch.float64) / temperature, dim=0).tolist()
        for logits in (teacher, student)
    )
    divergence = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert found.item() == pytest.approx(temperature**2 * divergence, rel=1e-3, abs=1e-4)


def test_the_gradient_of_a_teacher_keeps_its_size_at_a_high_temperature() -> None:
    def gradient(temperature: float) -> float:
        logits = torch.tensor([[0.2, -0.1, 0.0]], requires_grad=True)
        Loss(temperature).of(logits, batch_of(taught(-0.3, 0.1, 0.4))).backward()
        assert logits.grad is not None
        return float(logits.grad.norm())

    assert gradient(8) == pytest.approx(gradient(2), rel=0.1)


@given(st.floats(0.01, 0.3), st.floats(0.1, 20))
def test_the_weight_of_a_row_does_not_change_what_it_teaches(share: float, weight: float) -> None:
    target = (share, 1 - 3 * share, 2 * share)
    logits = torch.tensor([[math.log(each) for each in target]], requires_grad=True)

    Loss().of(logits, batch_of(Row([5, 6], target, weight))).backward()

    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-5
