"""Settings of the commands, from a TOML file, the environment and flags.

Precedence: flag > `NEWSCLF_<SECTION>_<FIELD>` > TOML file > default. Nothing here is global: a
command loads its settings and hands each function the section that it needs.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from newsclf.common.account_rules import AccountRules
from newsclf.common.errors import ConfigError, reason_of
from newsclf.common.machine import Device, Precision
from newsclf.common.records import StrictRecord
from newsclf.common.state_dir import DEFAULT_STATE_DIR
from newsclf.common.suggestions import did_you_mean
from newsclf.common.validation import describe_problem, misread_numbers, short
from newsclf.contract.labels import LABELS

Fraction = Annotated[float, Field(gt=0, lt=1)]
Agreement = Annotated[
    Literal[50, 66, 75, 100],
    BeforeValidator(lambda value: int(value) if str(value).isdecimal() else value),
]


_VARIABLE = "from the environment"
_FLAG = "on the command line"
_OPTIONS = {
    "source": "--data",
    "labels": "--label",
    "file": "--extra",
    "weight": "--extra-weight",
}
"""Options whose name differs from the field that they set."""


_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}


def _delimiter(value: object) -> object:
    """One character, or the name of one that a shell makes hard to type."""
    found = _DELIMITERS.get(value.lower(), value) if isinstance(value, str) else value
    if isinstance(found, str) and (len(found) != 1 or found in '\r\n"'):
        raise ValueError("should be one character, such as ';', or tab")
    return found


def _encoding(value: object) -> object:
    """A text encoding that Python knows."""
    if isinstance(value, str):
        try:
            "".encode(codecs.lookup(value).name)
        except LookupError:
            raise ValueError(
                "should be an encoding such as utf-8, cp1252, utf-16 or shift_jis"
            ) from None
    return value


def _comma_separated(value: object) -> object:
    """Split the comma-separated list of a flag or variable."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _check_rising(value: tuple[float, float] | None) -> tuple[float, float] | None:
    if value is not None and not value[0] <= value[1]:
        raise ValueError("should be two numbers, the lower one first")
    return value


def _our_class(value: str) -> str:
    if value.casefold() in LABELS:
        return value
    advice = did_you_mean(value.casefold(), LABELS) or f"choose {', '.join(LABELS)}"
    raise ValueError(f"not a class; {advice}")


_STUDENT = re.compile(r"([1-9]\d{0,2})x([1-9]\d{0,4})")


def student_size(student: str) -> tuple[int, int]:
    """Layers and width of a student such as `3x384`.

    Raises:
        ValueError: it is not of that form.
    """
    if (found := _STUDENT.fullmatch(student)) is None:
        raise ValueError("should be layers x width, such as 3x384")
    return int(found[1]), int(found[2])


def _student(value: str) -> str:
    value = value.lower().replace("×", "x")
    student_size(value)
    return value


class ReadingSettings(StrictRecord):
    """How rows are read; unset values are detected from the file, and reported."""

    text_column: str | None = None
    """Column with the headlines; by default `text`, else the only one that is called headline,
    title, sentence or the like."""
    columns: Annotated[tuple[str, ...], BeforeValidator(_comma_separated)] = ()
    """Names of the columns of a CSV or Excel file without a header."""
    delimiter: Annotated[str | None, BeforeValidator(_delimiter)] = None
    """Field delimiter of a CSV file: one character, or `tab`."""
    encoding: Annotated[str | None, BeforeValidator(_encoding)] = None


class DataSettings(ReadingSettings):
    """Which labelled headlines to read, and how they are split."""

    source: str = "phrasebank"
    """`phrasebank`, `headlines`, `sample`, the path of a file or folder, or the id of a Hub data
    set; `+headlines` after it adds the shipped headlines."""
    validation: str | None = None
    """Another source, for early stopping and model choice; by default a part of `source`."""
    test: str | None = None
    """Another source, which is held out; by default a part of `source`."""
    agreement: Agreement = 75
    """PhraseBank: keep sentences on which at least this share of annotators agreed, percent."""
    extra_agreement: Agreement = 50
    """PhraseBank: sentences from this level up to `agreement` become extra training rows; the same
    as `agreement` adds none."""
    label_column: str | None = None
    """Column with the labels; by default `label`, else the only one that is called sentiment,
    class, polarity or the like."""
    labels: dict[str, Annotated[str, AfterValidator(_our_class)]] = Field(default_factory=dict)
    """The file's name of a class → ours, for example {"bearish": "negative"}."""
    score_thresholds: Annotated[
        tuple[float, float] | None, BeforeValidator(_comma_separated), AfterValidator(_check_rising)
    ] = None
    """Where labels are numbers on a scale: below the first is negative, above the second positive,
    and values between are neutral."""
    test_fraction: Fraction = 0.2
    validation_fraction: Fraction = 0.1
    """Share of the training part that is held back for early stopping and model choice."""
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 200


