"""Measure a model on data that it has not seen."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from newsclf.common.errors import (
    CheckFailedError,
    ConfigError,
    DataError,
    MissingColumnError,
    ModelError,
    reason_of,
)
from newsclf.common.extras import require_extra
from newsclf.common.files import write_text
from newsclf.common.intervals import mean_std, wilson_interval
from newsclf.common.machine import available_cores
from newsclf.common.meant import closest
from newsclf.common.settings import DataSettings
from newsclf.common.trust import distrust
from newsclf.common.visible import visible_json
from newsclf.contract.answers import Prediction
from newsclf.contract.labels import LABELS
from newsclf.data.examples import Example, LabelledData, class_counts, normalised, remarks_on
from newsclf.data.sources import load_again, load_data
from newsclf.data.split import split
from newsclf.evaluation.baseline import baseline_of
from newsclf.evaluation.report import (
    Comparison,
    EvaluationReport,
    Gate,
    SeedScore,
    SeenRows,
    Speed,
    Training,
)
from newsclf.model.card import ModelCard, Score, read_card, with_known_columns, write_card
from newsclf.model.directory import ONNX_FILE, check_files, find_seeds
from newsclf.serving import engine
from newsclf.serving.tokens import count_cut
from newsclf.training.seen_texts import read_seen_texts, without_seen

Classify = Callable[[Sequence[str]], list[Prediction]]
Runtime = Literal["int8", "float"]
GATE_METRICS = (
    "accuracy",
    "macro_f1",
    *(f"{metric}.{label}" for metric in ("precision", "recall", "f1") for label in LABELS),
)
REPORTED_ERRORS = 20


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a model is evaluated on."""

    labelled: LabelledData
    examples: Sequence[Example]
    part: Literal["test", "all"]
    stem: str
    seen: SeenRows | None = None

    @property
    def truth(self) -> list[int]:
        """Index in LABELS of each row's class."""
        return [example.label_id for example in self.examples]

    @property
    def texts(self) -> list[str]:
        """The headlines."""
        return [example.text for example in self.examples]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A report, where its files were written, and whether the model's card has the score."""

    report: EvaluationReport
    folder: Path
    card_problem: str | None = None
    """Why the score of the held-out part could not be noted in the card."""
    notes: Sequence[str] = ()
    """What was guessed about the data file."""


def evaluate(
    model: Path,
    *,
    data: DataSettings | None = None,
    use_float: bool = False,
    gates: dict[str, float] | None = None,
    compare: Path | None = None,
    out: Path | None = None,
    include_seen: bool = False,
    errors: int = REPORTED_ERRORS,
) -> Evaluated:
    """Evaluate a model, write its report and charts, and note the score in its card.

    Nothing is written before everything is computed. With `out`, the model directory stays as it
    is.

    Args:
        model: A model directory, or one with several seeds, each of which is then scored.
        data: Where to take headlines from. By default, and if it is the data that the model was
            trained on, wherever that now is, they are its held-out part; of other data, all rows
            that the model has not seen. Columns and labels that were not named are those that it
            was trained with.
        use_float: Run the torch model instead of the int8 file.
        gates: Metric → minimum.
        compare: A second model for McNemar's test.
        out: Folder for the report; by default one in `model`.
        include_seen: Also score the rows of other data that the model was trained or validated on.
        errors: How many errors the report lists, surest first.

    Raises:
        ConfigError: a gate names no metric, or one of a class without rows; the report can't be
            written; or the model to compare with was trained on some of the held-out rows.
        DataError: the data can't be used, or the model has seen all of its rows.
        ModelError: the model can't be used.
    """
    require_extra("sklearn", "scipy", "jinja2", extra="train", purpose="evaluating")
    gates = gates or {}
    _check_gates(gates)
    folder, card = read_card(model)
    if compare is not None:
        _check_other_model(compare)
    rows = _rows(folder, card, data, compare=compare, include_seen=include_seen)
    _check_gate_classes(gates, rows)
    target = out or model / ("evaluation" if rows.part == "test" else f"evaluation-{rows.stem}")
    _check_writable(target, inside_model=out is None)

    runtime: Runtime = "float" if use_float else "int8"
    classify = _classifier(folder, card, runtime)
    started = time.perf_counter()
    predictions = classify(rows.texts)
    seconds = time.perf_counter() - started
    report = _report(
        rows, predictions, classify, model=model, card=card, runtime=runtime, errors=errors
    )
    seeds = _seed_scores(model, rows, runtime)
    report = report.model_copy(
        update={
            "training": Training(
                rows=card.data.train, history=card.history, kept_epoch=card.kept_epoch
            ),
            "speed": Speed(
                model_bytes=_model_file(folder, runtime).stat().st_size,
                headlines_per_s=len(predictions) / seconds,
                cores=available_cores(),
            ),
            "cut": count_cut(folder, rows.texts)[0],
            "comparison": _compare(compare, rows, predictions, runtime) if compare else None,
            "gates": _gates(gates, report),
            "seeds": seeds,
            "seeds_accuracy": mean_std([s.score.accuracy for s in seeds]) if seeds else None,
            "seeds_macro_f1": mean_std([s.score.macro_f1 for s in seeds]) if seeds else None,
        }
    )
    _write(report, target)
    problem = None
    if rows.part == "test" and out is None:
        problem = _note_score(folder, card, report.score)
    return Evaluated(report, target, problem, rows.labelled.notes)


