"""What an encoder or a model says of headlines whose labels it has not learnt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from newsclf.common.errors import ConfigError
from newsclf.model.directory import CARD_FILE, SEEDS_FILE, find_model


def is_model(base: str) -> bool:
    """Whether a base is a model directory, which has learnt some labels."""
    return any((Path(base) / name).is_file() for name in (CARD_FILE, SEEDS_FILE))


def embedded(texts: Sequence[str], base: str, *, known: Sequence[str] = ()) -> NDArray[np.floating]:
    """Features of headlines: (texts and known ones, width).

    Args:
        texts: Headlines whose labels the base must not have learnt.
        base: A model directory, or a base as `train --base` takes it.
        known: Further headlines, which it may have learnt.

    Raises:
        ConfigError: The base has learnt from some of the headlines, or there is no such base.
        DownloadError, ModelError: The base can't be used.
    """
    from newsclf.training.base import resolve_base
    from newsclf.training.embeddings import embeddings

    if is_model(base):
        folder = find_model(Path(base))
        _check_unseen(folder, texts)
        base = str(folder)
    return embeddings(resolve_base(base), [*texts, *known])


def _check_unseen(model: Path, texts: Sequence[str]) -> None:
    """Raise ConfigError if a model has learnt the labels of some headlines by heart."""
    from newsclf.training.seen_texts import part_of, read_seen_texts

    seen = read_seen_texts(model)
    learnt = sum(part_of(seen, text) == "training" for text in texts)
    if learnt:
        raise ConfigError(
            f"{model}: it was trained on {learnt:,} of the {len(texts):,} headlines, so it would"
            " believe their labels",
            hint="name a model that was trained on others, or a base such as minilm",
        )
