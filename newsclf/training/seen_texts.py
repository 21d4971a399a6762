"""Record of the texts that a model was trained and validated on, as hashes.

    seen-texts.txt   one line a text, sorted: 16 hexadecimal digits, a blank, `training` or
                     `validation`

The digits are the first 8 bytes of the SHA-256 of the normalised text, so the file tells whether a
given headline was used, without containing any. Its digest is in the card.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, cast

from newsclf.common.errors import ConfigError, ModelError, reason_of
from newsclf.common.files import write_text
from newsclf.data.examples import Example, Split, counted, normalised
from newsclf.model.directory import check_files, read_digests

SEEN_FILE = "seen-texts.txt"
_HASH_DIGITS = 16
Part = Literal["training", "validation"]
SeenTexts = Mapping[str, Part]
"""Hash of a text → the part in which it stood."""


def write_seen_texts(
    folder: Path,
    parts: Split,
    calibrated_on: Sequence[Example] = (),
    unlabelled: Sequence[str] = (),
    others: SeenTexts | None = None,
) -> None:
    """Write the hashes of the training and validation texts.

    Args:
        folder: The model directory.
        parts: Parts of the data.
        calibrated_on: Further rows, which count as validation texts.
        unlabelled: Texts that a teacher labelled, which count as training texts.
        others: Texts that base or teacher have seen, which pass on what they learnt of them.
    """
    validation = (*parts.validation, *calibrated_on)
    training = (*(example.text for example in parts.train), *unlabelled)
    of_hash = dict(others or {})
    of_hash |= {_hash(text): "training" for text in training}
    of_hash |= {_hash(example.text): "validation" for example in validation}
    of_hash |= {text: part for text, part in (others or {}).items() if part == "training"}
    write_text(folder / SEEN_FILE, "".join(f"{h} {part}\n" for h, part in sorted(of_hash.items())))


def read_seen_texts(folder: Path) -> SeenTexts:
    """The record in a model directory.

    Raises:
        ModelError: the file is missing, or is not the one that was written.
    """
    check_files(folder, read_digests(folder), [SEEN_FILE])
    try:
        lines = (folder / SEEN_FILE).read_text(encoding="ascii").splitlines()
        pairs = [line.split(" ") for line in lines]
        return {digits: cast("Part", part) for digits, part in pairs}
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{folder / SEEN_FILE}: cannot be read ({reason_of(error)})",
            hint="copy the directory again, or newsclf train",
        ) from error


def seen_by_origin(folder: Path, held_out: Sequence[Example], *, role: str) -> SeenTexts:
    """The texts that a model has seen, none of which may be in the test part of what comes of it.

    Args:
        folder: The model directory.
        held_out: The test part.
        role: What the model is to the new one: its teacher, or its base.

    Raises:
        ConfigError: the model was trained or validated on one of these rows.
        ModelError: the record of its texts can't be read.
    """
    seen = read_seen_texts(folder)
    known = sum(part_of(seen, example.text) is not None for example in held_out)
    if known:
        raise ConfigError(
            f"{folder}: this {role} was trained on {counted(known, 'row', 'rows')} of the part"
            " that is held out here, so the score of what it passes on would mean nothing",
            hint=f"train the {role} on the same --data, so that both have the same parts",
        )
    return seen


def part_of(seen: SeenTexts, text: str) -> Part | None:
    """The part in which a text of the same letters and digits stood; None for a new one."""
    return seen.get(_hash(text))


def without_seen(examples: Sequence[Example], seen: SeenTexts) -> list[Example]:
    """The examples whose text a model has neither been trained nor validated on."""
    return [example for example in examples if part_of(seen, example.text) is None]


def _hash(text: str) -> str:
    return hashlib.sha256(normalised(text).encode()).hexdigest()[:_HASH_DIGITS]
