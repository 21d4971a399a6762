"""Evaluate a model on data that it has not seen: the use case of `newsclf evaluate`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from newsclf.common.errors import (
    ConfigError,
    reason_of,
    require_extra,
)
from newsclf.common.intervals import mean_std, wilson_interval
from newsclf.common.machine import available_cores
from newsclf.common.settings import DataSettings
from newsclf.common.suggestions import did_you_mean
from newsclf.common.visible import visible_json
from newsclf.contract.answers import Prediction
from newsclf.contract.labels import LABELS
from newsclf.data import phrasebank
from newsclf.data.examples import class_counts, remarks_on
from newsclf.evaluation.baseline import baseline_of
from newsclf.evaluation.comparison import compared, open_other
from newsclf.evaluation.gates import check_minimum
from newsclf.evaluation.records import (
    ClassScore,
    Comparison,
    EvaluationReport,
    Gate,
    LevelScore,
    SeedScore,
    Speed,
    Training,
)
from newsclf.evaluation.report_files import UNSEEN_FOLDER, check_writable, write_files
from newsclf.evaluation.rows import Classify, Model, Rows, Runtime, choose_rows
from newsclf.evaluation.unseen.catalogue import read_catalogue
from newsclf.model.card import ModelCard, Score, read_card, write_card
from newsclf.model.directory import find_seeds
from newsclf.serving.engines.tokens import count_cut

_METRICS_OF_A_CLASS = ("precision", "recall", "f1")
GATE_METRICS = (
    *("accuracy", "macro_f1"),
    *(f"{metric}.{label}" for metric in _METRICS_OF_A_CLASS for label in LABELS),
)
REPORTED_ERRORS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """A request to evaluate a model.

    Raises:
        ConfigError: a gate names no metric, or its minimum is not a share.
    """

    model: Path
    """A model directory, or one with several seeds, each of which is then scored."""
    data: DataSettings | None = None
    """Data to evaluate on. Without it, or if it is the training data (wherever that is now), the
    held-out part is used; from other data, all rows that the model has not seen. Columns and labels
    default to those of the training."""
    runtime: Runtime = "int8"
    """Whether to run the int8 file, or the float model with torch."""
    gates: Mapping[str, float] = field(default_factory=dict)
    """Metric → minimum."""
    compare: Path | None = None
    """A second model for McNemar's test."""
    out: Path | None = None
    """Folder for the report; by default one in `model`."""
    include_seen: bool = False
    """Also score the rows of other data that the model was trained or validated on."""
    errors: int = REPORTED_ERRORS
    """Number of errors in the report, the most confident first."""

    def __post_init__(self) -> None:
        """Check the gates."""
        for metric, minimum in self.gates.items():
            _check_gate(metric, minimum)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A report, where its files were written, and whether the model's card has the score."""

    report: EvaluationReport
    folder: Path
    card_problem: str | None = None
    """Why the score of the held-out part could not be noted in the card."""
    notes: Sequence[str] = ()
    """Assumptions about the format of the data file."""


def evaluate(request: EvaluationRequest) -> Evaluated:
    """Evaluate a model, write its report and charts, and note the score in its card.

    Nothing is written before everything is computed. With `out`, the model directory stays as it
    is.

    Raises:
        ConfigError: a gate is of a class without rows; the report can't be written; or the model to
            compare with was trained on some of the held-out rows.
        DataError: the data can't be used, or the model has seen all of its rows.
        ModelError: the model can't be used.
    """
    require_extra("sklearn", "scipy", "jinja2", extra="train", purpose="evaluating")
    model = Model.open(request.model)
    compare = open_other(request.compare) if request.compare else None
    rows = choose_rows(model, request.data, compare=compare, include_seen=request.include_seen)
    _check_gate_classes(request.gates, rows)
    folder = request.out or _report_folder(request.model, rows)
    check_writable(folder, inside_model=request.out is None)
    report = _report(model, rows, request, compare)
    _write(report, folder)
    noted = rows.part == "test" and request.out is None
    problem = _note_score(model, report.score) if noted else None
    return Evaluated(report, folder, problem, rows.labelled.notes)


