"""Metrics against published figures, other implementations and cases worked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.common.intervals import wilson_interval
from newsclf.contract.answers import Prediction
from newsclf.data.examples import Example
from newsclf.evaluation import metrics

PUBLISHED = [[71, 1, 1], [3, 423, 12], [9, 18, 152]]
"""The confusion matrix of a fine-tuned DistilBERT on the published test part of 690 rows."""

label_pairs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


def prediction(label_id: int, score: float) -> Prediction:
    """A prediction with this confidence; the other two classes share the rest."""
    scores = [(1 - score) / 2] * 3
    scores[label_id] = score
    return Prediction(tuple(scores))


def test_the_published_matrix_gives_the_published_accuracy() -> None:
    assert metrics.accuracy_of(PUBLISHED) == pytest.approx(646 / 690)
    low, high = wilson_interval(646, 690)
    assert low == pytest.approx(0.9155, abs=1e-4)
    assert high == pytest.approx(0.9521, abs=1e-4)


@given(label_pairs)
def test_accuracy_and_macro_f1_are_scikit_learn_s(pairs: list[tuple[int, int]]) -> None:
    from sklearn.metrics import accuracy_score, f1_score

    truth, predicted = zip(*pairs, strict=True)
    counts = metrics.confusion(truth, predicted)

    assert metrics.accuracy_of(counts) == pytest.approx(accuracy_score(truth, predicted))
    assert metrics.macro_f1_of(counts) == pytest.approx(
        f1_score(truth, predicted, labels=sorted(set(truth)), average="macro", zero_division=0)
    )


@given(label_pairs)
def test_the_macro_f1_interval_holds_the_value_and_stays_in_range(
    pairs: list[tuple[int, int]],
) -> None:
    truth, predicted = zip(*pairs, strict=True)
    counts = metrics.confusion(truth, predicted)
    low, high = metrics.macro_f1_interval(counts)

    assert 0 <= low <= high <= 1
    if len(pairs) == 1:
        assert low == high == metrics.macro_f1_of(counts)


def test_the_macro_f1_interval_is_about_two_standard_errors_wide() -> None:
    low, high = metrics.macro_f1_interval(PUBLISHED)

    assert low < metrics.macro_f1_of(PUBLISHED) < high
    assert 0.03 < high - low < 0.06


def test_class_scores_of_the_published_matrix() -> None:
    truth = [i for i in range(3) for j in range(3) for _ in range(PUBLISHED[i][j])]
    predicted = [j for i in range(3) for j in range(3) for _ in range(PUBLISHED[i][j])]

    negative = metrics.class_scores(truth, predicted)[0]

    assert (negative.label, negative.support) == ("negative", 73)
    assert negative.precision == pytest.approx(71 / 83)
    assert negative.recall == pytest.approx(71 / 73)


def test_calibration_by_hand() -> None:
    # Four answers with confidence 0.9, three of them right: off by 0.15. Two with 0.5, both right.
    predictions = [prediction(0, 0.9)] * 4 + [prediction(1, 0.5)] * 2
    found = metrics.calibration([0, 0, 0, 2, 1, 1], predictions)

    assert found.expected_error == pytest.approx((4 * 0.15 + 2 * 0.5) / 6)
    assert [(b.rows, b.accuracy) for b in found.bins] == [(2, 1.0), (4, 0.75)]


def test_certain_and_right_is_perfectly_calibrated() -> None:
    assert metrics.calibration([0, 1], [prediction(0, 1.0), prediction(1, 1.0)]).expected_error == 0


def test_slices_add_up_and_leave_out_what_has_no_name() -> None:
    examples = [Example("a b", 0, 75), Example(" ".join("c" * 25), 1, 100), Example("d", 2)]

    by_length = metrics.slices(examples, [True, False, True], metrics.length_name)
    by_agreement = metrics.slices(examples, [True, False, True], metrics.agreement_name)

    assert [(s.name, s.rows, s.accuracy) for s in by_length] == [
        (" 1–10 words", 2, 1.0),
        ("21–30 words", 1, 0.0),
    ]
    assert [(s.name, s.rows) for s in by_agreement] == [("75–99 % agreed", 1), ("all agreed", 1)]


def test_the_most_confident_errors_come_first() -> None:
    examples = [Example("a", 0), Example("b", 1), Example("c", 2)]
    predictions = [prediction(1, 0.6), prediction(1, 0.9), prediction(0, 0.8)]

    errors = metrics.confident_errors(examples, predictions, 20)

    assert [(e.text, e.truth, e.predicted) for e in errors] == [
        ("c", "positive", "negative"),
        ("a", "negative", "neutral"),
    ]
    assert len(metrics.confident_errors(examples, predictions, limit=1)) == 1


def test_mcnemar_by_hand() -> None:
    # Six disagreements, all won by the first model: 2 · (1/2)^6.
    rows = [Example(str(i), 0) for i in range(10)]
    comparison = metrics.compare(rows, [0] * 10, [1] * 6 + [0] * 4, other="b")

    assert (comparison.only_this_right, comparison.only_other_right) == (6, 0)
    assert comparison.p_value == pytest.approx(2 * 0.5**6)
    assert comparison.p_words == "p = 0.031"
    assert comparison.other_accuracy == pytest.approx(0.4)


def test_the_interval_of_a_gain_is_that_of_matched_shares() -> None:
    # 20 rows of 100 are right with the first model only, 10 with the other only.
    rows = [Example(str(i), 0) for i in range(100)]
    this = [0] * 20 + [1] * 10 + [0] * 70
    other = [1] * 20 + [0] * 10 + [0] * 70

    found = metrics.compare(rows, this, other, other="b")

    assert found.gain == pytest.approx(0.1)
    assert found.gain_interval == pytest.approx((-0.0072, 0.2033), abs=5e-4)
    assert found.verdict == (
        "+10.0 points of accuracy against b (95 %: -0.7 to +20.3); McNemar's exact test: p = 0.099,"
        " so that it may be chance."
    )


def test_a_verdict_says_which_is_better() -> None:
    rows = [Example(str(i), 0) for i in range(100)]

    assert metrics.compare(rows, [0] * 100, [1] * 9 + [0] * 91, other="b").verdict.endswith(
        "p = 0.004, so that it is better."
    )
    assert metrics.compare(rows, [1] * 9 + [0] * 91, [0] * 100, other="b").verdict.endswith(
        "p = 0.004, so that it is worse."
    )


def test_a_tiny_probability_is_not_written_in_full() -> None:
    rows = [Example(str(i), 0) for i in range(30)]

    assert metrics.compare(rows, [0] * 30, [1] * 30, other="b").p_words == "p < 0.001"


def test_a_model_does_not_differ_from_itself() -> None:
    rows = [Example("a", 0), Example("b", 1)]
    comparison = metrics.compare(rows, [0, 2], [0, 2], other="same")

    assert comparison.p_value == 1.0
    assert comparison.differences == []


def test_a_comparison_lists_where_the_models_differ() -> None:
    rows = [Example("both wrong", 0), Example("other right", 0), Example("this right", 0)]
    comparison = metrics.compare(rows, [1, 1, 0], [2, 0, 1], other="b")

    assert comparison.differing == 3
    assert [(d.text, d.this, d.other) for d in comparison.differences] == [
        ("this right", "negative", "neutral"),
        ("other right", "neutral", "negative"),
        ("both wrong", "neutral", "positive"),
    ]
    assert comparison.confusion == [[1, 1, 1], [0, 0, 0], [0, 0, 0]]


def test_a_perfect_classifier_of_two_classes_is_perfect() -> None:
    assert metrics.macro_f1_of([[5, 0, 0], [0, 0, 0], [0, 0, 5]]) == 1.0


def test_a_class_without_rows_is_left_out_of_macro_f1() -> None:
    """One headline of 100 is called neutral, in data that have none."""
    counts = [[49, 1, 0], [0, 0, 0], [0, 0, 50]]
    truth = [i for i in range(3) for j in range(3) for _ in range(counts[i][j])]
    predicted = [j for i in range(3) for j in range(3) for _ in range(counts[i][j])]

    assert metrics.macro_f1_of(counts) == pytest.approx((2 * 49 / 99 + 1) / 2)
    assert metrics.macro_f1_interval(counts)[0] > 0.95
    neutral = metrics.class_scores(truth, predicted)[1]
    assert (neutral.precision, neutral.recall, neutral.f1, neutral.support) == (None, None, None, 0)


def test_each_agreement_level_includes_those_above_it() -> None:
    examples = [Example("a", 0, 100), Example("b", 1, 75), Example("c", 2, 50), Example("d", 2)]

    all_agreed, most, half = reversed(metrics.level_scores(examples, [0, 0, 2, 0]))

    assert [level.level for level in (half, most, all_agreed)] == [50, 75, 100]
    assert [level.rows for level in (half, most, all_agreed)] == [3, 2, 1]
    assert half.accuracy == pytest.approx(2 / 3)
    assert most.accuracy == pytest.approx(1 / 2)
    assert all_agreed.macro_f1 == 1
    assert half.accuracy_interval[0] < half.accuracy < half.accuracy_interval[1]
