"""Make the int8 file of a model, and accept it only if it answers like the float model."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from newsclf.common.errors import CheckFailedError, require_extra
from newsclf.common.files import file_digest, naming_full_disk, synced
from newsclf.common.machine import available_cores
from newsclf.common.ownership import ownership_problem
from newsclf.common.settings import DataSettings, OptimizeSettings, Settings
from newsclf.data import headlines
from newsclf.data.examples import Example
from newsclf.data.sources import load_again
from newsclf.data.split import split
from newsclf.model.card import ModelCard, Parity, read_card, write_card
from newsclf.model.directory import ENGINE_FILES, ONNX_FILE, check_files, find_seeds
from newsclf.serving.engines.onnx_runtime import Engine
from newsclf.training.int8 import parity

_SCRATCH = ".optimize-"
_STALE = re.compile(re.escape(_SCRATCH) + "[a-z0-9_]{8}")  # as tempfile names them


def optimize(settings: Settings, *, source: str | None = None) -> list[ModelCard]:
    """Make or remake `model.onnx` of the model at `settings.model`, or of each of its seeds.

    Args:
        source: Present location of the training data, if it has moved.

    Raises:
        ModelError: there is no model, or its files are not what its card says.
        DataError: the data that it was trained on is gone or has changed.
        CheckFailedError: an int8 model differs too much; the previous file is kept. The other
            seeds still get their int8 files.
    """
    cards, rejected = [], []
    for path in find_seeds(settings.model):
        folder, card = read_card(path)
        check_files(folder, card.files, [name for name in card.files if name != ONNX_FILE])
        validation = split(
            *load_again(card.data.settings, digest=card.data.digest, source=source)
        ).validation
        try:
            cards.append(add_int8(folder, card, validation, settings.optimize))
        except Int8RejectedError as error:
            rejected.append((card.training.seed, error.message, error.compared.measured))
    check_rejected(settings.model, rejected)
    return cards


class Compared(NamedTuple):
    """An int8 model beside its float model, on two kinds of text."""

    own: Parity | None
    """On the validation rows of the training data; None if these are the shipped headlines."""
    headlines: Parity
    """On the validation part of the shipped headlines, the kind of text that models are for."""

    @property
    def measured(self) -> list[Parity]:
        """All comparisons that were made."""
        return [each for each in self if each is not None]


class Int8RejectedError(CheckFailedError):
    """The int8 model's answers differ too much from the float model's."""

    def __init__(self, folder: Path, compared: Compared, against: Sequence[str]) -> None:
        kept = "previous model.onnx" if (folder / ONNX_FILE).is_file() else "float model"
        super().__init__(
            f"the int8 model was not accepted: {'; '.join(against)}; the {kept} is kept"
        )
        self.compared = compared


def check_rejected(model: Path, rejected: Sequence[tuple[int, str, Sequence[Parity]]]) -> None:
    """Raise CheckFailedError if int8 models were rejected.

    Args:
        model: The model directory.
        rejected: Seed, reason and measurements.
    """
    if rejected:
        options = parity.accepting_options([each for _, _, found in rejected for each in found])
        raise CheckFailedError(
            "; ".join(f"seed {seed}: {message}" for seed, message, _ in rejected),
            hint=f"newsclf optimize --model {model} {options} accepts it as it is; newsclf evaluate"
            f" --float --model {model} evaluates the float model",
        )


def remove_stale(folder: Path) -> None:
    """Delete scratch folders that a killed run left in a model directory, and nothing else."""
    for stale in folder.glob(f"{_SCRATCH}*"):
        if _STALE.fullmatch(stale.name) and ownership_problem(stale, folder=True) is None:
            shutil.rmtree(stale)


def add_int8(
    folder: Path, card: ModelCard, validation: Sequence[Example], limits: OptimizeSettings
) -> ModelCard:
    """Export, compare on validation rows, and write `model.onnx` and the new card.

    The rows are those of the training data and those of the shipped headlines.

    Raises:
        Int8RejectedError: labels agree too rarely or accuracy falls too far; nothing is changed.
    """
    require_extra("torch", "transformers", "onnx", extra="train", purpose="optimizing")
    from newsclf.training.classifier import classify_float, load_trained
    from newsclf.training.int8.export import export_int8

    remove_stale(folder)
    shipped = headlines.read(DataSettings(source="headlines")).validation or ()
    known = {example.text for example in shipped}
    own = [example for example in validation if example.text not in known]
    texts = [example.text for example in (*own, *shipped)]
    model, tokenizer = load_trained(folder)
    expected = classify_float(model, tokenizer, texts)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_SCRATCH) as scratch_name:
        scratch = Path(scratch_name)
        for name in ENGINE_FILES:
            if name != ONNX_FILE:
                shutil.copy(folder / name, scratch / name)
        candidate = scratch / ONNX_FILE
        with naming_full_disk(folder):
            export_int8(folder, candidate)
        answers = Engine(scratch, threads=available_cores()).classify(texts)
        n = len(own)
        compared = Compared(
            parity.measure(expected[:n], answers[:n], own) if own else None,
            parity.measure(expected[n:], answers[n:], shipped),
        )
        if against := _problems(compared, limits):
            raise Int8RejectedError(folder, compared, against)
        files = card.files | {ONNX_FILE: file_digest(candidate)}
        synced(candidate).replace(folder / ONNX_FILE)
    card = card.model_copy(
        update={
            "files": files,
            "int8": compared.own or compared.headlines,
            "int8_headlines": compared.headlines,
            "int8_rejected": None,
            "int8_rejected_parity": None,
            "int8_rejected_headlines": None,
            "test": None,  # of the previous file
        }
    )
    write_card(folder, card)
    return card


def rejected_card(card: ModelCard, error: Int8RejectedError) -> ModelCard:
    """The card of a model whose int8 file was rejected."""
    return card.model_copy(
        update={
            "int8_rejected": error.message,
            "int8_rejected_parity": error.compared.own,
            "int8_rejected_headlines": error.compared.headlines,
        }
    )


def rejections(card: ModelCard) -> list[Parity]:
    """Measurements of a rejected int8 file; empty for an accepted one."""
    found = (card.int8_rejected_parity, card.int8_rejected_headlines)
    return [each for each in found if each is not None]


def _problems(compared: Compared, limits: OptimizeSettings) -> list[str]:
    """Reasons to reject an int8 model, each with the rows that it is about."""
    found = []
    if compared.own is not None:
        rows = f"{compared.own.rows} validation rows"
        found.append((rows, parity.problems(compared.own, limits)))
    rows = f"{compared.headlines.rows} shipped headlines"
    found.append((rows, parity.problems(compared.headlines, limits, by_chance=True)))
    return [f"of {rows} {'; '.join(against)}" for rows, against in found if against]