def _report_folder(model: Path, rows: Rows) -> Path:
    if rows.part == "test":
        return model / "evaluation"
    name = f"evaluation-{rows.stem}"
    return model / (f"{name}-file" if name == UNSEEN_FOLDER else name)


def _check_gate(metric: str, minimum: float) -> None:
    if metric not in GATE_METRICS:
        raise ConfigError(
            f"--gate {metric}: not a metric",
            hint=did_you_mean(metric, GATE_METRICS) or f"metrics: {', '.join(GATE_METRICS)}",
        )
    check_minimum(metric, minimum)


def _check_gate_classes(gates: Mapping[str, float], rows: Rows) -> None:
    present = {LABELS[label_id] for label_id in rows.truth}
    for metric in gates:
        label = metric.partition(".")[2]
        if label and label not in present:
            raise ConfigError(
                f"--gate {metric}: no row of {rows.labelled.name} is {label}",
                hint=f"drop this gate, or add {label} headlines to the data",
            )


def _report(
    model: Model, rows: Rows, request: EvaluationRequest, compare: Model | None
) -> EvaluationReport:
    from newsclf.evaluation import bias, metrics
    from newsclf.evaluation.confidence import risk_coverage

    card, runtime = model.card, request.runtime
    classify = model.classifier(runtime)
    started = time.perf_counter()
    predictions = classify(rows.texts)
    seconds = time.perf_counter() - started
    truth, predicted = rows.truth, _labels_of(predictions)
    right = [p == t for p, t in zip(predicted, truth, strict=True)]
    score, classes = _score(truth, predicted, runtime), metrics.class_scores(truth, predicted)
    seeds = _seed_scores(request.model, rows, runtime)
    return EvaluationReport(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=model.name,
        model_digest=card.digest,
        base=card.base.name,
        data=rows.labelled.name,
        data_digest=rows.labelled.digest,
        part=rows.part,
        repeated=rows.labelled.repeated,
        contradictory=rows.labelled.contradictory,
        data_remarks=_data_remarks(rows, card),
        seen=rows.seen,
        cut=count_cut(model.folder, rows.texts)[0],
        score=score,
        baseline=baseline_of(class_counts(rows.examples)),
        classes=classes,
        confusion=metrics.confusion(truth, predicted),
        calibration=metrics.calibration(truth, predictions),
        risk_coverage=risk_coverage(truth, predictions),
        calibrated=card.calibration,
        by_length=metrics.slices(rows.examples, right, metrics.length_name),
        by_agreement=metrics.slices(rows.examples, right, metrics.agreement_name),
        by_level=_level_scores(rows, predicted, classify),
        errors=metrics.confident_errors(rows.examples, predictions, request.errors),
        bias=bias.probe(rows.texts, predictions, classify),
        comparison=_compare(model, compare, rows, predicted, runtime) if compare else None,
        training=Training(rows=card.data.train, history=card.history, kept_epoch=card.kept_epoch),
        speed=Speed(
            model_bytes=model.weights(runtime).stat().st_size,
            headlines_per_s=len(predictions) / seconds,
            cores=available_cores(),
        ),
        gates=_gates(request.gates, score, classes),
        seeds=seeds,
        seeds_accuracy=mean_std([s.score.accuracy for s in seeds]) if seeds else None,
        seeds_macro_f1=mean_std([s.score.macro_f1 for s in seeds]) if seeds else None,
    )


