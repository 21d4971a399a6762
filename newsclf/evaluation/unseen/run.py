"""Evaluate a model on public test sets: the use case of `newsclf evaluate --on`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from newsclf.common.errors import ConfigError, DataError, require_extra
from newsclf.common.intervals import MeanStd, mean_std
from newsclf.common.suggestions import did_you_mean
from newsclf.common.visible import visible_json
from newsclf.contract.answers import Prediction
from newsclf.data.examples import Example
from newsclf.evaluation.comparison import compared, open_other
from newsclf.evaluation.gates import check_minimum
from newsclf.evaluation.records import Comparison, Gate, SeenRows
from newsclf.evaluation.report_files import UNSEEN_FOLDER, check_writable, write_files
from newsclf.evaluation.rows import Classify, Model, Runtime
from newsclf.evaluation.unseen.catalogue import MEAN, Catalogue, UnseenSet, read_catalogue
from newsclf.evaluation.unseen.fetch import cache_folder, read_files
from newsclf.evaluation.unseen.headlines import Headlines, read_headlines
from newsclf.evaluation.unseen.records import (
    GATED,
    MEASURES,
    SEALED,
    Measures,
    SeedMeasures,
    SetReport,
    SetRows,
    UnseenReport,
)
from newsclf.model.directory import find_seeds
from newsclf.training.seen_texts import SeenTexts, part_of, read_seen_texts, without_seen

logger = logging.getLogger(__name__)
_REPORTED_ERRORS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenRequest:
    """A request to evaluate a model on public test sets."""

    model: Path
    """A model directory, or one with several seeds, each of which is then scored."""
    on: Sequence[str]
    """Names of sets."""
    folder: Path | None = None
    """A folder with the sets' files, under any name."""
    catalogue: Path | None = None
    """Describes the sets; by default the one that ships."""
    cache: Path = field(default_factory=cache_folder)
    """Where downloaded files are kept."""
    runtime: Runtime = "int8"
    gates: Mapping[str, float] = field(default_factory=dict)
    """`SET.MEASURE`, or `unseen.MEASURE` for the mean → minimum."""
    out: Path | None = None
    """Folder for the report; by default one in `model`."""
    include_seen: bool = False
    """Also score headlines that the model was trained or validated on."""
    agreement: bool = False
    """Also measure how often int8 and float give the same label."""
    compare: Path | None = None
    """A second model, for McNemar's test on each set."""


