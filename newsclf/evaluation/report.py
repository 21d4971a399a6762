"""The evaluation report: one document with every figure of the terminal and of the HTML page."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from newsclf.core.contract import LABELS
from newsclf.core.model_card import Interval, Score
from newsclf.core.spread import Spread


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True)


class ClassScore(_Document):
    """One class against the others."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


class CalibrationBin(_Document):
    """Predictions whose confidence lies in (lower, upper]."""

    lower: float
    upper: float
    rows: int
    confidence: float
    """Mean probability of the predicted class."""
    accuracy: float


class Calibration(_Document):
    """How far stated probabilities are from observed frequencies."""

    expected_error: float
    """Mean over rows of |accuracy − confidence| of their bin (Naeini et al. 2015)."""
    bins: list[CalibrationBin]
    """Empty bins are left out."""


class Slice(_Document):
    """Accuracy on some of the rows."""

    name: str
    rows: int
    accuracy: float
    interval: Interval


class ConfidentError(_Document):
    """A wrong answer."""

    text: str
    truth: str
    predicted: str
    score: float


class Flip(_Document):
    """A headline whose label changed although its meaning did not."""

    before: str
    after: str
    label_before: str
    label_after: str


class Swap(_Document):
    """One kind of bias probe: a name swapped for another of its kind."""

    kind: Literal["company", "country", "currency"]
    rows: int
    """Headlines that hold such a name."""
    flips: int
    rate: float
    interval: Interval
    examples: list[Flip]


class Comparison(_Document):
    """Two models on the same rows: McNemar's exact test."""

    other: str
    other_accuracy: float
    only_this_right: int
    only_other_right: int
    p_value: float
    """Probability of so lopsided a split of the disagreements if both were equally good."""


class Gate(_Document):
    """A minimum that the user asked for."""

    metric: str
    minimum: float
    value: float

    @property
    def met(self) -> bool:
        """Whether the value reaches the minimum."""
        return self.value >= self.minimum


class SeedScore(_Document):
    """One of several models that differ in their seed."""

    seed: int
    score: Score
    model_digest: str


class EvaluationReport(_Document):
    """Everything that `newsclf evaluate` found."""

    schema_version: Literal[1] = 1
    created: str
    """UTC, ISO 8601."""
    model: str
    model_digest: str
    base: str
    data: str
    data_digest: str
    part: Literal["test", "all"]
    labels: tuple[str, ...] = LABELS
    score: Score
    classes: list[ClassScore]
    confusion: list[list[int]]
    """Rows are true classes, columns predicted ones, in the order of `labels`."""
    calibration: Calibration
    by_length: list[Slice]
    by_agreement: list[Slice]
    errors: list[ConfidentError]
    """The 20 that the model was surest of."""
    bias: list[Swap]
    comparison: Comparison | None = None
    gates: list[Gate] = []
    seeds: list[SeedScore] = []
    """Empty for a single model."""
    seeds_accuracy: Spread | None = None
    seeds_macro_f1: Spread | None = None