class TrainSettings(StrictRecord):
    """How the classifier is fine-tuned; decision 0003 says how the defaults were chosen."""

    base: str = "distilbert-base-uncased"
    """A Hub id, a folder, or `minilm`."""
    revision: str | None = None
    """Branch, tag or commit of the base on the Hub."""
    student: Annotated[str, AfterValidator(_student)] | None = None
    """Size of a student that is made of the base, as layers × width: `3x384` keeps three layers;
    without it, all are kept."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 6
    patience: Annotated[int, Field(ge=1, le=100_000)] = 5
    """Stop after this many epochs without a better validation macro-F1."""
    batch_size: Annotated[int, Field(ge=1, le=100_000)] = 32
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    """Peak rate of the head; without one, 1e-4, and 2e-4 for bases less than 512 wide."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 0.75
    """Each layer's rate as a share of the rate of the layer above it; 1 turns it off."""
    warmup_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.06
    """Share of all steps over which the rate rises linearly; it then falls linearly to zero."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the target that goes to the other classes, most of it to the neighbouring one."""
    agreement_smoothing: dict[int, Annotated[float, Field(ge=0, lt=1)]] = Field(
        default_factory=lambda: {100: 0.03, 75: 0.12, 66: 0.25, 50: 0.38}
    )
    """The same for rows whose annotators' agreement is known: the less they agreed, the softer."""
    extra_weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Weight in the loss of rows below `data.agreement`."""
    class_weights: Literal["none", "balanced"] = "none"
    adversarial_step: Annotated[float, Field(ge=0)] = 0.2
    """Length of the step by which each headline's embeddings are moved against the model, for a
    second look at it; 0 turns it off and halves the time."""
    max_gradient_norm: Annotated[float, Field(gt=0)] = 1.0
    calibration: Literal["headlines", "own", "none"] = "headlines"
    """Validation rows on which probabilities are calibrated: those of the data and of the shipped
    headlines, those of the data alone, or none."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay per step of the moving average of weights, which is what is kept; 0 turns it off."""
    max_tokens: Annotated[int, Field(ge=8, le=512)] = 256
    """Headlines are cut to this many tokens, in training and in serving."""
    device: Device = "auto"
    """`auto`, here and in `precision`, is what takes the least time for a step on this machine."""
    precision: Precision = "auto"
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """CPU threads; without it, one per core that this process may use."""


class LabelledSettings(StrictRecord):
    """Headlines that `newsclf label` has labelled, to train on beside the main data."""

    file: str | None = None
    """The labelled file; its audit lies beside it and must have met its gate."""
    weight: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Weight of its rows in the loss; rows of the main data have 1."""


class DistilSettings(StrictRecord):
    """What a teacher adds to the training; decision 0073 says how the defaults were chosen."""

    teacher: str | None = None
    """A model directory, whose seeds answer with their mean; or a base, from which a teacher is
    trained first: a Hub id, a folder, or `minilm`."""
    unlabelled: str | None = None
    """A file of headlines without labels, for which the teacher's answers are learnt too."""
    unlabelled_column: str | None = None
    """Its column with the headlines; by default found as in labelled data."""
    unlabelled_rows: Annotated[int, Field(ge=1, le=10**9)] = 8000
    """How many of its headlines are used at most, chosen at random."""
    temperature: Annotated[float, Field(gt=0)] = 2.0
    """Divides the logits of teacher and student where they are compared."""
    weight: Annotated[float, Field(gt=0, le=1)] = 0.8
    """The teacher's share of the loss of a labelled row; the label has the rest, times the weight
    of its row, so the text of a row that weighs little teaches as much as one without a label."""


class OptimizeSettings(StrictRecord):
    """When an int8 model is good enough to replace the float one."""

    min_agreement: Annotated[float, Field(ge=0, le=1)] = 0.99
    """Smallest share of validation rows to which both models give the same label, not counting
    those on which the float model is undecided; one row may always differ."""
    max_accuracy_drop: Annotated[float, Field(ge=0, le=1)] = 0.005
    """Largest fall in validation accuracy, as a fraction, if chance does not explain it."""


class AwsSettings(AccountRules, StrictRecord):
    """Rules of the AWS account, stored with each deployment."""


def _recordable(path: Path) -> Path:
    """Reject names with NUL, or that are not UTF-8."""
    if re.search("[\0\ud800-\udfff]", str(path)):
        raise ValueError("a name that is not UTF-8 cannot be recorded; rename it")
    return path


RecordedPath = Annotated[Path, AfterValidator(_recordable)]


