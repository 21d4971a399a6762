"""Measure a model on data that it has not seen."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from newsclf.core.contract import LABELS, Prediction
from newsclf.core.errors import CheckFailedError, ConfigError
from newsclf.core.examples import Example
from newsclf.core.extras import require_extra
from newsclf.core.machine import available_cores
from newsclf.core.model_card import ModelCard, Score, read_card, write_card
from newsclf.core.model_dir import check_files, find_seeds, write_text
from newsclf.core.settings import DataSettings
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
        data: Other data than the held-out part of what the model was trained on; every row of it
            counts.
        use_float: Run the torch model instead of the int8 file.
        gates: Metric → minimum.
        compare: A second model for McNemar's test.
        out: Folder for the report; by default `evaluation` in `model`.

    Raises:
        ConfigError: a gate names no metric.
        ModelError, DataError: the model or the data can't be used.
    """
    require_extra("scipy", "matplotlib", "jinja2", extra="train", purpose="evaluating")
    gates = gates or {}
    for metric in gates:
        if metric not in GATE_METRICS:
            raise ConfigError(
                f"--gate {metric}: no such metric", hint=f"metrics: {', '.join(GATE_METRICS)}"
            )
    folder, card = read_card(model)
    if data is None:
        labelled = load_card_data(card)
        examples = split(labelled, card.data.settings).test
        part: Literal["test", "all"] = "test"
    else:
        labelled = load_data(data)
        examples, part = labelled.examples, "all"
    truth = [example.label_id for example in examples]
    texts = [example.text for example in examples]

    from newsclf.evaluation import bias, metrics

    classify = _classifier(folder, card, use_float=use_float)
    predictions = classify(texts)
    predicted = [prediction.label_id for prediction in predictions]
    right = [p == t for p, t in zip(predicted, truth, strict=True)]
    counts = metrics.confusion(truth, predicted)
    classes = metrics.class_scores(truth, predicted)
    runtime: Literal["int8", "float"] = "float" if use_float else "int8"
    score = _score(truth, predicted, runtime)
    values = {"accuracy": score.accuracy, "macro_f1": score.macro_f1} | {
        f"{metric}.{row.label}": getattr(row, metric)
        for row in classes
        for metric in ("precision", "recall", "f1")
    }
    comparison = None
    if compare is not None:
        other_folder, other_card = read_card(compare)
        others = _classifier(other_folder, other_card, use_float=use_float)(texts)
        comparison = metrics.compare(
            truth, predicted, [p.label_id for p in others], other=str(compare)
        )
    report = EvaluationReport(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=str(model),
        model_digest=card.digest,
        base=card.base.name,
        data=labelled.name,
        data_digest=labelled.digest,
        part=part,
        score=score,
        classes=classes,
        confusion=counts,
        calibration=metrics.calibration(truth, predictions),
        by_length=metrics.slices(examples, right, metrics.length_name),
        by_agreement=metrics.slices(examples, right, metrics.agreement_name),
        errors=metrics.confident_errors(examples, predictions),
        bias=bias.probe(texts, predictions, classify),
        comparison=comparison,
        gates=[Gate(metric=m, minimum=low, value=values[m]) for m, low in gates.items()],
        seeds=_seed_scores(model, examples, runtime),
    )
    target = out or model / "evaluation"
    _write(report, target)
    if part == "test" and os.access(folder, os.W_OK):
        write_card(folder, card.model_copy(update={"test": score}))
    return Evaluated(report, target)


def check_gates(report: EvaluationReport) -> None:
    """Raise CheckFailedError if a gate of the report was not met."""
    missed = [gate for gate in report.gates if not gate.met]
    if missed:
        raise CheckFailedError(
            "gate not met: "
            + ", ".join(f"{g.metric} is {g.value:.4f}, below {g.minimum:g}" for g in missed),
            hint="the report lists the errors; more or cleaner training data moves most",
        )


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation of at least two values."""
    return statistics.fmean(values), statistics.stdev(values)


def _classifier(folder: Path, card: ModelCard, *, use_float: bool) -> Classify:
    if not use_float:
        check_files(folder, engine.FILES)
        return engine.Engine(folder, threads=available_cores()).classify
    require_extra("torch", "transformers", extra="train", purpose="running the float model")
    check_files(folder, [name for name in card.files if name != engine.MODEL_FILE])
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


def _seed_scores(
    model: Path, examples: Sequence[Example], runtime: Literal["int8", "float"]
) -> list[SeedScore]:
    folders = find_seeds(model)
    if len(folders) == 1:
        return []
    truth = [example.label_id for example in examples]
    scores = []
    for path in folders:
        folder, card = read_card(path)
        predictions = _classifier(folder, card, use_float=runtime == "float")(
            [example.text for example in examples]
        )
        scores.append(
            SeedScore(
                seed=card.training.seed,
                score=_score(truth, [p.label_id for p in predictions], runtime),
                model_digest=card.digest,
            )
        )
    return scores


def _write(report: EvaluationReport, folder: Path) -> None:
    from newsclf.evaluation.charts import confusion_svg, reliability_svg
    from newsclf.evaluation.page import render_page

    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "confusion.svg", confusion_svg(report.confusion))
    write_text(folder / "reliability.svg", reliability_svg(report.calibration))
    write_text(folder / "report.html", render_page(report))
    write_text(folder / "report.json", report.model_dump_json(indent=2) + "\n")
