"""Tokenised rows, and batches of rows of similar length.

If every row is padded to the longest row of the data, most of a step's arithmetic is padding.
Sorting within pools of shuffled rows avoids nearly all of it, and batches still change from epoch
to epoch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import torch
from transformers import PreTrainedTokenizerBase

from newsclf.common.settings import TrainSettings
from newsclf.contract.labels import LABELS
from newsclf.data.examples import Example

_POOL_BATCHES = 50
_NEUTRAL = LABELS.index("neutral")
_NEIGHBOUR_SHARE = 0.85


@dataclass(frozen=True, slots=True)
class Row:
    """A tokenised headline."""

    token_ids: list[int]
    target: tuple[float, ...] = (0.0,) * len(LABELS)
    """Probability of each of LABELS that the model should give; zeros without a label."""
    weight: float = 1.0
    """Weight of the label in the loss."""
    taught: tuple[float, ...] = (0.0,) * len(LABELS)
    """Logits of the teacher, if there is one."""
    taught_weight: float = 0.0
    """Weight of the teacher in the loss."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of one step, for n rows padded to the longest of them."""

    input_ids: torch.Tensor
    """(n, tokens) int64."""
    mask: torch.Tensor
    """(n, tokens) int64: 1 for tokens, 0 for padding."""
    targets: torch.Tensor
    """(n, 3) float32; rows sum to 1, or are zeros."""
    weights: torch.Tensor
    """(n,) float32."""
    taught: torch.Tensor
    """(n, 3) float32: logits."""
    taught_weights: torch.Tensor
    """(n,) float32."""

    def to(self, device: str) -> Batch:
        """The same batch on a device."""
        names = (field.name for field in fields(self))
        return Batch(*(getattr(self, name).to(device, non_blocking=True) for name in names))


def training_rows(
    tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example], settings: TrainSettings
) -> list[Row]:
    """Tokenise examples, and apply label smoothing and weights of the settings."""
    weight_of = class_weights(examples, settings.class_weights)
    rows = []
    for token_ids, example in zip(
        token_ids_of(tokenizer, [e.text for e in examples]), examples, strict=True
    ):
        smoothing = settings.label_smoothing
        if example.agreement is not None:
            smoothing = settings.agreement_smoothing.get(example.agreement, smoothing)
        weight = settings.extra_weight if example.extra else example.weight
        weight *= weight_of[example.label_id]
        rows.append(Row(token_ids, soft_target(example.label_id, smoothing), weight))
    return rows


def class_weights(examples: Sequence[Example], mode: str) -> list[float]:
    """Weight of a row by its label: ones, or `balanced`: n / (classes that have rows · count).

    Rows are weighed, not the classes of their softened targets: else a rare class would get what
    smoothing gives it in every row of the others, and disputed rows another label than their own.
    """
    counts = [sum(example.label_id == i for example in examples) for i in range(len(LABELS))]
    if mode == "none":
        return [1.0] * len(LABELS)
    present = sum(map(bool, counts))
    return [len(examples) / (present * max(1, count)) for count in counts]


def token_ids_of(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of texts, cut to the tokenizer's `model_max_length`."""
    encoded = tokenizer(list(texts), truncation=True, max_length=tokenizer.model_max_length)
    return list(encoded["input_ids"])


def soft_target(label_id: int, smoothing: float) -> tuple[float, float, float]:
    """A label as probabilities, with `smoothing` shared by the other two classes.

    The classes are ordered: a headline that annotators dispute is hardly ever positive to one and
    negative to another. So an outer class shares most with neutral, and neutral with both alike.
    """
    if label_id == _NEUTRAL:
        return (smoothing / 2, 1 - smoothing, smoothing / 2)
    near, far = smoothing * _NEIGHBOUR_SHARE, smoothing * (1 - _NEIGHBOUR_SHARE)
    return (1 - smoothing, near, far) if label_id < _NEUTRAL else (far, near, 1 - smoothing)


def bucketed(rows: Sequence[Row], batch_size: int, *, seed: int) -> list[list[Row]]:
    """Split rows into shuffled batches of similar length; the same seed gives the same batches."""
    shuffler = random.Random(seed)  # noqa: S311 - a reproducible order, not a secret
    order = list(rows)
    shuffler.shuffle(order)
    pool_size = batch_size * _POOL_BATCHES
    batches = []
    for start in range(0, len(order), pool_size):
        pool = sorted(order[start : start + pool_size], key=lambda row: len(row.token_ids))
        batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
    shuffler.shuffle(batches)
    return batches


def collate(rows: Sequence[Row], *, pad_token_id: int) -> Batch:
    """Pad rows to the longest of them."""
    width = max(len(row.token_ids) for row in rows)
    input_ids = torch.full((len(rows), width), pad_token_id)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for i, row in enumerate(rows):
        input_ids[i, : len(row.token_ids)] = torch.tensor(row.token_ids)
        mask[i, : len(row.token_ids)] = 1
    return Batch(
        input_ids,
        mask,
        torch.tensor([row.target for row in rows]),
        torch.tensor([row.weight for row in rows]),
        torch.tensor([row.taught for row in rows]),
        torch.tensor([row.taught_weight for row in rows]),
    )


def in_length_order(token_ids: Sequence[list[int]], batch_size: int) -> Iterator[list[int]]:
    """Yield batches of indices of similar length, for inference, where order does not matter."""
    order = sorted(range(len(token_ids)), key=lambda i: len(token_ids[i]))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
