"""Records of the evaluation report: every figure of the terminal and of the HTML page."""

from __future__ import annotations

from typing import Literal

from newsclf.common.intervals import MeanStd
from newsclf.common.records import LenientRecord
from newsclf.contract.labels import LABELS
from newsclf.data.examples import counted
from newsclf.evaluation.baseline import Baseline
from newsclf.model.card import CardCalibration, Interval, Score


class ClassScore(LenientRecord):
    """Scores of one class against the others."""

    label: str
    precision: float | None
    """None, like recall and F1, for a class without rows in the data."""
    recall: float | None
    f1: float | None
    support: int


class CalibrationBin(LenientRecord):
    """Predictions whose confidence lies in (lower, upper]."""

    lower: float
    upper: float
    rows: int
    confidence: float
    """Mean probability of the predicted class."""
    accuracy: float


class Calibration(LenientRecord):
    """Calibration: how far stated probabilities are from observed frequencies."""

    expected_error: float
    """Mean over rows of |accuracy − confidence| of their bin (Naeini et al. 2015)."""
    error_interval: Interval | None = None
    """1.96 bootstrap standard errors to either side."""
    bins: list[CalibrationBin]
    """Empty bins are left out."""


class CoveragePoint(LenientRecord):
    """Headlines that are answered if a confidence is asked for."""

    coverage: float
    """Their share of all headlines."""
    rows: int
    confidence: float
    """The least confidence among them."""
    errors: int
    """How many of them are answered wrongly."""

    @property
    def risk(self) -> float:
        """The share of wrong answers among them."""
        return self.errors / self.rows


class CoverageTarget(LenientRecord):
    """The most headlines that can be answered with an accuracy."""

    accuracy: float
    """The accuracy that is wanted."""
    point: CoveragePoint | None = None
    """None: not even the most confident answers are that accurate."""
    interval: Interval | None = None
    """95 % interval of the accuracy on the headlines that are answered."""


class RiskCoverage(LenientRecord):
    """Error against the share of headlines answered, when the least confident are set aside."""

    area: float
    """Area under the curve: the mean error over all shares."""
    area_at_random: float
    """The same if confidence said nothing about errors: the error on all headlines."""
    area_at_best: float
    """The same if every wrong answer were less confident than every right one."""
    points: list[CoveragePoint]
    """At most 200, in rising order of coverage; the last one answers every headline."""
    targets: list[CoverageTarget]

    @property
    def sentence(self) -> str:
        """What the area says, in words."""
        return (
            f"Area under the risk–coverage curve: {self.area:.3f}; {self.area_at_random:.3f} if"
            f" confidence said nothing, {self.area_at_best:.3f} if every wrong answer were less"
            " confident than every right one."
        )


class Slice(LenientRecord):
    """Accuracy on some of the rows."""

    name: str
    rows: int
    accuracy: float
    interval: Interval


class LevelScore(LenientRecord):
    """Scores on the rows with at least some agreement of the annotators."""

    level: int
    """Lowest share of the annotators who agreed, percent."""
    rows: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval

    @property
    def name(self) -> str:
        """The level in words."""
        everybody = 100
        return "all agreed" if self.level == everybody else f"at least {self.level} % agreed"


class ConfidentError(LenientRecord):
    """A wrong prediction with a high probability."""

    text: str
    truth: str
    predicted: str
    score: float


class Flip(LenientRecord):
    """A headline whose label changed although its meaning did not."""

    before: str
    after: str
    label_before: str
    label_after: str


class Swap(LenientRecord):
    """Result of a bias probe with the names of one kind."""

    kind: Literal["company", "country", "currency"]
    rows: int
    """Headlines that hold such a name."""
    flips: int
    rate: float
    interval: Interval
    examples: list[Flip]


class Difference(LenientRecord):
    """A headline to which two models give different labels."""

    text: str
    truth: str
    this: str
    other: str


class Comparison(LenientRecord):
    """Two models on the same rows: McNemar's exact test."""

    other: str
    other_accuracy: float
    other_macro_f1: float
    confusion: list[list[int]]
    """Confusion matrix of the other model."""
    differing: int
    """Rows to which the two give different labels."""
    differences: list[Difference]
    """The first 50 of those rows, sorted: only this model right, only the other right, neither."""
    only_this_right: int
    only_other_right: int
    p_value: float
    """Probability of a split of the disagreements at least as uneven, if both were equally good."""
    gain: float = 0.0
    """Accuracy of this model minus that of the other."""
    gain_interval: Interval | None = None
    """95 % interval of the difference between matched shares (Agresti and Min 2005)."""
    remarks: list[str] = []
    """Which of the two has learnt extra rows, and what else their trainings differ in."""

    @property
    def verdict(self) -> str:
        """What the test says, in words."""
        low, high = self.gain_interval or (self.gain, self.gain)
        figures = (
            f"{100 * self.gain:+.1f} points of accuracy against {self.other}"
            f" (95 %: {100 * low:+.1f} to {100 * high:+.1f}); McNemar's exact test: {self.p_words}"
        )
        chance = 0.05
        if self.p_value >= chance:
            return f"{figures}, so that it may be chance."
        return f"{figures}, so that it is {'better' if self.gain > 0 else 'worse'}."

    @property
    def p_words(self) -> str:
        """The probability to three places, as `p < 0.001` where it is less."""
        smallest = 0.001
        return f"p = {self.p_value:.3f}" if self.p_value >= smallest else f"p < {smallest}"


