"""Measures of predictions on a test set, with intervals. Random numbers have a fixed seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from newsclf.common.intervals import Interval, wilson_interval
from newsclf.contract.answers import Prediction
from newsclf.contract.labels import LABELS
from newsclf.evaluation import metrics
from newsclf.evaluation.unseen.headlines import ConflictingHeadline
from newsclf.evaluation.unseen.records import ConflictingAnswers, Measures

_NEGATIVE, _NEUTRAL, _POSITIVE = range(len(LABELS))


def measure(truth: Sequence[int], predictions: Sequence[Prediction]) -> Measures:
    """All measures of predictions for headlines with one label; at least one headline."""
    counts = metrics.confusion(truth, [each.label_id for each in predictions])
    found = counts[_NEGATIVE][_NEGATIVE] + counts[_POSITIVE][_POSITIVE]
    flipped = counts[_NEGATIVE][_POSITIVE] + counts[_POSITIVE][_NEGATIVE]
    low, high = metrics.macro_f1_interval(counts)
    return Measures(
        accuracy=share(sum(counts[i][i] for i in range(len(LABELS))), len(truth)),
        macro_f1=Interval(value=metrics.macro_f1_of(counts), low=low, high=high),
        polar_found=share(found, sum(counts[_NEGATIVE]) + sum(counts[_POSITIVE])),
        sign=share(found, found + flipped),
        ece=calibration_error(truth, predictions),
    )


def share(part: int, whole: int) -> Interval:
    """A share with its Wilson interval; without a value if it is a share of nothing."""
    if whole == 0:
        return Interval(value=None)
    low, high = wilson_interval(part, whole)
    return Interval(value=part / whole, low=low, high=high)


def calibration_error(truth: Sequence[int], predictions: Sequence[Prediction]) -> Interval:
    """Expected calibration error with its interval."""
    found = metrics.calibration(truth, predictions)
    low, high = found.error_interval or (None, None)
    return Interval(value=found.expected_error, low=low, high=high)


def mean_of(intervals: Sequence[Interval]) -> Interval:
    """The mean of independent measures, with its interval.

    Each side's margin is the root of the summed squares of the margins there, over their number
    (MOVER, Zou and Donner 2008). Measures without a value are left out.
    """
    known = [
        (each.value, each.low, each.high)
        for each in intervals
        if each.value is not None and each.low is not None and each.high is not None
    ]
    if not known:
        return Interval(value=None)
    values, lows, highs = np.array(known).T
    below, above = (float(np.sqrt(((values - ends) ** 2).sum())) for ends in (lows, highs))
    value, n = float(values.mean()), len(known)
    return Interval(value=value, low=value - below / n, high=value + above / n)


def answers_to_conflicting(
    headlines: Sequence[ConflictingHeadline], predictions: Sequence[Prediction]
) -> ConflictingAnswers | None:
    """How a model answers headlines whose entities are labelled differently; None without any."""
    if not headlines:
        return None
    fitting = sum(p.label_id in h.label_ids for h, p in zip(headlines, predictions, strict=True))
    counts = Counter(each.label for each in predictions)
    return ConflictingAnswers(
        headlines=len(headlines),
        answers={label: counts[label] for label in LABELS},
        one_of_its_labels=share(fitting, len(headlines)),
    )


def agreement(predicted: Sequence[int], other_predicted: Sequence[int]) -> Interval:
    """Share of headlines to which two models give the same label."""
    same = sum(p == o for p, o in zip(predicted, other_predicted, strict=True))
    return share(same, len(predicted))