def check_gates(report: EvaluationReport) -> None:
    """Raise CheckFailedError if a gate of the report was not met."""
    missed = [gate for gate in report.gates if not gate.met]
    if missed:
        raise CheckFailedError(
            "gate not met: "
            + ", ".join(f"{g.metric} is {g.value:.4f}, below {g.minimum:g}" for g in missed),
            hint="the report lists the errors; more or cleaner training data moves most",
        )


def _check_gates(gates: dict[str, float]) -> None:
    for metric, minimum in gates.items():
        if metric not in GATE_METRICS:
            meant = closest(metric, GATE_METRICS)
            raise ConfigError(
                f"--gate {metric}: not a metric",
                hint=f"did you mean {meant}?" if meant else f"metrics: {', '.join(GATE_METRICS)}",
            )
        if not 0 <= minimum <= 1:  # NaN too
            percent = 1 < minimum <= 100  # noqa: PLR2004
            raise ConfigError(
                f"--gate {metric}={minimum:g}: the minimum is a share, from 0 to 1",
                hint=f"write {minimum / 100:g}: --gate {metric}={minimum / 100:g}"
                if percent
                else f"--gate {metric}=0.9, for example",
            )


def _check_other_model(compare: Path) -> None:
    try:
        read_card(compare)
    except ModelError as error:
        raise ModelError(
            f"--compare {error.message}", hint="name another model directory with --compare DIR"
        ) from error


def _check_gate_classes(gates: dict[str, float], rows: _Rows) -> None:
    present = {LABELS[label_id] for label_id in rows.truth}
    for metric in gates:
        label = metric.partition(".")[2]
        if label and label not in present:
            raise ConfigError(
                f"--gate {metric}: no row of {rows.labelled.name} is {label}",
                hint=f"drop this gate, or add {label} headlines to the data",
            )


def _rows(
    folder: Path,
    card: ModelCard,
    data: DataSettings | None,
    *,
    compare: Path | None,
    include_seen: bool,
) -> _Rows:
    if data is not None:
        labelled = _load_other(data, card)
        if labelled.digest != card.data.digest:
            return _other_rows(
                folder, labelled, Path(data.source).stem, compare=compare, include_seen=include_seen
            )
    known, settings = load_again(
        card.data.settings, digest=card.data.digest, source=data.source if data else None
    )
    test = split(known, settings).test
    if compare is not None:
        _check_other_has_not_seen(compare, known, test)
    return _Rows(known, test, "test", Path(settings.source).stem)


