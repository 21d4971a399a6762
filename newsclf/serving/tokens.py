"""How many texts are longer than a model reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

_CHUNK_TEXTS = 1024


def count_cut(folder: Path, texts: Sequence[str]) -> tuple[int, int]:
    """Count the texts of which a model in a directory reads only the beginning.

    Returns:
        The number of such texts, and how many tokens the model reads, special ones included.
    """
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    limit = int(config["model_max_length"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    special = tokenizer.num_special_tokens_to_add(is_pair=False)
    # A token holds a byte at least, so most headlines need not be counted.
    long = [text for text in texts if len(text.encode()) + special > limit]
    count = 0
    for start in range(0, len(long), _CHUNK_TEXTS):
        encodings = tokenizer.encode_batch_fast(long[start : start + _CHUNK_TEXTS])
        count += sum(len(encoding.ids) > limit for encoding in encodings)
    return count, limit