class Gate(LenientRecord):
    """A minimum that the user asked for."""

    metric: str
    minimum: float
    value: float

    @property
    def met(self) -> bool:
        """Whether the value reaches the minimum."""
        return self.value >= self.minimum


class SeenRows(LenientRecord):
    """Rows of other data that the model has seen in training."""

    rows: int
    """All rows of the data."""
    training: int = 0
    validation: int = 0
    by_other: int = 0
    """Rows that only the model to compare with was trained or validated on."""
    left_out: bool = True
    """Whether they are left out of the evaluation."""

    @property
    def excluded(self) -> int:
        """How many rows are left out."""
        return self.training + self.validation + self.by_other if self.left_out else 0

    @property
    def sentence(self) -> str:
        """What readers of the scores must know about these rows."""
        count = self.training + self.validation + self.by_other
        if count == 0:
            return f"None of the {self.rows:,} rows was trained or validated on."
        were = f"{count:,} of {self.rows:,} rows were trained or validated on"
        if self.by_other:
            were += f" ({self.by_other:,} of them by the other model only)"
        if self.left_out:
            return f"{were} and are left out; --include-seen scores them too."
        return f"{were}, so these scores are higher than those of new headlines would be."


class Training(LenientRecord):
    """Training of the model, from its card."""

    rows: dict[str, int]
    """Training rows of each class."""
    history: list[dict[str, float]]
    kept_epoch: int


class Speed(LenientRecord):
    """Size of the model, and its speed on the machine that evaluated it."""

    model_bytes: int
    headlines_per_s: float
    cores: int


class SeedScore(LenientRecord):
    """Score of one of several models that differ in their seed."""

    seed: int
    score: Score
    model_digest: str


class EvaluationReport(LenientRecord):
    """Everything that `newsclf evaluate` found."""

    schema_version: Literal[1] = 1
    created: str
    """UTC, ISO 8601."""
    model: str
    """The name of its directory."""
    model_digest: str
    base: str
    data: str
    data_digest: str
    part: Literal["test", "all"]
    seen: SeenRows | None = None
    """None for the held-out part, which training has not seen."""
    repeated: int = 0
    """Rows of the data that repeat the text and label of another and are left out."""
    contradictory: int = 0
    """Headlines that the data contain with more than one label."""
    data_remarks: list[str]
    """Caveats about the data for readers of the scores, as sentences."""
    cut: int = 0
    """Headlines with more tokens than the model reads."""
    labels: tuple[str, ...] = LABELS
    score: Score
    """Its macro-F1 is the mean over the classes that have rows."""
    baseline: Baseline
    classes: list[ClassScore]
    confusion: list[list[int]]
    """Rows are true classes, columns predicted ones, in the order of `labels`."""
    calibration: Calibration
    risk_coverage: RiskCoverage
    calibrated: CardCalibration | None = None
    """From the model's card: how it was calibrated in training."""
    by_length: list[Slice]
    by_agreement: list[Slice]
    by_level: list[LevelScore] = []
    """Scores on PhraseBank's held-out rows at each agreement level, as publications split it; with
    rows below the level of the training data, which no other figure counts. Empty for other data,
    or where the model was trained on all rows below."""
    errors: list[ConfidentError]
    """The 20 with the highest confidence, or as many as were requested."""
    bias: list[Swap]
    comparison: Comparison | None = None
    training: Training
    speed: Speed
    gates: list[Gate]
    seeds: list[SeedScore]
    """Empty for a single model."""
    seeds_accuracy: MeanStd | None = None
    seeds_macro_f1: MeanStd | None = None

    @property
    def part_name(self) -> str:
        """What was evaluated, in words."""
        if self.part == "test":
            return "held-out test part"
        return "all rows" if self.seen is None or not self.seen.excluded else "rows not seen before"

    @property
    def remarks(self) -> list[str]:
        """Caveats for readers of the scores, as sentences."""
        worthless = self.baseline.remark(self.score.accuracy)
        found = [*([worthless] if worthless else []), *self.data_remarks]
        if self.seen is not None:
            found.append(self.seen.sentence)
        if missing := [row.label for row in self.classes if row.support == 0]:
            found.append(
                f"No headline is {' or '.join(missing)}; macro-F1 is the mean of the other classes."
            )
        if self.cut:
            found.append(
                f"{counted(self.cut, 'headline is', 'headlines are')} longer than the model reads;"
                " the rest of their text is ignored."
            )
        return found