def _load_other(data: DataSettings, card: ModelCard) -> LabelledData:
    """Read other data; where it lacks a column of the card's, its own are looked for."""
    settings, notes = with_known_columns(data, card), []
    while True:
        try:
            labelled = load_data(settings)
        except MissingColumnError as error:
            name = getattr(settings, error.setting)
            if name == getattr(data, error.setting):  # asked for, or none is like the usual ones
                raise
            settings = settings.model_copy(update={error.setting: None})
            notes.append(f"it has no column '{name}', which the model was trained with")
        else:
            return replace(labelled, notes=(*notes, *labelled.notes))


def _other_rows(
    folder: Path, labelled: LabelledData, stem: str, *, compare: Path | None, include_seen: bool
) -> _Rows:
    """The rows of data that the model was not made with, without those that it has seen."""
    everything = labelled.examples
    seen = read_seen_texts(folder)
    other = read_seen_texts(read_card(compare)[0]) if compare else None
    new = without_seen(everything, seen) if seen else list(everything)
    new_to_both = without_seen(new, other) if other else new
    parts = [seen.part_of(example.text) for example in everything] if seen else []
    report = SeenRows(
        recorded=seen is not None and (compare is None or other is not None),
        rows=len(everything),
        training=parts.count("training"),
        validation=parts.count("validation"),
        by_other=len(new) - len(new_to_both),
        left_out=not include_seen,
    )
    if not new_to_both and not include_seen:
        raise DataError(
            f"{labelled.name}: all {len(everything):,} rows were trained or validated on, so"
            " nothing is left to evaluate",
            hint="name other data with --data, or score these all the same with --include-seen",
        )
    return _Rows(labelled, everything if include_seen else new_to_both, "all", stem, report)


def _check_other_has_not_seen(
    compare: Path, labelled: LabelledData, rows: Sequence[Example]
) -> None:
    """Raise ConfigError if the model to compare with was trained on some of the held-out rows."""
    folder, card = read_card(compare)
    if (seen := read_seen_texts(folder)) is not None:
        known = len(rows) - len(without_seen(rows, seen))
    elif card.data.digest == labelled.digest:
        parts = split(labelled, card.data.settings)
        texts = {normalised(example.text) for example in [*parts.train, *parts.validation]}
        known = sum(normalised(example.text) in texts for example in rows)
    else:
        return
    if known:
        raise ConfigError(
            f"{compare} was trained or validated on {known} of the {len(rows)} rows, so a"
            " comparison would favour it",
            hint="compare models with the same data settings, or on other data with --data",
        )


def _check_writable(folder: Path, *, inside_model: bool) -> None:
    """Raise ConfigError if a folder can't be written or made; nothing of it is left."""
    # A model may come from elsewhere; what `--out` names is the user's own affair.
    found = distrust(folder, folder=True) if inside_model else None
    if found is not None and found.kind == "link":
        raise ConfigError(
            f"{folder} {found.words}, so no report is written there",
            hint="name another folder with --out",
        )
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{folder}: the report cannot be written there ({reason_of(error)})",
        hint="name another folder with --out",
    )


def _classifier(folder: Path, card: ModelCard, runtime: Runtime) -> Classify:
    if runtime == "int8":
        if not (folder / ONNX_FILE).is_file():
            why = f": {card.int8_rejected}" if card.int8_rejected else ""
            raise ModelError(
                f"{folder}: it has no {ONNX_FILE}{why}",
                hint="--float evaluates the float model; newsclf optimize --model"
                f" {folder} makes {ONNX_FILE}",
            )
        check_files(folder, card.files, engine.FILES)
        return engine.Engine(folder, threads=available_cores()).classify
    require_extra("torch", "transformers", extra="train", purpose="running the float model")
    check_files(folder, card.files, [name for name in card.files if name != ONNX_FILE])
    from newsclf.training.classifier import classify_float, load_trained

    model, tokenizer = load_trained(folder)
    return lambda texts: classify_float(model, tokenizer, texts)


def _model_file(folder: Path, runtime: Runtime) -> Path:
    return folder / (ONNX_FILE if runtime == "int8" else "model.safetensors")


