"""The paired test of non-inferiority: its level by simulation, and its bound."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from newsclf.frontier.noninferiority import discordant, loss_bound, p_value, score_statistic
from newsclf.frontier.quality import against_teacher

_DRAWS = 20_000


@pytest.mark.parametrize("rows", [276, 690, 1500])
@pytest.mark.parametrize("delta", [0.01, 0.02, 0.03])
@pytest.mark.parametrize("discordance", [0.01, 0.03, 0.08])
def test_a_model_that_is_just_too_bad_passes_in_5_percent_at_most(
    rows: int, delta: float, discordance: float
) -> None:
    # On the boundary: the true loss is delta, and so much besides differs in both directions.
    random = np.random.default_rng(1)
    only_reference, only_model = delta + discordance / 2, discordance / 2
    shares = [only_reference, only_model, 1 - only_reference - only_model]
    drawn, counts = np.unique(
        random.multinomial(rows, shares, size=_DRAWS)[:, :2], axis=0, return_counts=True
    )
    found = np.array([p_value(int(b), int(c), rows, delta) for b, c in drawn])
    for alpha in (0.05, 0.01):
        passed = counts[found < alpha].sum() / _DRAWS
        assert passed <= 1.2 * alpha + 0.003
    assert counts[found < 0.05].sum() / _DRAWS > 0.02  # nor is it needlessly strict


def test_of_several_models_a_bad_one_is_accepted_in_5_percent_at_most() -> None:
    random = np.random.default_rng(2)
    rows, delta, models, wrong = 500, 0.02, 5, 0
    truth = [0] * rows
    trials = 600
    for _ in range(trials):
        teacher = (random.random(rows) < 0.05).astype(int)
        answers = []
        for _ in range(models):  # each is 2 points worse: flips 4 % of the right, 40 % of the wrong
            flips = random.random(rows) < np.where(teacher == 0, 0.04, 0.36)
            answers.append(np.where(flips, 1 - teacher, teacher).tolist())
        wrong += any(
            against_teacher(truth, teacher.tolist(), each, delta=delta, models=models).not_worse
            for each in answers
        )
    assert wrong / trials <= 0.05 + 2.6 * (0.05 * 0.95 / trials) ** 0.5


def test_a_model_as_good_as_the_teacher_passes_when_there_are_rows_enough() -> None:
    random = np.random.default_rng(3)
    drawn = random.multinomial(3000, [0.02, 0.02, 0.96], size=500)
    passed = [p_value(int(b), int(c), 3000, 0.02) < 0.05 for b, c, _ in drawn]
    assert np.mean(passed) > 0.99


def test_the_bound_lies_below_delta_exactly_where_the_test_passes() -> None:
    for rows, b, c in itertools.product((50, 690), (0, 1, 4, 12), (0, 2, 9)):
        bound = loss_bound(b, c, rows, 0.05)
        assert bound >= max(0.0, (b - c) / rows)
        for delta in (0.01, 0.02, 0.05, 0.2):
            assert (p_value(b, c, rows, delta) < 0.05) == (bound < delta)


def test_a_model_that_is_always_wrong_may_lose_everything() -> None:
    assert loss_bound(3, 0, 3, 0.05) == 1
    assert not against_teacher([0] * 3, [0] * 3, [1] * 3, delta=0.02, models=1).not_worse


def test_tango_s_published_example() -> None:
    # Tango 1998, table II: crossover of soft contact lenses, n = 44, b = 1, c = 0, interval
    # (−0.027, 0.118) for b − c: its ends are where the statistic is ±1.96.
    assert score_statistic(1, 0, 44, 0.118) == pytest.approx(-1.96, abs=0.02)


def test_answers_are_compared_row_by_row() -> None:
    truth, teacher, model = [0, 1, 2, 0], [0, 1, 0, 1], [0, 2, 2, 2]
    assert discordant(truth, teacher, model) == (1, 1)
