"""Fine-tune a sequence classifier: one flat loop, from base model to best checkpoint.

Resuming gives the same result as never having stopped: an epoch's batches and dropout come from a
seed made of the run's seed and the epoch's number, the learning rate from the step's number, and
everything else (weights, their average, optimizer, history) is in the checkpoint that each epoch
ends with. On a CPU with the same number of threads the weights are equal to the bit; on a GPU they
are equal up to the order in which its kernels add.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_model
from sklearn.metrics import accuracy_score, f1_score
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from newsclf.core.contract import LABELS
from newsclf.core.examples import Split
from newsclf.core.settings import TrainSettings
from newsclf.ml.base import Base
from newsclf.ml.batches import Row, bucketed, collate, tokenise
from newsclf.ml.classifier import load_base, logits_of
from newsclf.ml.devices import autocast, pick_device, use_threads

_NARROW_WIDTH = 512
_WIDE_RATE, _NARROW_RATE = 5e-5, 2e-4
_NO_DECAY_BELOW_DIMENSIONS = 2


@dataclass(frozen=True, slots=True)
class StepProgress:
    """Where training stands, after each step."""

    seed: int
    epoch: int
    """Counted from 1."""
    epochs: int
    step: int
    """Steps done in this run of `steps`, resumed ones included."""
    steps: int
    loss: float
    rows_per_s: float


@dataclass(frozen=True, slots=True)
class EpochResult:
    """An epoch's training loss, and its averaged weights on the validation part."""

    epoch: int
    train_loss: float
    validation_loss: float
    accuracy: float
    macro_f1: float

    def better_than(self, other: EpochResult | None) -> bool:
        """Higher macro-F1, or the same with a lower loss."""
        return other is None or (self.macro_f1, -self.validation_loss) > (
            other.macro_f1,
            -other.validation_loss,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """The best checkpoint of a finished run."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    history: Sequence[EpochResult]
    best: EpochResult
    rows_per_s: float
    """Training rows per second of this process, without validation and checkpoints."""
    learning_rate: float
    device: str


def fit(
    split: Split,
    base: Base,
    settings: TrainSettings,
    *,
    checkpoint: Path,
    on_step: Callable[[StepProgress], None],
    on_epoch: Callable[[EpochResult], None],
) -> FitResult:
    """Fine-tune `base` on the training part, choosing the epoch on the validation part.

    Args:
        split: The test part is not looked at.
        checkpoint: A folder for `last.pt` and `best.safetensors`; a run that finds them goes on
            where they end.

    Raises:
        ModelError: the base can't be loaded.
    """
    use_threads(settings.threads)
    device = pick_device(settings.device)
    torch.manual_seed(settings.seed)  # the new classification head starts from it
    model, tokenizer = load_base(base, max_tokens=settings.max_tokens)
    train_rows = tokenise(
        tokenizer,
        split.train,
        max_tokens=settings.max_tokens,
        extra_weight=settings.extra_weight,
    )
    validation_rows = tokenise(tokenizer, split.validation, max_tokens=settings.max_tokens)

    model.to(device)  # type: ignore[arg-type] # transformers hides the signature
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(settings.ema_decay))
    average: PreTrainedModel = averaged.module  # type: ignore[assignment] # a copy of model
    peak_rate = settings.learning_rate or _default_rate(model)
    optimizer = torch.optim.AdamW(_parameter_groups(model, settings.weight_decay), lr=peak_rate)
    class_weights = _class_weights(train_rows, settings.class_weights).to(device)
    pad_token_id = tokenizer.pad_token_id or 0

    steps_per_epoch = -(-len(train_rows) // settings.batch_size)
    steps = steps_per_epoch * settings.epochs
    history, best = _restore(checkpoint, model, averaged, optimizer)
    rows_done, seconds = 0, 0.0

    for epoch in range(len(history) + 1, settings.epochs + 1):
        if best is not None and epoch - 1 - best.epoch >= settings.patience:
            break
        torch.manual_seed(settings.seed + 1_000_003 * epoch)
        model.train()
        loss_sum = 0.0
        batches = bucketed(train_rows, settings.batch_size, seed=settings.seed + 7919 * epoch)
        for i, rows in enumerate(batches):
            started = time.perf_counter()
            step = (epoch - 1) * steps_per_epoch + i
            for group in optimizer.param_groups:
                group["lr"] = peak_rate * rate_factor(step, steps, settings.warmup_fraction)
            batch = collate(rows, pad_token_id=pad_token_id).to(device)
            with autocast(device):
                logits = model(**batch.inputs).logits
            losses = functional.cross_entropy(
                logits.float(),
                batch.label_ids,
                weight=class_weights,
                label_smoothing=settings.label_smoothing,
                reduction="none",
            )
            loss = (losses * batch.weights).sum() / batch.weights.sum().clamp_min(1e-6)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_gradient_norm)
            optimizer.step()
            averaged.update_parameters(model)

            loss_sum += loss.item()
            seconds += time.perf_counter() - started
            rows_done += len(rows)
            on_step(
                StepProgress(
                    settings.seed,
                    epoch,
                    settings.epochs,
                    step + 1,
                    steps,
                    loss_sum / (i + 1),
                    rows_done / seconds,
                )
            )
        result = _validate(average, validation_rows, epoch, loss_sum / len(batches))
        history.append(result)
        if result.better_than(best):
            best = result
            _save_weights(average, checkpoint / "best.safetensors")
        _save_state(checkpoint / "last.pt", model, averaged, optimizer, history)
        on_epoch(result)

    assert best is not None  # settings ask for at least one epoch  # noqa: S101
    load_model(model, str(checkpoint / "best.safetensors"))
    return FitResult(
        model=model.eval(),
        tokenizer=tokenizer,
        history=history,
        best=best,
        rows_per_s=rows_done / seconds if seconds else 0.0,
        learning_rate=peak_rate,
        device=str(device),
    )


def rate_factor(step: int, steps: int, warmup_fraction: float) -> float:
    """Learning rate at a step, as a share of its peak: a linear rise, then a linear fall to 0."""
    warmup = int(steps * warmup_fraction)
    if step < warmup:
        return (step + 1) / warmup
    return (steps - step) / max(1, steps - warmup)


def _default_rate(model: PreTrainedModel) -> float:
    # Narrow models want larger steps; DistilBERT's 5e-5 is Devlin et al. 2019, appendix A.3.
    width = getattr(model.config, "hidden_size", _NARROW_WIDTH)
    return _NARROW_RATE if width < _NARROW_WIDTH else _WIDE_RATE


def _parameter_groups(model: PreTrainedModel, weight_decay: float) -> list[dict[str, Any]]:
    # Biases and layer norms are the parameters with one dimension; decaying them only hurts.
    decayed = [p for p in model.parameters() if p.ndim >= _NO_DECAY_BELOW_DIMENSIONS]
    others = [p for p in model.parameters() if p.ndim < _NO_DECAY_BELOW_DIMENSIONS]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def _class_weights(rows: Sequence[Row], mode: str) -> torch.Tensor:
    """(3,) float32: ones, or `balanced` as in scikit-learn: n / (classes · count)."""
    if mode == "none":
        return torch.ones(len(LABELS))
    counts = torch.bincount(torch.tensor([row.label_id for row in rows]), minlength=len(LABELS))
    return len(rows) / (len(LABELS) * counts.clamp_min(1).float())


def _validate(
    model: PreTrainedModel, rows: Sequence[Row], epoch: int, train_loss: float
) -> EpochResult:
    label_ids = torch.tensor([row.label_id for row in rows])
    logits = logits_of(model, rows)
    predicted = logits.argmax(dim=-1)
    return EpochResult(
        epoch=epoch,
        train_loss=train_loss,
        validation_loss=functional.cross_entropy(logits, label_ids).item(),
        accuracy=float(accuracy_score(label_ids, predicted)),
        macro_f1=float(f1_score(label_ids, predicted, average="macro", zero_division=0)),
    )


def _save_weights(model: PreTrainedModel, path: Path) -> None:
    partial = path.with_suffix(".tmp")
    save_model(model, str(partial))
    partial.replace(path)


def _save_state(
    path: Path,
    model: PreTrainedModel,
    averaged: AveragedModel,
    optimizer: torch.optim.Optimizer,
    history: Sequence[EpochResult],
) -> None:
    partial = path.with_suffix(".tmp")
    state = {
        "model": model.state_dict(),
        "averaged": averaged.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": [asdict(result) for result in history],
    }
    torch.save(state, partial)
    partial.replace(path)


def _restore(
    checkpoint: Path,
    model: PreTrainedModel,
    averaged: AveragedModel,
    optimizer: torch.optim.Optimizer,
) -> tuple[list[EpochResult], EpochResult | None]:
    path = checkpoint / "last.pt"
    if not path.is_file():
        return [], None
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    averaged.load_state_dict(state["averaged"])
    optimizer.load_state_dict(state["optimizer"])
    history = [EpochResult(**result) for result in state["history"]]
    best: EpochResult | None = None
    for result in history:
        if result.better_than(best):
            best = result
    return history, best
