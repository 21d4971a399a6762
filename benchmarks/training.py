"""Training speed: our loop against every row padded to 512 tokens in batches of 4."""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from pathlib import Path

import torch
from torch.nn import functional

from benchmarks.headlines import Result
from newsclf.common.machine import available_cores
from newsclf.common.settings import TrainSettings
from newsclf.data.examples import LabelledData, Split
from newsclf.training.base import Base, resolve_base
from newsclf.training.classifier import load_base
from newsclf.training.devices import candidates
from newsclf.training.loop import StepProgress, fit

_OUR_STEPS = 60
_PADDED_STEPS = 10
_PADDED_BATCH = 4
_PADDED_TOKENS = 512


class _EnoughError(Exception):
    """The wanted number of steps is done."""


def against_full_padding(data: LabelledData) -> Result:
    """Rows per second with and without the padding of the reference project."""
    base = resolve_base("minilm")
    plain = TrainSettings(base="minilm", adversarial_step=0.0)
    return Result(
        "training, against padding to 512 at batch 4",
        _ours(data, base, plain),
        _padded(data, base),
        wanted="≥ 8",
    )


def cost_of_the_adversarial_step(data: LabelledData) -> Result:
    """Rows per second of the default recipe, against itself without the adversarial step."""
    base = resolve_base("minilm")
    default = TrainSettings(base="minilm")
    return Result(
        "training with the adversarial step, against without",
        _ours(data, base, default),
        _ours(data, base, default.model_copy(update={"adversarial_step": 0.0})),
    )


def _ours(data: LabelledData, base: Base, settings: TrainSettings) -> float:
    rates: list[float] = []

    def on_step(now: StepProgress) -> None:
        rates.append(now.rows_per_s)
        if now.step == _OUR_STEPS:
            raise _EnoughError

    # Enough rows for the steps, repeated if need be; the end of the epoch is not reached.
    wanted = _OUR_STEPS * settings.batch_size * 2
    rows = list(data.examples) * (1 + wanted // len(data.examples))
    parts = Split(train=rows[:wanted], validation=[], test=[])
    with tempfile.TemporaryDirectory() as checkpoint, suppress(_EnoughError):
        fit(
            parts,
            base,
            settings.model_copy(update={"epochs": 100}),
            checkpoint=Path(checkpoint),
            on_step=on_step,
            on_epoch=lambda _: None,
        )
    return rates[-1]


def _padded(data: LabelledData, base: Base) -> float:
    torch.set_num_threads(available_cores())
    device = candidates(TrainSettings())[0].device
    model, tokenizer = load_base(base, max_tokens=_PADDED_TOKENS)
    model.to(device).train()  # type: ignore[arg-type] # transformers hides the signature
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
    started = time.perf_counter()
    for step in range(_PADDED_STEPS):
        rows = data.examples[step * _PADDED_BATCH : (step + 1) * _PADDED_BATCH]
        inputs = tokenizer(
            [row.text for row in rows],
            padding="max_length",
            truncation=True,
            max_length=_PADDED_TOKENS,
            return_tensors="pt",
        ).to(device)
        labels = torch.tensor([row.label_id for row in rows], device=device)
        loss = functional.cross_entropy(model(**inputs).logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return _PADDED_STEPS * _PADDED_BATCH / (time.perf_counter() - started)