@dataclass(frozen=True, slots=True)
class UnseenEvaluated:
    """A report, and where its files were written."""

    report: UnseenReport
    folder: Path


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A set with the headlines that are scored."""

    unseen: UnseenSet
    headlines: Headlines
    examples: list[Example]
    seen: SeenRows
    shares_with: dict[str, int]
    """Sets before it that count in the mean and share headlines with it, and how many."""


def evaluate_unseen(request: UnseenRequest) -> UnseenEvaluated:
    """Evaluate a model on public test sets and write a report that puts them side by side.

    Nothing is written before everything is computed.

    Raises:
        ConfigError: a set or a gate is unknown; or the report can't be written.
        DataError: a set's file can't be used, or the model has seen all of its headlines.
        DownloadError: a set's file could not be downloaded.
        ModelError: the model can't be used.
    """
    require_extra("sklearn", "scipy", "jinja2", extra="train", purpose="evaluating")
    catalogue = read_catalogue(request.catalogue)
    chosen = catalogue.choose(request.on)
    _check_gates(request.gates, chosen)
    models = [Model.open(folder) for folder in find_seeds(request.model)]
    shown = Model.open(request.model)
    compare = open_other(request.compare) if request.compare else None
    folder = request.out or request.model / UNSEEN_FOLDER
    check_writable(folder, inside_model=request.out is None)
    seen: SeenTexts = {k: v for m in models for k, v in read_seen_texts(m.folder).items()}
    seen_by_other = read_seen_texts(compare.folder) if compare else {}
    prepared: list[_Prepared] = []
    for each in chosen:
        counted = [before.unseen for before in prepared if not before.shares_with]
        prepared.append(_prepare(each, catalogue, request, (seen, seen_by_other), counted))
    opponent = _Opponent(shown, compare, compare.classifier(request.runtime)) if compare else None
    report = _report(request, catalogue, shown, models, prepared, opponent=opponent)
    _write(report, folder)
    return UnseenEvaluated(report, folder)


def _check_gates(gates: Mapping[str, float], chosen: Sequence[UnseenSet]) -> None:
    """Raise ConfigError if a gate names no measure of a chosen set, or its minimum is no share."""
    known = [f"{name}.{m}" for name in (*(each.name for each in chosen), MEAN) for m in GATED]
    for metric, minimum in gates.items():
        if metric not in known:
            raise ConfigError(
                f"--gate {metric}: not a measure of these test sets",
                hint=did_you_mean(metric, known)
                or f"with --on, gates are called SET.MEASURE, with the sets of --on or '{MEAN}' for"
                f" the mean, and a measure of {', '.join(GATED)}",
            )
        check_minimum(metric, minimum)


def _prepare(
    unseen: UnseenSet,
    catalogue: Catalogue,
    request: UnseenRequest,
    seen_by: tuple[SeenTexts, SeenTexts],
    counted: Sequence[UnseenSet],
) -> _Prepared:
    """Read a set, and choose the headlines that the model has not seen.

    Args:
        seen_by: Texts that the model and the one to compare it with have seen.
        counted: Sets that count in the mean so far.
    """
    contents = read_files(catalogue, unseen, folder=request.folder, cache=request.cache)
    if unseen.use == "sealed":
        logger.warning("%s is %s", unseen.title, SEALED)
    headlines = read_headlines(unseen, contents)
    seen, seen_by_other = seen_by
    parts = [part_of(seen, example.text) for example in headlines.agreeing]
    new = without_seen(headlines.agreeing, seen)
    new_to_both = without_seen(new, seen_by_other)
    examples = headlines.agreeing if request.include_seen else new_to_both
    if not headlines.agreeing:
        raise DataError(
            f"{unseen.title}: none of its {headlines.rows:,} rows is a headline with one label",
            hint="leave this set out of --on",
        )
    if not examples:
        raise DataError(
            f"{unseen.title}: no headline is left to score: the model was trained or validated on"
            f" all {len(headlines.agreeing):,} headlines with one label",
            hint="leave this set out of --on, or score them all the same with --include-seen",
        )
    report = SeenRows(
        rows=len(headlines.agreeing),
        training=parts.count("training"),
        validation=parts.count("validation"),
        by_other=len(new) - len(new_to_both),
        left_out=not request.include_seen,
    )
    shares_with = {o.name: count for o in counted if (count := unseen.shared_with(o))}
    return _Prepared(unseen, headlines, examples, report, shares_with)


def _report(
    request: UnseenRequest,
    catalogue: Catalogue,
    shown: Model,
    models: Sequence[Model],
    prepared: Sequence[_Prepared],
    *,
    opponent: _Opponent | None,
) -> UnseenReport:
    from newsclf.evaluation.unseen import scores

    # One model after the other is loaded, and answers all sets.
    of_seed = [_seed_measures(each, prepared, request.runtime) for each in models[1:] and models]
    classify = shown.classifier(request.runtime)
    other = _other_classifier(shown, request) if request.agreement else None
    sets = []
    for i, each in enumerate(prepared):
        logger.info("%s: %s headlines", each.unseen.title, f"{len(each.examples):,}")
        found = _set_report(each, classify, other, opponent)
        found = found.model_copy(
            update={
                "known_to_base": any(
                    catalogue.has_seen(base, each.unseen.name) for base in shown.card.bases
                ),
                "seeds": [seed[i] for seed in of_seed],
                "spread": _spread([seed[i].values for seed in of_seed]),
            }
        )
        sets.append(found)
    counted = [each for each in sets if each.in_mean]
    mean = {m: scores.mean_of([getattr(s.measures, m) for s in counted]) for m in MEASURES}
    report = UnseenReport(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=request.model.resolve().name,
        model_digest=shown.card.digest,
        base=shown.card.base.name,
        trained_on=shown.card.data.name,
        runtime=request.runtime,
        sets=sets,
        mean=mean,
        mean_seeds=_spread([_mean_values(counted, i) for i in range(len(of_seed))]),
        gates=[],
    )
    return report.model_copy(update={"gates": _gates(request.gates, report)})


def _other_classifier(model: Model, request: UnseenRequest) -> Classify:
    return model.classifier("float" if request.runtime == "int8" else "int8")


def _set_report(
    prepared: _Prepared, classify: Classify, other: Classify | None, opponent: _Opponent | None
) -> SetReport:
    """A set's report for one model."""
    from newsclf.evaluation import metrics
    from newsclf.evaluation.confidence import risk_coverage
    from newsclf.evaluation.unseen import scores

    unseen, headlines, examples = prepared.unseen, prepared.headlines, prepared.examples
    development = unseen.use == "development"
    texts = [each.text for each in examples]
    predictions = classify(texts)
    truth, predicted = [each.label_id for each in examples], _labels_of(predictions)
    conflicting = classify([h.text for h in headlines.conflicting]) if headlines.conflicting else []
    errors = metrics.confident_errors(examples, predictions, _REPORTED_ERRORS)
    return SetReport(
        **unseen.model_dump(
            include={
                *("name", "title", "kind", "use", "repository"),
                *("commit", "licence", "citation", "mapping"),
            }
        ),
        digests={file.path: file.sha256 for file in unseen.files},
        rows=SetRows(
            rows=headlines.rows,
            merged=headlines.merged,
            left_out=headlines.left_out,
            repaired=headlines.repaired,
            cleaned=headlines.cleaned,
            damaged=headlines.damaged,
        ),
        seen=prepared.seen,
        known_to_base=False,
        in_mean=not prepared.shares_with,
        shares_with=prepared.shares_with,
        measures=scores.measure(truth, predictions),
        classes=metrics.class_scores(truth, predicted),
        confusion=metrics.confusion(truth, predicted),
        calibration=metrics.calibration(truth, predictions),
        risk_coverage=risk_coverage(truth, predictions) if development else None,
        conflicting=scores.answers_to_conflicting(headlines.conflicting, conflicting),
        int8_agreement=scores.agreement(predicted, _labels_of(other(texts))) if other else None,
        comparison=opponent.comparison(prepared, predicted) if opponent else None,
        errors=errors if development else [],
        seeds=[],
        spread={},
    )


