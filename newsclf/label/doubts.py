"""Find the labels of a file that are most likely wrong.

A classifier that has not learnt from a row says how likely its label is. Source: C. Northcutt, L.
Jiang & I. Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels", Journal of
Artificial Intelligence Research 70: cross-validated probabilities, each class's mean confidence as
its threshold, and a second fit without the rows that are found; rows are ranked by the normalised
margin. Of the package cleanlab nothing else would be used, and this is 30 lines here.

A base knows nothing of sentiment, so that the classifier also learns from the training part of the
shipped headlines, with a smaller weight.

Measured with 20 % of the labels of 500 to 1,000 rows made wrong, at random or to a neighbouring
class, two to five times each: the first quarter of the ranking holds 82 to 87 % of the errors in
PhraseBank's training part with MiniLM as it is. Of the shipped headlines, which have rows of the
same words with other labels, it holds 60 to 67 %, and 80 to 84 % where a model reads them that was
trained on other rows. How many layers are read and the regularisation were
chosen among 30 combinations on the same rows, so other data may do a little worse.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from newsclf.common.errors import DataError, require_extra
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data import headlines
from newsclf.data.examples import Example, normalised
from newsclf.data.labelled import Label
from newsclf.label.reading import embedded, is_model

LEAST_ROWS = 50
_LEAST_OF_CLASS = 5
_FOLDS = 5
_INVERSE_REGULARISATION = 3.0
"""C of scikit-learn's logistic regression: a weak one would learn wrong labels by heart."""
_WEIGHT_OF_KNOWN = 0.3
_KNOWN_ROWS = 1000
"""Of the shipped headlines. All 3,800 take three times as long to read. They find no more in
PhraseBank (82 to 87 % either way), and about 4 points more among the shipped headlines."""
Known = tuple[NDArray[np.floating], Sequence[int]]
"""Features of rows, and the index of each label in LABELS."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """How much the label of a row is doubted."""

    row: int
    """Index of the row."""
    label: Label
    suggested: Label
    """The most likely of the other labels."""
    probability: float
    """Of the label, by a classifier that has not learnt from the row."""
    margin: float
    """The same, minus that of the suggested label: from -1, surely wrong, to 1."""


def doubts(
    texts: Sequence[str], labels: Sequence[Label], *, base: str = "minilm", seed: int = 0
) -> list[Doubt]:
    """Rank rows by how much their label is doubted, the most doubtful first.

    Args:
        texts: Headlines.
        labels: The label of each.
        base: What reads the headlines: a model directory, which finds more, or a base as
            `train --base` takes it. It is not trained.
        seed: Divides the rows into folds.

    Raises:
        ConfigError: the base has learnt from some of the headlines, or there is no such base.
        DownloadError, ModelError: the base can't be used.
        DataError: there are too few rows, or only one class.
        MissingExtraError: the packages that train are not installed.
    """
    require_extra("torch", "transformers", "sklearn", extra="train", purpose="doubting labels")
    _check_enough(labels)
    known: Sequence[Example] = ()
    if not is_model(base):
        own = {normalised(text) for text in texts}
        shipped = headlines.read(DataSettings(source="headlines")).examples
        others = [each for each in shipped if normalised(each.text) not in own]
        chance = random.Random(0)  # noqa: S311 - always the same rows, so that a ranking is, too
        known = chance.sample(others, min(_KNOWN_ROWS, len(others)))
    features = embedded(texts, base, known=[each.text for each in known])
    rows = len(texts)
    return ranked(
        features[:rows],
        labels,
        known=(features[rows:], [each.label_id for each in known]) if known else None,
        seed=seed,
    )


def ranked(
    features: NDArray[np.floating],
    labels: Sequence[Label],
    *,
    known: Known | None = None,
    seed: int = 0,
) -> list[Doubt]:
    """Rank rows by how much their label is doubted, the most doubtful first.

    Args:
        features: (rows, any width): what is known of each row but its label.
        labels: The label of each row.
        known: Other rows, whose labels are taken as right.
        seed: Divides the rows into folds.

    Raises:
        DataError: there are too few rows, or only one class.
    """
    _check_enough(labels)
    given = np.array([LABELS.index(label) for label in labels])
    folds = _folds(given, seed)
    everything = np.ones(len(given), bool)
    suspected = _suspected(_out_of_fold(features, given, folds, everything, known), given)
    probabilities = _out_of_fold(features, given, folds, ~suspected, known)
    rows = np.arange(len(given))
    own = probabilities[rows, given]
    others = probabilities.copy()
    others[rows, given] = -1
    margins = own - others.max(axis=1)
    return [
        Doubt(
            row=int(row),
            label=labels[row],
            suggested=cast("Label", LABELS[others[row].argmax()]),
            probability=float(own[row]),
            margin=float(margins[row]),
        )
        for row in np.argsort(margins, kind="stable")
    ]


def _check_enough(labels: Sequence[Label]) -> None:
    """Raise DataError for labels that no classifier can be cross-validated on."""
    counts = Counter(labels)
    usable = [label for label, count in counts.items() if count >= _LEAST_OF_CLASS]
    if len(labels) < LEAST_ROWS or len(usable) < 2:  # noqa: PLR2004 - to tell one from another
        told = ", ".join(f"{count:,} {label}" for label, count in counts.items()) or "none"
        raise DataError(
            f"too few labels to find errors among ({told})",
            hint=f"this takes {LEAST_ROWS} labelled rows, with {_LEAST_OF_CLASS} of two classes",
        )


def _folds(given: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """The fold of each row; each class is spread evenly over the folds."""
    order = list(range(len(given)))
    random.Random(seed).shuffle(order)  # noqa: S311 - a reproducible choice, not a secret
    order.sort(key=lambda row: given[row])
    folds = np.empty(len(given), np.int64)
    folds[order] = np.arange(len(given)) % _FOLDS
    return folds


def _out_of_fold(
    features: NDArray[np.floating],
    given: NDArray[np.int64],
    folds: NDArray[np.int64],
    trusted: NDArray[np.bool_],
    known: Known | None,
) -> NDArray[np.float64]:
    """(rows, 3): probabilities by a classifier of the trusted rows of the other folds."""
    from sklearn.linear_model import LogisticRegression

    found = np.zeros((len(given), len(LABELS)))
    for fold in range(_FOLDS):
        learnt = (folds != fold) & trusted
        if len(set(given[learnt])) < 2:  # noqa: PLR2004 - to tell one from another
            learnt = folds != fold
        model = LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=1000)
        model.fit(*_with_known(features[learnt], given[learnt], known))
        held_out = np.flatnonzero(folds == fold)
        found[np.ix_(held_out, model.classes_)] = model.predict_proba(features[held_out])
    return found


def _with_known(
    features: NDArray[np.floating], given: NDArray[np.int64], known: Known | None
) -> tuple[NDArray[np.floating], NDArray[np.int64], NDArray[np.float64]]:
    """Features, labels and weights of rows, and of those whose labels are known to be right."""
    weights = np.ones(len(given))
    if known is None:
        return features, given, weights
    theirs = np.full(len(known[1]), _WEIGHT_OF_KNOWN)
    return (
        np.concatenate([features, known[0]]),
        np.concatenate([given, known[1]]),
        np.concatenate([weights, theirs]),
    )


def _suspected(probabilities: NDArray[np.float64], given: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Rows that are confidently of another class: at least as likely as rows of that class are."""
    thresholds = np.array(
        [
            probabilities[given == label, label].mean() if (given == label).any() else np.inf
            for label in range(len(LABELS))
        ]
    )
    confident = np.where(probabilities >= thresholds, probabilities, 0)
    return np.asarray((confident.max(axis=1) > 0) & (confident.argmax(axis=1) != given))
