"""Ranking of labels that are likely wrong, from features of known quality."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from newsclf.common.errors import DataError
from newsclf.data.labelled import Label
from newsclf.label.doubts import ranked

LABELS: tuple[Label, ...] = get_args(Label)


def clusters(rows: int, spread: float) -> tuple[np.ndarray, list[Label]]:
    """Features around a centre for each class, and the true labels."""
    chance = np.random.default_rng(0)
    truth = chance.integers(3, size=rows)
    features = np.eye(3)[truth] * 4 + chance.normal(scale=spread, size=(rows, 3))
    return features, [LABELS[i] for i in truth]


def with_errors(truth: list[Label], share: float) -> tuple[list[Label], set[int]]:
    """Labels with a share of errors, and the rows that have one."""
    chance = np.random.default_rng(1)
    wrong = {int(row) for row in chance.permutation(len(truth))[: round(share * len(truth))]}
    given = [
        LABELS[(LABELS.index(label) + 1) % 3] if row in wrong else label
        for row, label in enumerate(truth)
    ]
    return given, wrong


def test_wrong_labels_come_first_and_the_right_ones_are_suggested() -> None:
    features, truth = clusters(400, spread=0.5)
    given, wrong = with_errors(truth, 0.2)

    found = ranked(features, given)

    assert {each.row for each in found[: len(wrong)]} == wrong
    assert all(each.suggested == truth[each.row] for each in found[: len(wrong)])
    assert all(each.label == given[each.row] for each in found)
    assert sorted(each.row for each in found) == list(range(400))
    margins = [each.margin for each in found]
    assert margins == sorted(margins)
    assert margins[0] < 0 < margins[-1]


def test_errors_are_found_where_classes_overlap() -> None:
    features, truth = clusters(600, spread=1.6)
    given, wrong = with_errors(truth, 0.2)

    first = ranked(features, given)[:150]

    assert sum(each.row in wrong for each in first) >= 0.6 * len(wrong)


def test_the_same_seed_gives_the_same_ranking() -> None:
    features, truth = clusters(100, spread=1.0)

    assert ranked(features, truth, seed=5) == ranked(features, truth, seed=5)


def test_a_class_that_is_rare_or_missing_is_no_obstacle() -> None:
    features, truth = clusters(120, spread=0.5)
    kept = [i for i, label in enumerate(truth) if label != "positive"]
    rare = kept + [i for i, label in enumerate(truth) if label == "positive"][:1]

    for rows in (kept, rare):
        found = ranked(features[rows], [truth[i] for i in rows])
        assert len(found) == len(rows)
        assert all(0 <= each.probability <= 1 for each in found)


@pytest.mark.parametrize(
    "labels", [[], ["neutral"] * 100, ["neutral", "positive"] * 20, ["neutral"] * 96 + ["positive"]]
)
def test_too_few_labels_are_an_error(labels: list[Label]) -> None:
    with pytest.raises(DataError, match="too few labels to find errors among"):
        ranked(np.zeros((len(labels), 2)), labels)
