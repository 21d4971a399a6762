"""Measure a model on data that it has not seen."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from newsclf.core.contract import LABELS, Prediction
from newsclf.core.errors import CheckFailedError, ConfigError
from newsclf.core.examples import Example, LabelledData, normalised
from newsclf.core.extras import require_extra
from newsclf.core.files import write_text
from newsclf.core.machine import available_cores
from newsclf.core.model_card import ModelCard, Score, read_card, write_card
from newsclf.core.model_dir import ONNX_FILE, check_files, find_seeds
from newsclf.core.settings import DataSettings
from newsclf.core.spread import spread_of
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.evaluation.report import EvaluationReport, Gate, SeedScore
from newsclf.lifecycle.card_data import load_card_data
from newsclf.serving import engine

Classify = Callable[[Sequence[str]], list[Prediction]]
GATE_METRICS = (
    "accuracy",
    "macro_f1",
    *(f"{metric}.{label}" for metric in ("precision", "recall", "f1") for label in LABELS),
)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a model is evaluated on."""

    labelled: LabelledData
    examples: Sequence[Example]
    part: Literal["test", "all"]
    stem: str

    @property
    def name(self) -> str:
        return self.labelled.name

    @property
    def digest(self) -> str:
        return self.labelled.digest


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A report and where its files were written."""

    report: EvaluationReport
    folder: Path


def evaluate(
    model: Path,
    *,
    data: DataSettings | None = None,
    use_float: bool = False,
    gates: dict[str, float] | None = None,
    compare: Path | None = None,
    out: Path | None = None,
) -> Evaluated:
    """Evaluate a model, write its report and charts, and note the score in its card.

    Args:
        model: A model directory, or one with several seeds, each of which is then scored.
        data: Where to take headlines from. By default, and if it is the data that the model was
            trained on, wherever that now is, they are its held-out part; of other data, all rows.
        use_float: Run the torch model instead of the int8 file.
        gates: Metric → minimum.
        compare: A second model for McNemar's test.
        out: Folder for the report; by default one in `model`.

    Raises:
        ConfigError: a gate names no metric, the report can't be written, or the model to compare
            with was trained on some of the rows.
        ModelError, DataError: the model or the data can't be used.
    """
    require_extra("sklearn", "scipy", "matplotlib", "jinja2", extra="train", purpose="evaluating")
    from newsclf.evaluation import bias, metrics

    gates = gates or {}
    for metric in gates:
        if metric not in GATE_METRICS:
            raise ConfigError(
                f"--gate {metric}: no such metric", hint=f"metrics: {', '.join(GATE_METRICS)}"
            )
    folder, card = read_card(model)
    rows = _rows(card, data)
    target = out or model / ("evaluation" if rows.part == "test" else f"evaluation-{rows.stem}")
    _make_folder(target)

    runtime: Literal["int8", "float"] = "float" if use_float else "int8"
    truth = [example.label_id for example in rows.examples]
    texts = [example.text for example in rows.examples]
    classify = _classifier(folder, card, runtime)
    predictions = classify(texts)
    predicted = [prediction.label_id for prediction in predictions]
    right = [p == t for p, t in zip(predicted, truth, strict=True)]
    classes = metrics.class_scores(truth, predicted)
    score = _score(truth, predicted, runtime)
    values = {"accuracy": score.accuracy, "macro_f1": score.macro_f1} | {
        f"{metric}.{row.label}": getattr(row, metric)
        for row in classes
        for metric in ("precision", "recall", "f1")
    }
    comparison = None
    if compare is not None:
        comparison = metrics.compare(
            truth, predicted, _other_labels(compare, rows, runtime), other=str(compare)
        )
    seeds = _seed_scores(model, rows, runtime)
    report = EvaluationReport(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=str(model),
        model_digest=card.digest,
        base=card.base.name,
        data=rows.name,
        data_digest=rows.digest,
        part=rows.part,
        score=score,
        classes=classes,
        confusion=metrics.confusion(truth, predicted),
        calibration=metrics.calibration(truth, predictions),
        by_length=metrics.slices(rows.examples, right, metrics.length_name),
        by_agreement=metrics.slices(rows.examples, right, metrics.agreement_name),
        errors=metrics.confident_errors(rows.examples, predictions),
        bias=bias.probe(texts, predictions, classify),
        comparison=comparison,
        gates=[Gate(metric=m, minimum=low, value=values[m]) for m, low in gates.items()],
        seeds=seeds,
        seeds_accuracy=spread_of([s.score.accuracy for s in seeds]) if seeds else None,
        seeds_macro_f1=spread_of([s.score.macro_f1 for s in seeds]) if seeds else None,
    )
    _write(report, target)
    if rows.part == "test" and os.access(folder, os.W_OK):
        _, latest = read_card(folder)  # another command may have written it meanwhile
        if latest.digest == card.digest:
            write_card(folder, latest.model_copy(update={"test": score}))
    return Evaluated(report, target)


def _rows(card: ModelCard, data: DataSettings | None) -> _Rows:
    if data is not None:
        labelled = load_data(data)
        if labelled.digest != card.data.digest:
            return _Rows(labelled, labelled.examples, "all", Path(data.source).stem)
    known, settings = load_card_data(card, source=data.source if data else None)
    return _Rows(known, split(known, settings).test, "test", Path(settings.source).stem)


def _other_labels(compare: Path, rows: _Rows, runtime: Literal["int8", "float"]) -> list[int]:
    """What another model says of the rows, which it must not have been trained on."""
    folder, card = read_card(compare)
    if card.data.digest == rows.digest:
        trained_on = split(rows.labelled, card.data.settings).train
        seen = {normalised(example.text) for example in trained_on}
        known = sum(normalised(example.text) in seen for example in rows.examples)
        if known:
            raise ConfigError(
                f"{compare} was trained on {known} of the {len(rows.examples)} rows, so a"
                " comparison would favour it",
                hint="compare models with the same data settings, or on other data with --data",
            )
    classify = _classifier(folder, card, runtime)
    return [p.label_id for p in classify([example.text for example in rows.examples])]


def check_gates(report: EvaluationReport) -> None:
    """Raise CheckFailedError if a gate of the report was not met."""
    missed = [gate for gate in report.gates if not gate.met]
    if missed:
        raise CheckFailedError(
            "gate not met: "
            + ", ".join(f"{g.metric} is {g.value:.4f}, below {g.minimum:g}" for g in missed),
            hint="the report lists the errors; more or cleaner training data moves most",
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ConfigError(
            f"{folder}: the report cannot be written there ({error.strerror})",
            hint="name another folder with --out",
        ) from error


def _classifier(folder: Path, card: ModelCard, runtime: Literal["int8", "float"]) -> Classify:
    if runtime == "int8":
        check_files(folder, engine.FILES)
        return engine.Engine(folder, threads=available_cores()).classify
    require_extra("torch", "transformers", extra="train", purpose="running the float model")
    check_files(folder, [name for name in card.files if name != ONNX_FILE])
    from newsclf.ml.classifier import classify_float, load_trained

    model, tokenizer = load_trained(folder)
    return lambda texts: classify_float(model, tokenizer, texts)


def _score(
    truth: Sequence[int], predicted: Sequence[int], runtime: Literal["int8", "float"]
) -> Score:
    from newsclf.evaluation import metrics

    counts = metrics.confusion(truth, predicted)
    right = sum(counts[i][i] for i in range(len(counts)))
    return Score(
        rows=len(truth),
        accuracy=metrics.accuracy_of(counts),
        accuracy_interval=metrics.wilson_interval(right, len(truth)),
        macro_f1=metrics.macro_f1_of(counts),
        macro_f1_interval=metrics.macro_f1_interval(counts),
        runtime=runtime,
    )


def _seed_scores(model: Path, rows: _Rows, runtime: Literal["int8", "float"]) -> list[SeedScore]:
    folders = find_seeds(model)
    if len(folders) == 1:
        return []
    truth = [example.label_id for example in rows.examples]
    texts = [example.text for example in rows.examples]
    scores = []
    for path in folders:
        folder, card = read_card(path)
        predicted = [p.label_id for p in _classifier(folder, card, runtime)(texts)]
        scores.append(
            SeedScore(
                seed=card.training.seed,
                score=_score(truth, predicted, runtime),
                model_digest=card.digest,
            )
        )
    return scores


def _write(report: EvaluationReport, folder: Path) -> None:
    from newsclf.evaluation.charts import confusion_svg, reliability_svg
    from newsclf.evaluation.page import render_page

    write_text(folder / "confusion.svg", confusion_svg(report.confusion))
    write_text(folder / "reliability.svg", reliability_svg(report.calibration))
    write_text(folder / "report.html", render_page(report))
    write_text(folder / "report.json", report.model_dump_json(indent=2) + "\n")