@dataclass(frozen=True, slots=True)
class _Opponent:
    """A second model on the same headlines."""

    shown: Model
    model: Model
    classify: Classify

    def comparison(self, prepared: _Prepared, predicted: Sequence[int]) -> Comparison:
        """McNemar's test on a set; of a sealed one without its headlines."""
        others = _labels_of(self.classify([each.text for each in prepared.examples]))
        found = compared(self.shown, self.model, prepared.examples, predicted, others)
        sealed = prepared.unseen.use == "sealed"
        return found.model_copy(update={"differences": []}) if sealed else found


def _labels_of(predictions: Sequence[Prediction]) -> list[int]:
    return [prediction.label_id for prediction in predictions]


def _seed_measures(
    model: Model, prepared: Sequence[_Prepared], runtime: Runtime
) -> list[SeedMeasures]:
    """The measures of one seed on each set."""
    from newsclf.evaluation.unseen import scores

    classify = model.classifier(runtime)
    logger.info("seed %d", model.card.training.seed)
    found = []
    for each in prepared:
        predictions = classify([example.text for example in each.examples])
        measures = scores.measure([example.label_id for example in each.examples], predictions)
        found.append(
            SeedMeasures(
                seed=model.card.training.seed,
                model_digest=model.card.digest,
                values=_values(measures),
            )
        )
    return found


def _values(measures: Measures) -> dict[str, float]:
    intervals = {name: getattr(measures, name) for name in MEASURES}
    return {name: each.value for name, each in intervals.items() if each.value is not None}


def _mean_values(sets: Sequence[SetReport], seed: int) -> dict[str, float]:
    """The means over the sets of one seed's measures."""
    values = [each.seeds[seed].values for each in sets]
    known = {name: [v[name] for v in values if name in v] for name in MEASURES}
    return {name: sum(found) / len(found) for name, found in known.items() if found}


def _spread(values: Sequence[Mapping[str, float]]) -> dict[str, MeanStd]:
    """Mean and deviation of each measure that all of several seeds have."""
    names = [name for name in MEASURES if values and all(name in each for each in values)]
    return {name: mean_std([each[name] for each in values]) for name in names}


def _gates(gates: Mapping[str, float], report: UnseenReport) -> list[Gate]:
    """Gates with their values.

    Raises:
        ConfigError: A measure has no value, such as the sign of a set without polar headlines.
    """
    sets, found = {each.name: each for each in report.sets}, []
    for metric, minimum in gates.items():
        name, _, measure = metric.partition(".")
        value = report.mean_value(measure) if name == MEAN else sets[name].value(measure)
        if value is None:
            raise ConfigError(
                f"--gate {metric}: it has no value, since no headline counts for it",
                hint="drop this gate",
            )
        found.append(Gate(metric=metric, minimum=minimum, value=value))
    return found


def _write(report: UnseenReport, folder: Path) -> None:
    from newsclf.evaluation.unseen.report.page import render_page

    files = {
        "report.html": render_page(report),
        "report.json": visible_json(report.model_dump_json(indent=2)) + "\n",
    }
    write_files(folder, files)
