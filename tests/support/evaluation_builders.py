"""An evaluation report with something in every part."""

from __future__ import annotations

from newsclf.evaluation.baseline import Baseline
from newsclf.evaluation.records import (
    Calibration,
    CalibrationBin,
    ClassScore,
    Comparison,
    ConfidentError,
    CoveragePoint,
    CoverageTarget,
    Difference,
    EvaluationReport,
    Flip,
    Gate,
    RiskCoverage,
    SeedScore,
    Slice,
    Speed,
    Swap,
    Training,
)
from newsclf.model.card import CalibrationSet, CardCalibration, Score

HOSTILE = "<script>alert('x')</script> & \"quotes\""
SCORE = Score(
    rows=690,
    accuracy=0.936,
    accuracy_interval=(0.915, 0.952),
    macro_f1=0.92,
    macro_f1_interval=(0.9, 0.94),
    runtime="int8",
)
CALIBRATION = Calibration(
    expected_error=0.031,
    error_interval=(0.02, 0.042),
    bins=[CalibrationBin(lower=0.8, upper=0.9, rows=3, confidence=0.85, accuracy=0.7)],
)
RISK_COVERAGE = RiskCoverage(
    area=0.012,
    area_at_random=0.064,
    area_at_best=0.002,
    points=[
        CoveragePoint(coverage=rows / 690, rows=rows, confidence=1 - rows / 1400, errors=errors)
        for rows, errors in ((1, 0), (69, 0), (207, 1), (345, 4), (552, 18), (621, 30), (690, 44))
    ],
    targets=[
        CoverageTarget(
            accuracy=0.95,
            point=CoveragePoint(coverage=0.9, rows=621, confidence=0.556, errors=30),
            interval=(0.93, 0.966),
        ),
        CoverageTarget(accuracy=0.99),
    ],
)
COUNTS = [[71, 1, 1], [3, 423, 12], [9, 18, 152]]
SLICE = Slice(name=" 1–10 words", rows=5, accuracy=0.8, interval=(0.4, 0.9))


def evaluation_report() -> EvaluationReport:
    """A report with something in every part; its texts are hostile."""
    return EvaluationReport(
        created="2026-01-02T03:04:05+00:00",
        model=HOSTILE,
        model_digest="ab" * 32,
        base="tiny",
        data="sample",
        data_digest="cd" * 32,
        part="test",
        data_remarks=[],
        score=SCORE,
        baseline=Baseline(label="neutral", accuracy=0.6),
        classes=[ClassScore(label="negative", precision=0.9, recall=0.8, f1=0.85, support=73)],
        confusion=COUNTS,
        calibration=CALIBRATION,
        risk_coverage=RISK_COVERAGE,
        calibrated=CardCalibration(
            temperature=0.9,
            biases=(0.02, -0.05, 0.03),
            sets=[CalibrationSet(name=HOSTILE, rows=50, error_before=0.08, error_after=0.03)],
        ),
        by_length=[SLICE],
        by_agreement=[],
        errors=[ConfidentError(text=HOSTILE, truth="neutral", predicted="positive", score=0.99)],
        bias=[
            Swap(
                kind="company",
                rows=4,
                flips=1,
                rate=0.25,
                interval=(0.1, 0.6),
                examples=[
                    Flip(before=HOSTILE, after="b", label_before="neutral", label_after="positive")
                ],
            )
        ],
        comparison=Comparison(
            other=HOSTILE,
            other_accuracy=0.9,
            other_macro_f1=0.88,
            confusion=[[70, 2, 1], [3, 420, 15], [9, 20, 150]],
            differing=14,
            differences=[
                Difference(text=HOSTILE, truth="neutral", this="neutral", other="positive")
            ],
            only_this_right=9,
            only_other_right=2,
            p_value=0.065,
        ),
        training=Training(
            rows={"negative": 5},
            history=[
                {"epoch": 1, "train_loss": 0.9, "validation_loss": 0.8, "macro_f1": 0.6},
                {"epoch": 2, "train_loss": 0.5, "validation_loss": 0.6, "macro_f1": 0.9},
            ],
            kept_epoch=2,
        ),
        speed=Speed(model_bytes=12_000_000, headlines_per_s=900.0, cores=2),
        gates=[Gate(metric="accuracy", minimum=0.95, value=0.936)],
        seeds=[SeedScore(seed=3, score=SCORE, model_digest="ef" * 32)],
    )