def _data_remarks(rows: Rows, card: ModelCard) -> list[str]:
    """Caveats about the data and about what the base model knows of them, as sentences."""
    found = remarks_on(rows.labelled) if rows.part == "all" else []
    if rows.labelled.name.startswith(phrasebank.NAME):
        catalogue = read_catalogue()
        found += [
            f"{base}, from which the model or its teacher descends, was trained on"
            f" {phrasebank.NAME}, these rows included: the scores are too high."
            for base in dict.fromkeys(card.bases)
            if catalogue.has_seen(base, "phrasebank")
        ]
    return found


def _level_scores(rows: Rows, predicted: Sequence[int], classify: Classify) -> list[LevelScore]:
    """Scores at each agreement level of PhraseBank."""
    from newsclf.evaluation import metrics

    if not rows.at_levels:
        return []
    known = dict(zip(rows.texts, predicted, strict=True))
    more = [example.text for example in rows.at_levels if example.text not in known]
    known |= dict(zip(more, _labels_of(classify(more)), strict=True))
    return metrics.level_scores(rows.at_levels, [known[each.text] for each in rows.at_levels])


def _labels_of(predictions: Sequence[Prediction]) -> list[int]:
    return [prediction.label_id for prediction in predictions]


def _gates(gates: Mapping[str, float], score: Score, classes: Sequence[ClassScore]) -> list[Gate]:
    values = {"accuracy": score.accuracy, "macro_f1": score.macro_f1} | {
        f"{metric}.{row.label}": getattr(row, metric)
        for row in classes
        for metric in _METRICS_OF_A_CLASS
    }
    return [Gate(metric=metric, minimum=low, value=values[metric]) for metric, low in gates.items()]


def _compare(
    model: Model, other: Model, rows: Rows, predicted: Sequence[int], runtime: Runtime
) -> Comparison:
    others = _labels_of(other.classifier(runtime)(rows.texts))
    return compared(model, other, rows.examples, predicted, others)


def _score(truth: Sequence[int], predicted: Sequence[int], runtime: Runtime) -> Score:
    from newsclf.evaluation import metrics

    counts = metrics.confusion(truth, predicted)
    right = sum(counts[i][i] for i in range(len(counts)))
    return Score(
        rows=len(truth),
        accuracy=metrics.accuracy_of(counts),
        accuracy_interval=wilson_interval(right, len(truth)),
        macro_f1=metrics.macro_f1_of(counts),
        macro_f1_interval=metrics.macro_f1_interval(counts),
        runtime=runtime,
    )


def _seed_scores(path: Path, rows: Rows, runtime: Runtime) -> list[SeedScore]:
    """The score of each seed; empty for a single model."""
    folders = find_seeds(path)
    models = [Model.open(folder) for folder in folders] if len(folders) > 1 else []
    return [
        SeedScore(
            seed=model.card.training.seed,
            score=_score(rows.truth, _labels_of(model.classifier(runtime)(rows.texts)), runtime),
            model_digest=model.card.digest,
        )
        for model in models
    ]


def _write(report: EvaluationReport, folder: Path) -> None:
    """Write the files of a report, after all of them have been rendered."""
    from newsclf.evaluation.report.charts import confusion_figure, reliability_figure
    from newsclf.evaluation.report.page import render_page
    from newsclf.reporting.page import standalone

    confusion = confusion_figure("confusion", "Confusion matrix", report.confusion)
    files = {
        "confusion.svg": standalone(confusion.svg),
        "reliability.svg": standalone(reliability_figure("reliability", report.calibration).svg),
        "report.html": render_page(report),
        "report.json": visible_json(report.model_dump_json(indent=2)) + "\n",
    }
    write_files(folder, files)


def _note_score(model: Model, score: Score) -> str | None:
    """Write the score of the held-out part to the card, or return why that failed."""
    _, latest = read_card(model.folder)  # another command may have written it meanwhile
    if latest.digest != model.card.digest:
        return "the model has changed meanwhile"
    try:
        write_card(model.folder, latest.model_copy(update={"test": score}))
    except OSError as error:
        return reason_of(error)
    return None
