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
_LAYERS = 4


@torch.inference_mode()
def embeddings(base: Base, texts: Sequence[str]) -> NDArray[np.float32]:
    """Means of the last four layers over the tokens of each headline, each scaled to length 1.

    The last layer of a base knows what a headline is about; those before it keep more of its tone.

    Returns:
        (texts, 4 × width of the base, or less if it has fewer layers).

    Raises:
        ModelError: the base can't be loaded.
    """
    model, tokenizer = load_base(base, max_tokens=_MAX_TOKENS)
    encoder = model.base_model.eval()
    token_ids = token_ids_of(tokenizer, texts) if texts else []
    layers = min(_LAYERS, model.config.num_hidden_layers)
    found = torch.empty(len(texts), layers, model.config.hidden_size)
    for indices in in_length_order(token_ids, _BATCH):
        batch = tokenizer.pad({"input_ids": [token_ids[i] for i in indices]}, return_tensors="pt")
        mask = batch["attention_mask"].unsqueeze(-1)
        hidden = encoder(**batch, output_hidden_states=True).hidden_states[-layers:]
        means = [(each * mask).sum(dim=1) / mask.sum(dim=1) for each in hidden]
        found[indices] = torch.nn.functional.normalize(torch.stack(means, dim=1), dim=-1)
    return np.asarray(found.flatten(1).numpy())
