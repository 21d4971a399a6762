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
from newsclf.core.model_card import CardBase, ModelCard
from newsclf.core.model_dir import SEEDS_FILE, replace_directory, write_text
from newsclf.core.settings import Settings
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.lifecycle.optimize import add_int8
from newsclf.lifecycle.write_model import describe_data, write_model

if TYPE_CHECKING:
    from newsclf.ml.base import Base
    from newsclf.ml.train import EpochResult, FitResult, StepProgress

_REQUEST_FILE = "request.json"


class TrainRequest(BaseModel):
    """Everything that decides what a training run makes; kept so that it can be resumed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: Settings
    seeds: int = Field(default=1, ge=1)
    """How many seeds, counted from `settings.train.seed`."""
    optimize: bool = True
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
    """The cards of the finished models, one a seed."""

    model: Path
    cards: Sequence[ModelCard]
    rows_per_s: float

    @property
    def best(self) -> ModelCard:
        """The seed that was best on validation data."""
        return max(
            self.cards, key=lambda card: (card.validation.macro_f1, card.validation.accuracy)
        )


def work_folder(model: Path) -> Path:
    """Where a run keeps its checkpoints until the model directory is finished."""
    return model.with_name(f"{model.name}.partial")


def interrupted_request(model: Path) -> TrainRequest:
    """The request of a run that was interrupted.

    Raises:
        ModelError: there is no such run.
    """
    path = work_folder(model) / _REQUEST_FILE
    try:
        return TrainRequest.model_validate_json(path.read_text(encoding="utf-8"))
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


def train(
    request: TrainRequest, watch: TrainWatch, *, resume: bool = False, overwrite: bool = False
) -> TrainResult:
    """Train, and put a finished model directory at `settings.model`; nothing half-written.

    Raises:
        ConfigError: the model directory or an interrupted run is in the way.
        DataError, DownloadError, ModelError: the data or the base can't be used.
        InterruptedRunError: Ctrl-C; the checkpoints are kept.
        CheckFailedError: the int8 file was not good enough; the float model is kept.
    """
    require_extra("torch", "transformers", extra="train", purpose="training")
    from newsclf.ml.base import resolve_base

    settings = request.settings
    target, work = settings.model, work_folder(settings.model)
    _check_target(target, work, resume=resume, overwrite=overwrite)
    data = load_data(settings.data)
    parts = split(data, settings.data)
    if request.data_digest not in (None, data.digest):
        raise DataError(
            f"{settings.data.source}: the data has changed since the run was interrupted",
            hint="start again with newsclf train --overwrite",
        )
    watch.on_data(data, parts)
    base = resolve_base(settings.train.base, revision=settings.train.revision)

    if not resume:
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    started = request.model_copy(update={"data_digest": data.digest})
    write_text(work / _REQUEST_FILE, started.model_dump_json(indent=2) + "\n")

    first = settings.train.seed
    cards, rates, gate_failure = [], [], None
    for seed in range(first, first + request.seeds):
        folder = work / f"seed-{seed}"
        if (folder / "card.json").is_file():
            cards.append(
                ModelCard.model_validate_json((folder / "card.json").read_text(encoding="utf-8"))
            )
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
                gate_failure = error
        replace_directory(unfinished, folder)
        shutil.rmtree(_checkpoint(target, seed))
        cards.append(card)
        rates.append(fitted.rows_per_s)

    result = TrainResult(target, cards, statistics.fmean(rates) if rates else 0.0)
    _finish(work, target, result)
    if gate_failure:
        raise gate_failure
    return result


def _check_target(target: Path, work: Path, *, resume: bool, overwrite: bool) -> None:
    if target.exists() and not overwrite and not resume:
        raise ConfigError(
            f"{target} already exists",
            hint="add --overwrite to replace it, or name another with --out",
        )
    if target.exists() and not any((target / name).is_file() for name in ("card.json", SEEDS_FILE)):
        raise ConfigError(
            f"{target} is not a model directory, and will not be replaced",
            hint="name another with --out",
        )
    if work.exists() and not resume and not overwrite:
        raise ConfigError(
            f"{work} holds an interrupted run",
            hint=f"newsclf train --resume --out {target}, or drop it with --overwrite",
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
    (work / _REQUEST_FILE).unlink()
    replace_directory(work, target)
