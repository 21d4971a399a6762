"""Fine-tune one or several seeds and write finished model directories."""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from newsclf.core.errors import (
    CheckFailedError,
    ConfigError,
    DataError,
    InterruptedRunError,
    ModelError,
)
from newsclf.core.examples import LabelledData, Split
from newsclf.core.extras import require_extra
from newsclf.core.model_card import CardBase, ModelCard, read_card, write_card
from newsclf.core.model_dir import CARD_FILE, SEEDS_FILE, replace_directory, write_text
from newsclf.core.settings import Settings
from newsclf.core.spread import Spread, spread_of
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.lifecycle.optimize import add_int8
from newsclf.lifecycle.write_model import describe_data, write_model

if TYPE_CHECKING:
    from newsclf.ml.base import Base
    from newsclf.ml.train import EpochResult, FitResult, StepProgress

_REQUEST_FILE = "request.json"
_LOCK_FILE = ".lock"
_PACKAGES = ("torch", "transformers", "onnx", "sklearn", "scipy", "matplotlib")


class TrainRequest(BaseModel):
    """Everything that decides what a training run makes; kept so that it can be resumed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: Settings
    seeds: int = Field(default=1, ge=1)
    """How many seeds, counted from `settings.train.seed`."""
    optimize: bool = True
    overwrite: bool = False
    """Whether a model directory that is there may be replaced."""
    data_digest: str | None = None
    """SHA-256 of the data, once it has been read."""


@dataclass(frozen=True, slots=True)
class TrainWatch:
    """What wants to hear of progress."""

    on_data: Callable[[LabelledData, Split], None]
    on_step: Callable[[StepProgress], None]
    on_epoch: Callable[[int, EpochResult], None]
    """Called with the seed and its epoch's result."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """The cards of the finished models, one a seed, int8 or not."""

    model: Path
    cards: Sequence[ModelCard]
    rows_per_s: float

    @property
    def best(self) -> ModelCard:
        """The seed that was best on validation data; one without an int8 file only if need be."""
        return max(
            self.cards,
            key=lambda card: (
                card.int8_rejected is None,
                card.validation.macro_f1,
                card.validation.accuracy,
            ),
        )

    @property
    def spread(self) -> dict[str, Spread] | None:
        """Validation accuracy and macro-F1 over the seeds; None for a single one."""
        if len(self.cards) == 1:
            return None
        return {
            "accuracy": spread_of([card.validation.accuracy for card in self.cards]),
            "macro_f1": spread_of([card.validation.macro_f1 for card in self.cards]),
        }

    def check_int8(self) -> None:
        """Raise CheckFailedError if a seed's int8 file was not good enough."""
        rejected = [card for card in self.cards if card.int8_rejected]
        if rejected:
            raise CheckFailedError(
                "; ".join(f"seed {card.training.seed}: {card.int8_rejected}" for card in rejected),
                hint="train longer, or loosen optimize.min_agreement and"
                " optimize.max_accuracy_drop",
            )


def work_folder(model: Path) -> Path:
    """Where a run keeps its checkpoints until the model directory is finished."""
    resolved = model.resolve()
    return resolved.with_name(f"{resolved.name}.partial")


def interrupted_request(model: Path) -> TrainRequest:
    """The request of a run that was interrupted.

    Raises:
        ModelError: there is no such run.
    """
    path = work_folder(model) / _REQUEST_FILE
    try:
        request = TrainRequest.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"{work_folder(model)}: no interrupted run to resume",
            hint="newsclf train starts one; --out names another model directory",
        ) from None
    except ValidationError as error:
        raise ModelError(
            f"{path}: not a run of this version of newsclf ({error.errors()[0]['msg']})",
            hint="start again with newsclf train --overwrite",
        ) from error
    # The folder may have been moved, or be named from elsewhere, since.
    settings = request.settings.model_copy(update={"model": model})
    return request.model_copy(update={"settings": settings})


def train(request: TrainRequest, watch: TrainWatch, *, resume: bool = False) -> TrainResult:
    """Train, and put a finished model directory at `settings.model`; nothing half-written.

    An int8 file that is not good enough is left out and the card says so: see
    `TrainResult.check_int8`.

    Raises:
        ConfigError: the model directory or an interrupted run is in the way.
        DataError, DownloadError, ModelError: the data or the base can't be used.
        InterruptedRunError: Ctrl-C; the checkpoints are kept.
    """
    require_extra(*_PACKAGES, extra="train", purpose="training")
    from filelock import FileLock, Timeout

    from newsclf.ml.base import resolve_base

    settings = request.settings
    target, work = settings.model.resolve(), work_folder(settings.model)
    _check_target(request, target, work, resume=resume)
    data = load_data(settings.data)
    parts = split(data, settings.data)
    if request.data_digest not in (None, data.digest):
        raise DataError(
            f"{settings.data.source}: the data has changed since the run was interrupted",
            hint="start again with newsclf train --overwrite",
        )
    watch.on_data(data, parts)
    base = resolve_base(settings.train.base, revision=settings.train.revision)

    work.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work / _LOCK_FILE, timeout=0):
            if not resume:
                _empty(work)
            started = request.model_copy(update={"data_digest": data.digest})
            write_text(work / _REQUEST_FILE, started.model_dump_json(indent=2) + "\n")
            result = _train_seeds(started, watch, data, parts, base)
            _finish(work, target, result)
    except Timeout:
        raise ConfigError(
            f"{work}: another training is under way there",
            hint="wait for it, or name another model directory with --out",
        ) from None
    return result