class Settings(StrictRecord):
    """All settings of a command."""

    model: RecordedPath = Path("model")
    """The model directory that `train` writes and the other commands read."""
    state_dir: RecordedPath = DEFAULT_STATE_DIR
    """Where deployments are recorded."""
    data: DataSettings = Field(default_factory=DataSettings)
    train: TrainSettings = Field(default_factory=TrainSettings)
    labelled: LabelledSettings = Field(default_factory=LabelledSettings)
    distil: DistilSettings = Field(default_factory=DistilSettings)
    optimize: OptimizeSettings = Field(default_factory=OptimizeSettings)
    aws: AwsSettings = Field(default_factory=AwsSettings)


def shipped_config(name: str) -> Path:
    """The path of a file or folder of `configs/`: beside the package in a checkout, else in it."""
    package = Path(__file__).parents[1]
    installed = package / "configs" / name
    return installed if installed.exists() else package.parent / "configs" / name


def load_settings(
    path: Path | None,
    *,
    environ: Mapping[str, str],
    flags: Mapping[str, object] | None = None,
) -> Settings:
    """Merge a TOML file, the environment and flags into validated settings.

    Args:
        path: A TOML file, or None for the defaults.
        environ: Environment variables; those named `NEWSCLF_<SECTION>_<FIELD>` are read.
        flags: Section → field → value, or field → value; a value of None means 'not given'.

    Raises:
        ConfigError: The file can't be read, or one of the three sources has an unknown or invalid
            field; the message names the field and the source.
    """
    layers: list[tuple[str, Mapping[str, Any]]] = [
        (f"in {path}", _read_toml(path) if path else {}),
        (_VARIABLE, _from_environment(environ)),
        (_FLAG, flags or {}),
    ]
    merged: Mapping[str, Any] = {}
    for _, layer in layers:
        merged = _merged(merged, layer)
    try:
        found = Settings.model_validate(merged)
        problems: list[Any] = list(misread_numbers(merged, found))
    except ValidationError as error:
        problems = list(error.errors())
    if problems:
        raise ConfigError(
            "; ".join(_describe(problem, layers) for problem in problems),
            hint="configs/default.toml lists every setting with its default",
        )
    return found


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such settings file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {reason_of(error)}") from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    known = {
        f"NEWSCLF_{'_'.join(place)}".upper(): place
        for section in Settings.model_fields
        for place in [[section, field] for field in _fields_at([section])] or [[section]]
    }
    found: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith("NEWSCLF_"):
            continue
        if variable not in known:
            raise ConfigError(
                f"the environment variable {variable} does not name a setting",
                hint=did_you_mean(variable, known)
                or "configs/default.toml lists them: NEWSCLF_<SECTION>_<FIELD>",
            )
        value = _table_or_text(text)
        for part in reversed(known[variable]):
            value = {part: value}
        found = _merged(found, value)
    return found


def _table_or_text(value: str) -> Any:
    """A variable's value: a TOML inline table such as `{ bearish = "negative" }`, or plain text."""
    if not value.lstrip().startswith("{"):
        return value
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        return value


def _merged(base: Mapping[str, Any], layer: Mapping[str, Any]) -> dict[str, Any]:
    """A layer laid over another, table by table; None leaves the value below as it is."""
    merged = dict(base)
    for key, value in layer.items():
        if isinstance(value, Mapping):
            below = merged.get(key, {})
            merged[key] = _merged(below, value) if isinstance(below, Mapping) else below
        elif value is not None:
            merged[key] = value
    return merged


def _describe(problem: Any, layers: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """One problem, with the setting named as the user gave it: an option, a variable, a field."""
    path = [str(part) for part in problem["loc"]]
    dotted = ".".join(path)
    holding = (origin for origin, layer in reversed(layers) if _holds(layer, path))
    origin = next(holding, layers[0][0])
    if problem["type"] == "extra_forbidden":
        advice = did_you_mean(path[-1], _fields_at(path[:-1]))
        return f"{dotted} {origin}: not a setting" + (f"; {advice}" if advice else "")
    value = short(problem["input"])
    label = f"{path[2]}=" if path[:2] == ["data", "labels"] and path[2:] else ""
    given = {
        _FLAG: f"{option_of(path[:2][-1])} {label}{value}",
        _VARIABLE: f"NEWSCLF_{'_'.join(path[:2]).upper()}={label}{value}",
    }
    return f"{given.get(origin, f'{dotted} = {value} {origin}')}: {describe_problem(problem)}"


def _holds(layer: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Whether a layer sets the value at a path, or one that the path leads into."""
    found: Any = layer
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else found
    return found is not None and (not isinstance(found, Mapping) or _merged({}, found) != {})


def option_of(field: str) -> str:
    """The option of the command line that sets a field of a section."""
    return _OPTIONS.get(field) or f"--{field.replace('_', '-')}"


def _fields_at(path: Sequence[str]) -> list[str]:
    """The names of the settings of a section, or of the sections."""
    section: Any = Settings
    for name in path:
        section = section.model_fields[name].annotation
    return list(getattr(section, "model_fields", ()))
