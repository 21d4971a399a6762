"""What more labels would be worth: a learning curve of the labels that there are.

A logistic regression on what an encoder says of the headlines learns from 25, 50, 75 and 100 % of
the rows of nine folds, and is asked about the tenth. It stands for the training of a model, which
would take hours: a trained model is better throughout, and its curve may be steeper. Rows of
validation and test parts are not used, neither to learn from nor to measure on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from newsclf.common.errors import DataError, require_extra
from newsclf.common.intervals import Interval
from newsclf.common.records import StrictRecord
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data.examples import Example, class_counts
from newsclf.data.labelled import read_if_labelled
from newsclf.data.overlap import distinct
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.evaluation.metrics import macro_f1s_of
from newsclf.label.gold import gold_path, read_gold
from newsclf.label.power_law import Curve, extrapolate
from newsclf.label.reading import embedded

SHARES = (0.25, 0.5, 0.75, 1.0)
MORE = 1_000
_FOLDS = 10
_DRAWS = 5
"""Random subsets of each share in each fold."""
_LEAST_ROWS = 100
_LEAST_OF_CLASS = 10
_INVERSE_REGULARISATION = 3.0
_RESAMPLES = 1_000
_HALF_WIDTH = 1.96
Measure = Literal["accuracy", "macro_f1"]
MEASURES: tuple[Measure, ...] = ("accuracy", "macro_f1")


@dataclass(frozen=True, slots=True)
class Labels:
    """Labelled rows whose worth is asked for."""

    name: str
    examples: Sequence[Example]
    """Without near-duplicates, of which one would be asked about the other."""
    repeated: int
    held_out: int
    """Rows of a validation or test part, which are not used."""
    cost_per_label_usd: float | None
    """With what the hidden rows have cost; None if it is not recorded."""


class Point(StrictRecord):
    """Scores after learning from some of the labels."""

    share: float
    labels: int
    accuracy: Interval
    macro_f1: Interval


class Worth(StrictRecord):
    """A learning curve, and what more labels would bring."""

    schema_version: Literal[1] = 1
    name: str
    labels: int
    """Rows that were used."""
    repeated: int
    held_out: int
    base: str
    """What read the headlines."""
    points: tuple[Point, ...]
    """At 25, 50, 75 and 100 % of nine tenths of the labels."""
    more: int
    gain: dict[Measure, Interval]
    """By how much each measure would rise; without those of which it can't be told."""
    why_not: dict[Measure, str]
    """Why it can't be told of the others."""
    cost_per_label_usd: float | None
    cost_usd: float | None
    """Of the labels more."""


def read_labels(data: DataSettings) -> Labels:
    """Read labelled rows: all of a labelled file, or the training part of other data.

    Raises:
        DataError: There is no such source, or it has too few labels.
        DownloadError: The Hub does not deliver the data.
    """
    path = Path(data.source)
    labelled = read_if_labelled(path)
    if labelled is not None:
        hidden = read_gold(path) if gold_path(path).exists() else []
        rows = [
            Example(row.text, LABELS.index(row.label)) for row in labelled if row.label is not None
        ]
        votes = [*(row.votes for row in labelled), *(row.votes for row in hidden)]
        cost = sum(vote.cost_usd for of_row in votes for vote in of_row)
        per_label = cost / len(rows) if cost and rows else None
        return _labels(path.name, rows, held_out=0, cost_per_label_usd=per_label)
    loaded = load_data(data)
    parts = split(loaded, data)
    held_out = len(parts.validation) + len(parts.test)
    train = [row for row in parts.train if not row.extra]
    return _labels(loaded.name, train, held_out=held_out, cost_per_label_usd=None)


def _labels(
    name: str, rows: Sequence[Example], *, held_out: int, cost_per_label_usd: float | None
) -> Labels:
    kept = [rows[i] for i in distinct([row.text for row in rows])]
    counts = class_counts(kept)
    usable = [count for count in counts.values() if count >= _LEAST_OF_CLASS]
    if len(kept) < _LEAST_ROWS or len(usable) < 2:  # noqa: PLR2004 - to tell one from another
        told = ", ".join(f"{count:,} {label}" for label, count in counts.items() if count) or "none"
        raise DataError(
            f"{name}: too few labels for a learning curve ({told})",
            hint=f"this takes {_LEAST_ROWS} labelled rows, with {_LEAST_OF_CLASS} of two classes",
        )
    return Labels(name, kept, len(rows) - len(kept), held_out, cost_per_label_usd)


def worth(
    labels: Labels, *, base: str = "minilm", price_per_label_usd: float | None = None, seed: int = 0
) -> Worth:
    """Say what more labels would be worth.

    Args:
        labels: Those that there are.
        base: What reads the headlines: a base as `train --base` takes it, or a model directory. It
            is not trained.
        price_per_label_usd: Of a label more; by default what the labels have cost.
        seed: Divides the rows into folds and draws subsets.

    Raises:
        ConfigError: The base has learnt some of the headlines, or there is no such base.
        DownloadError, ModelError: The base can't be used.
        MissingExtraError: The packages that train are not installed.
    """
    purpose = "a learning curve"
    require_extra("torch", "transformers", "sklearn", extra="train", purpose=purpose)
    features = embedded([row.text for row in labels.examples], base)
    truth = np.array([row.label_id for row in labels.examples])
    answers = learning_curve(features, truth, seed=seed)
    points, curves = summarised(answers, truth, seed=seed)
    gains = {name: extrapolate(curves[name], now=len(truth), more=MORE) for name in MEASURES}
    price = labels.cost_per_label_usd if price_per_label_usd is None else price_per_label_usd
    return Worth(
        name=labels.name,
        labels=len(truth),
        repeated=labels.repeated,
        held_out=labels.held_out,
        base=base,
        points=tuple(points),
        more=MORE,
        gain={name: each.interval for name, each in gains.items() if each.interval is not None},
        why_not={name: each.why_not for name, each in gains.items() if each.why_not is not None},
        cost_per_label_usd=price,
        cost_usd=None if price is None else MORE * price,
    )


