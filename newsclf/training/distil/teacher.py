"""A trained model as a teacher: its logits for any texts, computed once and kept."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from newsclf.common.errors import StateError, reason_of
from newsclf.common.files import read_regular, replacing
from newsclf.common.state_dir import private_folder
from newsclf.contract.labels import LABELS
from newsclf.data.examples import Example
from newsclf.model.card import ModelCard, read_card
from newsclf.model.directory import ONNX_FILE, check_files, find_seeds
from newsclf.training.classifier import load_trained, logits_of
from newsclf.training.devices import Compute
from newsclf.training.seen_texts import Part, SeenTexts, seen_by_origin

logger = logging.getLogger(__name__)
_CHECKSUM_BYTES = 32


@dataclass(frozen=True, slots=True)
class Teacher:
    """The models of a directory, one for each seed; together they answer with their mean logits."""

    name: str
    models: Sequence[tuple[Path, ModelCard]]

    @property
    def digest(self) -> str:
        """Identity of the models: that of the card, or SHA-256 over those of several cards."""
        digests = [card.digest for _, card in self.models]
        if len(digests) == 1:
            return digests[0]
        return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def open_teacher(folder: Path, *, name: str | None = None) -> Teacher:
    """Find the models of a directory, and check that their files are what their cards say.

    Args:
        name: The teacher's name, if the folder is a copy under another one.

    Raises:
        ModelError: it holds no model, or other files than its card describes.
    """
    models = [read_card(path) for path in find_seeds(folder)]
    for path, card in models:
        check_files(path, card.files, [name for name in card.files if name != ONNX_FILE])
    return Teacher(name or str(folder), models)


def seen_by(teacher: Teacher, held_out: Sequence[Example]) -> SeenTexts:
    """The texts that a teacher has seen, none of which may be in the student's test part.

    Raises:
        ConfigError: the teacher was trained or validated on one of these rows.
        ModelError: the record of its texts can't be read.
    """
    all_seen: dict[str, Part] = {}
    for path, _ in teacher.models:
        all_seen |= seen_by_origin(path, held_out, role="teacher")
    return all_seen


def teacher_logits(
    teacher: Teacher, texts: Sequence[str], compute: Compute, *, cache: Path
) -> torch.Tensor:
    """What a teacher answers; (n, 3) float32 on the CPU.

    Args:
        compute: Device and precision to run the teacher with.
        cache: Folder in which answers are kept, under the digest of teacher and texts.

    Raises:
        ModelError: the teacher can't be loaded.
    """
    key = hashlib.sha256("\0".join([teacher.digest, compute.precision, *texts]).encode())
    path = cache / key.hexdigest()
    try:
        private_folder(cache)
    except StateError as error:  # what is in there may be somebody else's
        logger.warning("the teacher's answers cannot be kept: %s", error.message)
        return _answers(teacher, texts, compute)
    found = _read(path, len(texts))
    if found is None:
        found = _answers(teacher, texts, compute)
        try:
            with replacing(path) as file:
                answers = found.numpy().tobytes()
                file.write(_checksum(path, answers) + answers)
        except OSError as error:  # the answers are there all the same
            logger.warning("%s: the teacher's answers cannot be kept (%s)", path, reason_of(error))
    return found


def _answers(teacher: Teacher, texts: Sequence[str], compute: Compute) -> torch.Tensor:
    each = [_logits(folder, texts, compute) for folder, _ in teacher.models]
    return torch.stack(each).mean(dim=0)


def _logits(folder: Path, texts: Sequence[str], compute: Compute) -> torch.Tensor:
    model, tokenizer = load_trained(folder)
    model.to(compute.device)  # type: ignore[arg-type] # transformers hides the signature
    with compute.autocast():
        return logits_of(model, tokenizer, texts)


def _read(path: Path, texts: int) -> torch.Tensor | None:
    """Answers of an earlier run; None if there are none, or damaged ones, or others than these."""
    expected = _CHECKSUM_BYTES + texts * len(LABELS) * np.dtype(np.float32).itemsize
    try:
        content = read_regular(path, at_most_bytes=expected, follow=False)
    except OSError:
        return None
    checksum, answers = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
    if len(content) != expected or checksum != _checksum(path, answers):
        return None
    return torch.from_numpy(np.frombuffer(answers, np.float32).reshape(texts, -1).copy())


def _checksum(path: Path, answers: bytes) -> bytes:
    """SHA-256 of answers and their file's name, so that another teacher's are not taken either."""
    return hashlib.sha256(path.name.encode() + answers).digest()