def _train_seeds(
    request: TrainRequest, watch: TrainWatch, data: LabelledData, parts: Split, base: Base
) -> TrainResult:
    settings, work = request.settings, work_folder(request.settings.model)
    cards, rates = [], []
    for seed in range(settings.train.seed, settings.train.seed + request.seeds):
        folder = work / f"seed-{seed}"
        if folder.exists():  # finished before an interruption
            cards.append(read_card(folder)[1])
            continue
        fitted = _fit_seed(request, seed, parts, base, watch)
        unfinished = work / f"seed-{seed}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        card = write_model(
            unfinished,
            fitted,
            base=CardBase(name=base.name, revision=base.revision),
            data=describe_data(data, parts, settings.data),
            settings=settings.train.model_copy(update={"seed": seed}),
        )
        if request.optimize:
            try:
                card = add_int8(unfinished, card, parts.validation, settings.optimize)
            except CheckFailedError as error:
                card = card.model_copy(update={"int8_rejected": error.message})
                write_card(unfinished, card)
        replace_directory(unfinished, folder)
        shutil.rmtree(_checkpoint(settings.model, seed))
        cards.append(card)
        rates.append(fitted.rows_per_s)
    return TrainResult(settings.model, cards, statistics.fmean(rates) if rates else 0.0)


def _empty(work: Path) -> None:
    for path in work.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != _LOCK_FILE:
            path.unlink()


def _check_target(request: TrainRequest, target: Path, work: Path, *, resume: bool) -> None:
    if target.exists() and not request.overwrite:
        raise ConfigError(
            f"{request.settings.model} already exists",
            hint="add --overwrite to replace it, or name another with --out",
        )
    if target.exists() and not any((target / name).is_file() for name in (CARD_FILE, SEEDS_FILE)):
        raise ConfigError(
            f"{request.settings.model} is not a model directory, and will not be replaced",
            hint="name another with --out",
        )
    if not work.exists() or resume:
        return
    if not any((work / name).exists() for name in (_REQUEST_FILE, _LOCK_FILE)):
        raise ConfigError(
            f"{work} is not newsclf's, and will not be replaced",
            hint="move it, or name another model directory with --out",
        )
    if not request.overwrite:
        raise ConfigError(
            f"{work} holds an interrupted run",
            hint=f"newsclf train --resume --out {request.settings.model}, or drop it with"
            " --overwrite",
        )


def _checkpoint(model: Path, seed: int) -> Path:
    return work_folder(model) / f"seed-{seed}.checkpoint"


def _fit_seed(
    request: TrainRequest, seed: int, parts: Split, base: Base, watch: TrainWatch
) -> FitResult:
    from newsclf.ml.checkpoint import BEST_FILE
    from newsclf.ml.train import fit

    checkpoint = _checkpoint(request.settings.model, seed)
    checkpoint.mkdir(exist_ok=True)
    try:
        return fit(
            parts,
            base,
            request.settings.train.model_copy(update={"seed": seed}),
            checkpoint=checkpoint,
            on_step=watch.on_step,
            on_epoch=lambda result: watch.on_epoch(seed, result),
        )
    except KeyboardInterrupt:
        kept = (
            f"the best checkpoint so far is {checkpoint / BEST_FILE}"
            if (checkpoint / BEST_FILE).is_file()
            else "no epoch was finished"
        )
        raise InterruptedRunError(
            f"training of seed {seed} was interrupted; {kept}",
            hint=f"newsclf train --resume --out {request.settings.model}",
        ) from None


def _finish(work: Path, target: Path, result: TrainResult) -> None:
    seeds = [f"seed-{card.training.seed}" for card in result.cards]
    if len(seeds) == 1:
        replace_directory(work / seeds[0], target)
        shutil.rmtree(work)
        return
    best = f"seed-{result.best.training.seed}"
    write_text(work / SEEDS_FILE, json.dumps({"best": best, "seeds": seeds}, indent=2) + "\n")
    replace_directory(work, target)
    for name in (_REQUEST_FILE, _LOCK_FILE):
        (target / name).unlink()