def _report(
    rows: _Rows,
    predictions: Sequence[Prediction],
    classify: Classify,
    *,
    model: Path,
    card: ModelCard,
    runtime: Runtime,
    errors: int,
) -> EvaluationReport:
    from newsclf.evaluation import bias, metrics

    truth = rows.truth
    predicted = [prediction.label_id for prediction in predictions]
    right = [p == t for p, t in zip(predicted, truth, strict=True)]
    return EvaluationReport(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=model.resolve().name,
        model_digest=card.digest,
        base=card.base.name,
        data=rows.labelled.name,
        data_digest=rows.labelled.digest,
        part=rows.part,
        repeated=rows.labelled.repeated,
        contradictory=rows.labelled.contradictory,
        data_remarks=remarks_on(rows.labelled) if rows.part == "all" else [],
        seen=rows.seen,
        score=_score(truth, predicted, runtime),
        baseline=baseline_of(class_counts(rows.examples)),
        classes=metrics.class_scores(truth, predicted),
        confusion=metrics.confusion(truth, predicted),
        calibration=metrics.calibration(truth, predictions),
        by_length=metrics.slices(rows.examples, right, metrics.length_name),
        by_agreement=metrics.slices(rows.examples, right, metrics.agreement_name),
        errors=metrics.confident_errors(rows.examples, predictions, errors),
        bias=bias.probe(rows.texts, predictions, classify),
    )


def _gates(gates: dict[str, float], report: EvaluationReport) -> list[Gate]:
    values = {"accuracy": report.score.accuracy, "macro_f1": report.score.macro_f1} | {
        f"{metric}.{row.label}": getattr(row, metric)
        for row in report.classes
        for metric in ("precision", "recall", "f1")
    }
    return [Gate(metric=metric, minimum=low, value=values[metric]) for metric, low in gates.items()]


def _compare(
    compare: Path, rows: _Rows, predictions: Sequence[Prediction], runtime: Runtime
) -> Comparison:
    from newsclf.evaluation import metrics

    folder, card = read_card(compare)
    others = _classifier(folder, card, runtime)(rows.texts)
    return metrics.compare(
        rows.examples,
        [prediction.label_id for prediction in predictions],
        [prediction.label_id for prediction in others],
        other=compare.resolve().name,
    )


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


def _seed_scores(model: Path, rows: _Rows, runtime: Runtime) -> list[SeedScore]:
    folders = find_seeds(model)
    if len(folders) == 1:
        return []
    scores = []
    for path in folders:
        folder, card = read_card(path)
        predicted = [p.label_id for p in _classifier(folder, card, runtime)(rows.texts)]
        scores.append(
            SeedScore(
                seed=card.training.seed,
                score=_score(rows.truth, predicted, runtime),
                model_digest=card.digest,
            )
        )
    return scores


def _write(report: EvaluationReport, folder: Path) -> None:
    """Write the files of a report, all of which are made before the first is written."""
    from newsclf.evaluation.charts import confusion_figure, reliability_figure
    from newsclf.evaluation.page import render_page
    from newsclf.reporting.page import standalone

    confusion = confusion_figure("confusion", "Confusion matrix", report.confusion)
    files = {
        "confusion.svg": standalone(confusion.svg),
        "reliability.svg": standalone(reliability_figure("reliability", report.calibration).svg),
        "report.html": render_page(report),
        "report.json": visible_json(report.model_dump_json(indent=2)) + "\n",
    }
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_text(folder / name, text)
    except OSError as error:
        if new:
            for name in files:
                (folder / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise _unwritable(folder, error) from error


def _note_score(folder: Path, card: ModelCard, score: Score) -> str | None:
    """Put the score of the held-out part into the card; why that can't be, if it can't."""
    _, latest = read_card(folder)  # another command may have written it meanwhile
    if latest.digest != card.digest:
        return "the model has changed meanwhile"
    try:
        write_card(folder, latest.model_copy(update={"test": score}))
    except OSError as error:
        return reason_of(error)
    return None
