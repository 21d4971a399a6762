"""Tokenised rows, and batches of rows of about the same length.

Padding every row to the longest of the data makes most of the arithmetic of a step padding; sorting
within a pool of shuffled rows takes nearly all of that away and still changes the batches from
epoch to epoch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from newsclf.core.examples import Example

_POOL_BATCHES = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A tokenised example."""

    token_ids: list[int]
    label_id: int
    weight: float
    """Weight in the loss."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors of one step, for n rows padded to the longest of them."""

    inputs: dict[str, torch.Tensor]
    """`input_ids` and `attention_mask`, (n, tokens) int64."""
    label_ids: torch.Tensor
    """(n,) int64."""
    weights: torch.Tensor
    """(n,) float32."""

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(
            {name: tensor.to(device, non_blocking=True) for name, tensor in self.inputs.items()},
            self.label_ids.to(device, non_blocking=True),
            self.weights.to(device, non_blocking=True),
        )


def tokenise(
    tokenizer: PreTrainedTokenizerBase,
    examples: Sequence[Example],
    *,
    max_tokens: int,
    extra_weight: float = 1.0,
) -> list[Row]:
    """Turn examples into rows of at most `max_tokens` tokens, extra rows at `extra_weight`."""
    encoded = tokenizer(
        [example.text for example in examples], truncation=True, max_length=max_tokens
    )
    return [
        Row(token_ids, example.label_id, extra_weight if example.extra else 1.0)
        for token_ids, example in zip(encoded["input_ids"], examples, strict=True)
    ]


def bucketed(rows: Sequence[Row], batch_size: int, *, seed: int) -> list[list[Row]]:
    """Part rows into shuffled batches of like length; the same seed gives the same batches."""
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
        {"input_ids": input_ids, "attention_mask": mask},
        torch.tensor([row.label_id for row in rows]),
        torch.tensor([row.weight for row in rows]),
    )


def in_length_order(rows: Sequence[Row], batch_size: int) -> Iterator[list[int]]:
    """Yield batches of indices of like length, for inference, where order does not matter."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].token_ids))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
