"""Records of an evaluation on unseen test sets: every figure of the terminal and of the page."""

from __future__ import annotations

from typing import Literal

from newsclf.common.intervals import Interval, MeanStd
from newsclf.common.records import LenientRecord
from newsclf.contract.labels import LABELS
from newsclf.data.examples import counted
from newsclf.evaluation.records import (
    Calibration,
    ClassScore,
    Comparison,
    ConfidentError,
    Gate,
    RiskCoverage,
    SeenRows,
)

SEALED = "sealed: read to report, not to choose"
MEASURES = ("accuracy", "macro_f1", "polar_found", "sign", "ece")
_CHANCE = 0.05
GATED = MEASURES[:-1]
"""Measures of which more is better."""


class Measures(LenientRecord):
    """Scores of a model on the headlines of a set, each with its 95 % interval."""

    accuracy: Interval
    macro_f1: Interval
    """Over the classes that have rows."""
    polar_found: Interval
    """Share of the negative and positive headlines that get their label."""
    sign: Interval
    """Of negative and positive headlines that are called one of the two: share with the right one.
    None if there are none."""
    ece: Interval
    """Expected calibration error."""


class ConflictingAnswers(LenientRecord):
    """Answers to headlines whose entities are labelled differently, which have no right answer."""

    headlines: int
    answers: dict[str, int]
    """How many get each label."""
    one_of_its_labels: Interval
    """Share whose answer is the label of one of their entities."""


class SeedMeasures(LenientRecord):
    """Measures of one of several models that differ in their seed."""

    seed: int
    model_digest: str
    values: dict[str, float]
    """Without those that have no value."""


class SetRows(LenientRecord):
    """What became of the rows of a set's files."""

    rows: int
    merged: int
    """Rows with the headline of an earlier row: duplicates, or further entities of one headline."""
    left_out: int
    repaired: int
    cleaned: int
    damaged: int

    @property
    def sentence(self) -> str:
        """The counts in words."""
        parts = [
            (self.merged, "with the headline of another row"),
            (self.left_out, "not scored"),
            (self.repaired, "with labels that needed a repair"),
            (self.cleaned, "with misread characters that were restored"),
            (self.damaged, "with a character that was lost"),
        ]
        told = [f"{count:,} {words}" for count, words in parts if count]
        return f"{self.rows:,} rows" + (f"; {', '.join(told)}" if told else "")


class SetReport(LenientRecord):
    """A model on one test set."""

    name: str
    title: str
    kind: str
    use: Literal["development", "sealed"]
    repository: str
    commit: str
    digests: dict[str, str]
    """Path of each file in the repository → its SHA-256."""
    licence: str
    citation: str
    mapping: str
    rows: SetRows
    seen: SeenRows
    """Headlines that the model was trained or validated on."""
    known_to_base: bool
    """Whether the base model is known to have been trained on this set."""
    in_mean: bool
    shares_with: dict[str, int]
    """Another evaluated set → how many headlines the two share."""
    measures: Measures
    classes: list[ClassScore]
    confusion: list[list[int]]
    """Rows are true classes, columns predicted ones, in the order of LABELS."""
    calibration: Calibration
    risk_coverage: RiskCoverage | None = None
    """None for a sealed set, since a confidence read from it would be a choice made on it."""
    conflicting: ConflictingAnswers | None
    """None for a set without such headlines."""
    int8_agreement: Interval | None = None
    """Share of headlines to which int8 and float give the same label; None: not measured."""
    comparison: Comparison | None = None
    """With a second model on the same headlines; of a sealed set without the headlines."""
    errors: list[ConfidentError]
    """The most confident ones; none of a sealed set, since reading them would guide choices."""
    seeds: list[SeedMeasures]
    """Empty for a single model."""
    spread: dict[str, MeanStd]
    """Measure → mean and deviation over the seeds."""

    @property
    def headlines(self) -> int:
        """How many headlines were scored."""
        return sum(map(sum, self.confusion))

    @property
    def remarks(self) -> list[str]:
        """Caveats for readers of the scores, as sentences."""
        found = [f"{self.title} is {SEALED}."] if self.use == "sealed" else []
        if self.known_to_base:
            found.append(
                f"The base of the model, or of its teacher, was trained on {self.title}: these"
                " scores are too high."
            )
        if self.seen.training or self.seen.validation or self.seen.by_other:
            found.append(f"{self.title}: {self.seen.sentence}")
        for other, count in self.shares_with.items():
            shared = f"{counted(count, 'headline', 'headlines')} with {other}"
            found.append(f"{self.title} shares {shared}, so it is not part of the mean.")
        return found

    def value(self, measure: str) -> float | None:
        """A measure: the mean over the seeds, where there are several."""
        if measure in self.spread:
            return self.spread[measure].mean
        interval: Interval = getattr(self.measures, measure)
        return interval.value


class UnseenReport(LenientRecord):
    """Everything that `newsclf evaluate --on` found."""

    schema_version: Literal[1] = 1
    created: str
    """UTC, ISO 8601."""
    model: str
    """The name of its directory."""
    model_digest: str
    base: str
    trained_on: str
    runtime: Literal["int8", "float"]
    labels: tuple[str, ...] = LABELS
    sets: list[SetReport]
    mean: dict[str, Interval]
    """Measure → mean over the sets that are `in_mean`, which all count the same. Its interval is
    that of the headlines drawn; the seeds' spread is not in it."""
    mean_seeds: dict[str, MeanStd]
    """Measure → the mean of the sets, over the seeds: its mean and deviation."""
    gates: list[Gate]

    @property
    def seeds(self) -> int:
        """How many models were evaluated."""
        return max(1, len(self.sets[0].seeds))

    @property
    def mean_of(self) -> list[str]:
        """Titles of the sets in the mean."""
        return [each.title for each in self.sets if each.in_mean]

    @property
    def remarks(self) -> list[str]:
        """Caveats for readers of the scores, as sentences."""
        return [remark for each in self.sets for remark in each.remarks]

    @property
    def compared(self) -> list[str]:
        """What readers of the comparison with a second model must know, as sentences."""
        found = [each.comparison for each in self.sets if each.comparison is not None]
        if not found:
            return []
        sets = counted(len(found), "set", "sets")
        told = sum(each.p_value < _CHANCE for each in found)
        tests = f"McNemar's exact test finds a difference on {told} of {sets} at p < 0.05."
        return [tests, *found[0].remarks]

    def mean_value(self, measure: str) -> float | None:
        """The mean of a measure over the sets, and over the seeds where there are several."""
        if measure in self.mean_seeds:
            return self.mean_seeds[measure].mean
        return self.mean[measure].value
