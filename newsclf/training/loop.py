"""Fine-tune a sequence classifier: the training loop, from base model to the best checkpoint.

Resuming gives the same result as never having stopped: an epoch's batches and dropout come from a
seed made of the run's seed and the epoch's number, the learning rate from the step's number, and
everything else (weights, their average, optimizer, history) is in the checkpoint that each epoch
ends with. On a CPU with the same number of threads the weights are equal to the bit; on a GPU they
are equal up to the order in which its kernels add.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from newsclf.common.errors import ConfigError
from newsclf.common.machine import available_cores
from newsclf.common.settings import TrainSettings
from newsclf.data.examples import Example, Split
from newsclf.model.card import CardStudent
from newsclf.training.base import Base
from newsclf.training.batches import Batch, bucketed, collate, training_rows
from newsclf.training.checkpoint import (
    EpochResult,
    TrainingState,
    load_best,
    load_state,
    save_best,
    save_state,
)
from newsclf.training.classifier import logits_of, scores_of
from newsclf.training.devices import Compute, candidates
from newsclf.training.distil.lesson import Lesson
from newsclf.training.distil.student import load_start
from newsclf.training.loss import Loss
from newsclf.training.schedule import default_rate, parameter_groups, rate_factor, set_rates


@dataclass(frozen=True, slots=True)
class StepProgress:
    """Progress of a training, after each step."""

    seed: int
    epoch: int
    """Counted from 1."""
    epochs: int
    step: int
    """Steps done in this run of `steps`, resumed ones included."""
    steps: int
    loss: float
    rows_per_s: float


def epoch_to_keep(history: Sequence[EpochResult], validation_rows: int) -> EpochResult | None:
    """The latest epoch that is not clearly worse than the best one before it; None for no epochs.

    A few hundred validation rows cannot tell neighbouring epochs apart, and the later one has the
    more settled weights, since the learning rate falls to zero. So an epoch is kept unless its
    macro-F1 is more than a standard error (of a share, at the best value) below the best so far:
    the one-standard-error rule of Breiman et al. 1984.
    """
    kept, top = None, 0.0
    for result in history:
        top = max(top, result.macro_f1)
        if result.macro_f1 >= top - (top * (1 - top) / validation_rows) ** 0.5:
            kept = result
    return kept


def epochs_without_progress(history: Sequence[EpochResult]) -> int:
    """How many epochs have passed since the highest macro-F1."""
    top = max(history, key=lambda result: result.macro_f1, default=None)
    return len(history) - top.epoch if top else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """The checkpoint that a finished run keeps."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    history: Sequence[EpochResult]
    kept: EpochResult
    rows_per_s: float
    """Training rows per second of this process, without validation and checkpoints."""
    learning_rate: float
    device: str
    student: CardStudent | None
    """What was kept of the base; None for all of it."""


