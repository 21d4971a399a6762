"""Rehearsal of a training: a base takes every step of the way, on a few rows, before it is trained.

Architectures differ in what they support: attention kernels, positions, operators that ONNX has
and the quantiser knows. Whatever fails, fails here, and not when the training has ended.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from newsclf.common.errors import ModelError
from newsclf.common.files import FULL_DISK, naming_full_disk
from newsclf.common.machine import available_cores
from newsclf.common.settings import TrainSettings
from newsclf.data.examples import Example
from newsclf.model.directory import ONNX_FILE
from newsclf.serving.engines.onnx_runtime import Engine
from newsclf.training.base import Base
from newsclf.training.batches import collate, training_rows
from newsclf.training.calibration.fitting import Correction
from newsclf.training.calibration.head import fold, head_of
from newsclf.training.classifier import classify_float, load_trained
from newsclf.training.devices import Compute, candidates, fastest
from newsclf.training.distil.student import load_start
from newsclf.training.folder import REHEARSAL
from newsclf.training.int8.export import export_int8
from newsclf.training.loop import add_gradients
from newsclf.training.loss import Loss

_ROWS = 4
_RATE = 1e-3
_CORRECTION = Correction(0.9, (0.1, -0.2, 0.1))
_TOLERANCE = 0.1
"""Difference of a probability between the float and the int8 form of the untrained head."""


def rehearse(
    base: Base, rows: Sequence[Example], settings: TrainSettings, work: Path, *, int8: bool
) -> None:
    """Train a base for one step, write it, load it, and with `int8` export it and compare.

    Args:
        base: The base, which is not changed.
        rows: Training rows, of which a few are taken, and one as long as the model reads.
        settings: Those of the training.
        work: Folder for scratch files, which are deleted.
        int8: Whether an int8 file will be made of the trained model.

    Raises:
        ModelError: the base can't be used; the text says at which step.
    """
    # The last has more words than any base reads, so that it is cut where the limit is.
    examples = [*rows[:_ROWS], replace(rows[0], text=" ".join([rows[0].text] * 600))]
    texts = [example.text for example in examples]
    start = load_start(base, settings)
    model, tokenizer = start.model, start.tokenizer
    with tempfile.TemporaryDirectory(dir=work, prefix=REHEARSAL) as scratch:
        folder = Path(scratch)
        with _named(base, "a training step"):
            _step(model, tokenizer, examples, settings, candidates(settings)[0])
            torch.optim.SGD(model.parameters(), _RATE).step()
            model.to("cpu")  # type: ignore[arg-type] # transformers hides the signature
        if settings.calibration != "none":
            with _named(base, "folding a calibration into its head"):
                fold(head_of(model, tokenizer), _CORRECTION)
        with _named(base, "writing and loading the model", work):
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            expected = classify_float(*load_trained(folder), texts)
        if not int8:
            return
        with _named(base, "the int8 export", work):
            export_int8(folder, folder / ONNX_FILE)
            answers = Engine(folder).classify(texts)
    scores = torch.tensor([[each.scores for each in found] for found in (expected, answers)])
    furthest = scores.diff(dim=0).abs().max().item()
    if furthest > _TOLERANCE:
        raise ModelError(
            f"{base.name}: its int8 form answers differently, by {furthest:.2f} in a score, before"
            " any training",
            hint="choose another base, or train with --no-optimize",
        )


def fastest_compute(base: Base, rows: Sequence[Example], settings: TrainSettings) -> Compute:
    """Device and precision on which a training step of a base takes the least time.

    Args:
        rows: Training rows, of which one batch is taken.

    Raises:
        ConfigError: this machine doesn't have the device of the settings.
        ModelError: the base can't be loaded, or trained on any device.
    """
    choices = candidates(settings)
    if len(choices) == 1:
        return choices[0]
    torch.set_num_threads(settings.threads or available_cores())
    start = load_start(base, settings)
    model, tokenizer = start.model, start.tokenizer
    batch = rows[: settings.batch_size]
    with _named(base, "a training step"):
        return fastest(choices, lambda choice: _step(model, tokenizer, batch, settings, choice))
    raise AssertionError


def _step(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Example],
    settings: TrainSettings,
    compute: Compute,
) -> None:
    """Put the gradients of a batch in the model's parameters."""
    model.to(compute.device)  # type: ignore[arg-type] # transformers hides the signature
    model.zero_grad(set_to_none=True)
    batch = collate(
        training_rows(tokenizer, rows, settings), pad_token_id=tokenizer.pad_token_id or 0
    ).to(compute.device)
    loss = Loss()
    add_gradients(model.train(), batch, loss, settings.adversarial_step, compute)


@contextmanager
def _named(base: Base, name: str, work: Path | None = None) -> Iterator[None]:
    try:
        with naming_full_disk(work or Path(tempfile.gettempdir())):
            yield
    except Exception as error:  # torch, transformers and onnxruntime raise many kinds
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            raise  # which is not the base's fault
        lines = str(error).strip().splitlines() or [type(error).__name__]
        known = error.hint if isinstance(error, ModelError) else None
        raise ModelError(
            f"{base.name}: cannot be used as a base, because {name} fails ({lines[0]})",
            hint=known or "choose another base, such as minilm or distilbert-base-uncased",
        ) from error
