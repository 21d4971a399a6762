"""Embeddings of headlines by a base model, as it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from newsclf.training.base import Base
from newsclf.training.batches import in_length_order, token_ids_of
from newsclf.training.classifier import load_base

_BATCH = 32
_MAX_TOKENS = 128


@torch.inference_mode()
def embeddings(base: Base, texts: Sequence[str]) -> NDArray[np.float32]:
    """Mean of the last layer over the tokens of each headline, scaled to length 1.

    Returns:
        (texts, width of the base).

    Raises:
        ModelError: the base can't be loaded.
    """
    model, tokenizer = load_base(base, max_tokens=_MAX_TOKENS)
    encoder = model.base_model.eval()
    token_ids = token_ids_of(tokenizer, texts) if texts else []
    found = torch.empty(len(texts), model.config.hidden_size)
    for indices in in_length_order(token_ids, _BATCH):
        batch = tokenizer.pad({"input_ids": [token_ids[i] for i in indices]}, return_tensors="pt")
        mask = batch["attention_mask"].unsqueeze(-1)
        hidden = encoder(**batch).last_hidden_state
        mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        found[indices] = torch.nn.functional.normalize(mean, dim=-1)
    return np.asarray(found.numpy())
