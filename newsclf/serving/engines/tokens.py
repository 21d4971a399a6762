"""Tokenizer of a model, which truncates texts first so that long ones cost no more."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from tokenizers import Encoding, Tokenizer

from newsclf.common.errors import ModelError
from newsclf.contract.limits import MAX_READ_CHARACTERS
from newsclf.model.directory import TOKENIZER_FILES

_BATCH_TEXTS = 64
"""Texts that are tokenized together; the truncated rest of all of them is in memory meanwhile."""


class TextTokenizer:
    """A model's tokenizer, with its limit of tokens."""

    def __init__(self, tokenizer: bytes, config: bytes) -> None:
        """Load the contents of TOKENIZER_FILES.

        Raises:
            ValueError: one of them is invalid.
        """
        document = json.loads(config)
        limit = document.get("model_max_length") if isinstance(document, dict) else None
        try:
            self._tokenizer = Tokenizer.from_buffer(tokenizer)
        except Exception as error:  # tokenizers raises plain ones
            raise ValueError(f"tokenizer.json: {error}") from error
        special = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        if type(limit) is not int or not special < limit <= MAX_READ_CHARACTERS:
            raise ValueError(
                f"tokenizer_config.json: model_max_length must be a number of tokens from"
                f" {special + 1} to {MAX_READ_CHARACTERS}, not {limit!r}"
            )
        self.limit = limit
        """Tokens that the model reads, special ones included."""
        self._special = special
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length=limit)

    def encode(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """Token ids of each text, truncated to the model's limit, in the order of the texts."""
        # The ids alone: an encoding also holds the truncated rest.
        return (encoding.ids for encoding in self._encode(texts))

    def count_truncated(self, texts: Sequence[str]) -> int:
        """Count the texts of which the model reads only the beginning."""
        # A token is at least one byte, so most headlines need not be tokenized.
        long = [text for text in texts if len(text.encode()) + self._special > self.limit]
        return sum(
            bool(encoding.overflowing) or len(text) > MAX_READ_CHARACTERS
            for text, encoding in zip(long, self._encode(long), strict=True)
        )

    def _encode(self, texts: Sequence[str]) -> Iterator[Encoding]:
        for start in range(0, len(texts), _BATCH_TEXTS):
            batch = [text[:MAX_READ_CHARACTERS] for text in texts[start : start + _BATCH_TEXTS]]
            yield from self._tokenizer.encode_batch_fast(batch)


def count_cut(folder: Path, texts: Sequence[str]) -> tuple[int, int]:
    """Count the texts of which a model in a directory reads only the beginning.

    Returns:
        The number of such texts, and how many tokens the model reads, special ones included.

    Raises:
        ModelError: the directory has no tokenizer that can be used.
    """
    try:
        tokenizer = TextTokenizer(*((folder / name).read_bytes() for name in TOKENIZER_FILES))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{folder}: the tokenizer can't be loaded ({error})", hint="newsclf train makes another"
        ) from error
    return tokenizer.count_truncated(texts), tokenizer.limit