@dataclass(frozen=True, slots=True)
class Answers:
    """Out-of-fold answers of a learner to every row, after learning from subsets of one size."""

    learnt_from: float
    """How many labels, on average over the folds."""
    predicted: NDArray[np.int64]
    """(draws, rows): index in LABELS."""


def learning_curve(
    features: NDArray[np.floating], truth: NDArray[np.int64], *, seed: int = 0
) -> list[Answers]:
    """Out-of-fold answers after learning from 25, 50, 75 and 100 % of nine tenths of the rows.

    Args:
        features: (rows, any width): what is known of each row but its label.
        truth: Index in LABELS of each row's label.
        seed: Divides the rows into folds and draws subsets.
    """
    from sklearn.model_selection import StratifiedKFold

    chance = np.random.default_rng(seed)
    draws = [1 if share == 1 else _DRAWS for share in SHARES]
    found = [np.empty((count, len(truth)), np.int64) for count in draws]
    sizes = np.zeros(len(SHARES))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    for learnt, held_out in folds.split(features, truth):
        for draw in range(_DRAWS):
            order = chance.permutation(learnt)
            for i, share in enumerate(SHARES):
                if draw < draws[i]:
                    subset = order[: round(share * len(order))]
                    sizes[i] += len(subset) / draws[i] / _FOLDS
                    found[i][draw, held_out] = _answers(features, truth, subset, held_out)
    return [Answers(float(size), each) for size, each in zip(sizes, found, strict=True)]


def _answers(
    features: NDArray[np.floating],
    truth: NDArray[np.int64],
    learnt: NDArray[np.int64],
    held_out: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Labels of held-out rows by a classifier of others."""
    from sklearn.linear_model import LogisticRegression

    classes = np.unique(truth[learnt])
    if len(classes) == 1:  # a small subset may have no other
        return np.full(len(held_out), classes[0])
    model = LogisticRegression(C=_INVERSE_REGULARISATION, tol=1e-3, max_iter=500)
    model.fit(features[learnt], truth[learnt])
    return np.asarray(model.predict(features[held_out]))


def summarised(
    answers: Sequence[Answers], truth: NDArray[np.int64], *, seed: int = 0
) -> tuple[list[Point], dict[Measure, Curve]]:
    """Scores at each size with their intervals, and the curves of their errors.

    The covariance is that of a bootstrap of the rows, which are the same at all sizes, and what the
    draws of subsets differ by is added.
    """
    rows = len(truth)
    weights = np.random.default_rng(seed).multinomial(
        rows, np.full(rows, 1 / rows), size=_RESAMPLES
    )
    weights = np.concatenate([np.ones((1, rows), weights.dtype), weights])
    # (measure, size, the rows as they are and each resample)
    scores = np.empty((len(MEASURES), len(answers), len(weights)))
    of_draws = np.zeros((len(MEASURES), len(answers)))
    for i, each in enumerate(answers):
        found = np.array([_scores(truth, predicted, weights) for predicted in each.predicted])
        scores[:, i] = found.mean(axis=0)
        draws = len(found)
        if draws > 1:
            of_draws[:, i] = found[:, :, 0].var(axis=0, ddof=1) / draws
    sizes = [each.learnt_from for each in answers]
    least = (0.5 / rows) ** 2  # a score is known to half a row at best
    curves, deviations = {}, np.empty(scores.shape[:2])
    for k, name in enumerate(MEASURES):
        covariance = np.cov(scores[k, :, 1:]) + np.diag(of_draws[k] + least)
        deviations[k] = np.sqrt(np.diag(covariance))
        curves[name] = Curve(sizes, 1 - scores[k, :, 0], covariance)
    points = [
        Point(
            share=share,
            labels=round(sizes[i]),
            accuracy=_interval(scores[0, i, 0], deviations[0, i]),
            macro_f1=_interval(scores[1, i, 0], deviations[1, i]),
        )
        for i, share in enumerate(SHARES)
    ]
    return points, curves


def _scores(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], weights: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(measures, resamples): scores of answers, with rows weighted in each resample."""
    cells = np.eye(len(LABELS) ** 2)[truth * len(LABELS) + predicted]
    matrices = (weights @ cells).reshape(-1, len(LABELS), len(LABELS))
    right = np.trace(matrices, axis1=1, axis2=2) / matrices.sum(axis=(1, 2))
    return np.stack([right, macro_f1s_of(matrices)])


def _interval(value: float, deviation: float) -> Interval:
    return Interval(
        value=float(value),
        low=max(0.0, float(value - _HALF_WIDTH * deviation)),
        high=min(1.0, float(value + _HALF_WIDTH * deviation)),
    )