def fit(
    split: Split,
    base: Base,
    settings: TrainSettings,
    *,
    lesson: Lesson | None = None,
    checkpoint: Path,
    on_step: Callable[[StepProgress], None],
    on_epoch: Callable[[EpochResult], None],
) -> FitResult:
    """Fine-tune `base` on the training part, choosing the epoch on the validation part.

    Args:
        split: The test part is not looked at.
        settings: Settings with a device and a precision; for `auto`, the first that there is.
        lesson: Answers of a teacher, which are learnt beside the labels.
        checkpoint: A folder for `last.pt` and `best.safetensors`; a run that finds them resumes
            there.

    Raises:
        ModelError: the base, or the checkpoint to resume from, can't be loaded.
        ConfigError: the training diverges.
    """
    torch.set_num_threads(settings.threads or available_cores())
    compute = candidates(settings)[0]
    torch.manual_seed(settings.seed)  # the new classification head starts from it
    start = load_start(base, settings)
    model, tokenizer = start.model, start.tokenizer
    rows = training_rows(tokenizer, split.train, settings)
    loss = Loss(lesson.settings.temperature if lesson else 1.0)
    if lesson is not None:
        rows = lesson.rows(rows, tokenizer)

    model.to(compute.device)  # type: ignore[arg-type] # transformers hides the signature
    averaged, kept_model = None, model
    if settings.ema_decay:
        averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(settings.ema_decay))
        kept_model = averaged.module  # type: ignore[assignment] # a copy of model
    peak_rate = settings.learning_rate or default_rate(model)
    optimizer = torch.optim.AdamW(parameter_groups(model, settings, peak_rate), fused=True)
    training = TrainingState(model, averaged, optimizer)
    history = load_state(checkpoint, training)
    pace = _Pace()

    for epoch in range(len(history) + 1, settings.epochs + 1):
        if epochs_without_progress(history) >= settings.patience:
            break
        torch.manual_seed(settings.seed + 1_000_003 * epoch)
        model.train()
        loss_sum = 0.0
        batches = bucketed(rows, settings.batch_size, seed=settings.seed + 7919 * epoch)
        steps = len(batches) * settings.epochs
        for i, batch_rows in enumerate(batches):
            step = (epoch - 1) * len(batches) + i
            set_rates(optimizer, rate_factor(step, steps, settings.warmup_fraction))
            with pace.of(len(batch_rows)):
                batch = collate(batch_rows, pad_token_id=tokenizer.pad_token_id or 0)
                loss_sum += _step(training, batch.to(compute.device), loss, settings, compute)
            place = (settings.seed, epoch, settings.epochs, step + 1, steps)
            on_step(StepProgress(*place, loss_sum / (i + 1), pace.rows_per_s))
        if not math.isfinite(loss_sum):
            raise ConfigError(
                f"epoch {epoch}: the training loss is no longer a finite number",
                hint="start again with --overwrite and a lower --learning-rate",
            )
        result = _validate(kept_model, tokenizer, split.validation, epoch, loss_sum / len(batches))
        history.append(result)
        if epoch_to_keep(history, len(split.validation)) is result:
            save_best(checkpoint, kept_model)
        save_state(checkpoint, training, history)
        on_epoch(result)

    kept = epoch_to_keep(history, len(split.validation))
    assert kept is not None  # settings ask for at least one epoch  # noqa: S101
    load_best(checkpoint, model)
    return FitResult(
        model=model.eval(),
        tokenizer=tokenizer,
        history=history,
        kept=kept,
        rows_per_s=pace.rows_per_s,
        learning_rate=peak_rate,
        device=compute.device,
        student=start.student,
    )


@dataclass(slots=True)
class _Pace:
    """Rows and seconds of the steps so far."""

    rows: int = 0
    seconds: float = 0.0

    @contextmanager
    def of(self, rows: int) -> Iterator[None]:
        """Count these rows, and the time that the block takes."""
        started = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - started
        self.rows += rows

    @property
    def rows_per_s(self) -> float:
        return self.rows / self.seconds if self.seconds else 0.0


def _step(
    training: TrainingState, batch: Batch, loss: Loss, settings: TrainSettings, compute: Compute
) -> float:
    """Change the weights by the gradients of a batch; its loss before that."""
    model = training.model
    model.zero_grad(set_to_none=True)
    before = add_gradients(model, batch, loss, settings.adversarial_step, compute)
    torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_gradient_norm)
    training.optimizer.step()
    if training.averaged is not None:
        training.averaged.update_parameters(model)
    return before


def add_gradients(
    model: PreTrainedModel,
    batch: Batch,
    loss: Loss,
    adversarial_step: float,
    compute: Compute,
) -> float:
    """Add the gradients of a batch's loss to the parameters, and return the loss.

    With an adversarial step the batch is looked at twice: as it is, and with each headline's word
    embeddings moved by that length up the gradient of its loss. Source: the fast gradient method
    of Miyato, Dai & Goodfellow 2017, "Adversarial Training Methods for Semi-Supervised Text
    Classification".
    """
    embed = model.get_input_embeddings()

    def loss_at(embeddings: torch.Tensor) -> torch.Tensor:
        with compute.autocast():
            logits = model(inputs_embeds=embeddings, attention_mask=batch.mask).logits
        return loss.of(logits, batch)

    embeddings = embed(batch.input_ids)
    embeddings.retain_grad()
    at_headlines = loss_at(embeddings)
    at_headlines.backward()
    if adversarial_step and embeddings.grad is not None:
        gradient = embeddings.grad
        length = gradient.flatten(1).norm(dim=1).clamp_min(1e-12)[:, None, None]
        loss_at(embed(batch.input_ids) + adversarial_step * gradient / length).backward()
    return at_headlines.item()


def _validate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: Sequence[Example],
    epoch: int,
    train_loss: float,
) -> EpochResult:
    label_ids = torch.tensor([example.label_id for example in examples])
    logits = logits_of(model, tokenizer, [example.text for example in examples])
    accuracy, macro_f1 = scores_of(logits, label_ids)
    return EpochResult(
        epoch=epoch,
        train_loss=train_loss,
        validation_loss=functional.cross_entropy(logits, label_ids).item(),
        accuracy=accuracy,
        macro_f1=macro_f1,
    )
