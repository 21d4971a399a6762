"""Learning curves of planted features, and the labels that they are measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from newsclf.common.errors import DataError
from newsclf.common.settings import DataSettings
from newsclf.data.labelled import Label, Vote, write_labelled
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.label.gold import GoldRow, write_gold
from newsclf.label.power_law import extrapolate
from newsclf.label.votes import labelled_row
from newsclf.label.worth import learning_curve, read_labels, summarised
from tests.support.labelled_builders import NOON, row_of, write_labelled_file

_LABELS: tuple[Label, ...] = ("negative", "neutral", "positive")


def rows_of(count: int, width: int, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Features of three classes that overlap, in so many directions that it takes rows to learn."""
    truth = chance.integers(3, size=count)
    centres = np.random.default_rng(0).normal(size=(3, width)) * 2.5 / np.sqrt(width)
    return centres[truth] + chance.normal(scale=0.7, size=(count, width)), truth


def headline(number: int) -> str:
    """A headline of words that no other has."""
    letters = str(number).translate(str.maketrans("0123456789", "abcdefghij"))
    return f"Acme{letters} buys brolly{letters} of corvid{letters} from dunmore{letters}"


def accuracy_after(labels: int, width: int, seed: int) -> float:
    """Of the same learner on many new rows."""
    from sklearn.linear_model import LogisticRegression

    chance = np.random.default_rng(seed)
    model = LogisticRegression(C=3.0, max_iter=500).fit(*rows_of(labels, width, chance))
    return float(model.score(*rows_of(4_000, width, chance)))


def test_what_more_labels_bring_is_within_the_interval() -> None:
    features, truth = rows_of(500, 300, np.random.default_rng(3))

    points, curves = summarised(learning_curve(features, truth), truth)
    gain = extrapolate(curves["accuracy"], now=500, more=1_000).interval

    true = np.mean(
        [accuracy_after(1_500, 300, seed) - accuracy_after(500, 300, seed) for seed in range(5)]
    )
    assert gain is not None
    assert gain.low is not None
    assert gain.high is not None
    assert gain.low <= true <= gain.high
    assert [point.labels for point in points] == [112, 225, 338, 450]
    now = points[-1].accuracy
    assert now.low is not None
    assert now.high is not None
    assert now.low <= accuracy_after(450, 300, 9) <= now.high


def test_of_features_that_say_nothing_nothing_is_told() -> None:
    chance = np.random.default_rng(0)
    features, truth = chance.normal(size=(500, 20)), chance.integers(3, size=500)

    points, curves = summarised(learning_curve(features, truth), truth)

    assert extrapolate(curves["accuracy"], now=500, more=1_000).interval is None
    assert all(0.25 < (point.accuracy.value or 0) < 0.42 for point in points)


def test_the_same_seed_gives_the_same_curve() -> None:
    features, truth = rows_of(200, 10, np.random.default_rng(1))

    first, second = (
        summarised(learning_curve(features, truth, seed=4), truth, seed=4)[0] for _ in range(2)
    )

    assert first == second


def test_only_the_training_part_of_data_is_used() -> None:
    settings = DataSettings(source="headlines")
    parts = split(load_data(settings), settings)
    held_out = {row.text for row in (*parts.validation, *parts.test)}

    labels = read_labels(DataSettings(source="headlines"))

    assert not held_out.intersection(row.text for row in labels.examples)
    assert labels.held_out == len(parts.validation) + len(parts.test)
    assert len(labels.examples) + labels.repeated == sum(not row.extra for row in parts.train)
    assert labels.cost_per_label_usd is None


def test_all_rows_of_a_labelled_file_are_used_and_their_cost_is_known(tmp_path: Path) -> None:
    path, rows = tmp_path / "labelled.jsonl", []
    for i in range(120):
        vote = Vote(annotator="llm", kind="llm", label=_LABELS[i % 3], at=NOON, cost_usd=0.001)
        failed = Vote(annotator="llm", kind="llm", label=None, at=NOON, cost_usd=0.002)
        text = headline(i)
        rows.append(labelled_row(text, [vote, vote] if i else [failed]))
    write_labelled(path, rows)

    labels = read_labels(DataSettings(source=str(path)))

    assert len(labels.examples) == 119
    assert labels.held_out == 0
    assert labels.cost_per_label_usd == pytest.approx((119 * 0.002 + 0.002) / 119)

    hidden = Vote(annotator="llm", kind="llm", label="neutral", at=NOON, cost_usd=0.1)
    write_gold(path, [GoldRow(text="hidden", known="neutral", votes=(hidden,))])
    with_hidden = read_labels(DataSettings(source=str(path)))
    assert with_hidden.cost_per_label_usd == pytest.approx((119 * 0.002 + 0.002 + 0.1) / 119)


def test_too_few_labels_are_an_error(tmp_path: Path) -> None:
    rows = [row_of(headline(i), _LABELS[i % 3]) for i in range(60)]
    path = write_labelled_file(tmp_path / "labelled.jsonl", rows)

    with pytest.raises(DataError, match="too few labels for a learning curve"):
        read_labels(DataSettings(source=str(path)))
