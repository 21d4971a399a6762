"""Make the int8 form of a model, and accept it only if it answers like the float one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from newsclf.core.errors import CheckFailedError
from newsclf.core.examples import Example
from newsclf.core.extras import require_extra
from newsclf.core.machine import available_cores
from newsclf.core.model_card import ModelCard, Parity, read_card, write_card
from newsclf.core.model_dir import ONNX_FILE, check_files, file_digest, find_seeds
from newsclf.core.settings import OptimizeSettings, Settings
from newsclf.data.split import split
from newsclf.lifecycle.card_data import load_card_data
from newsclf.serving import engine

_SCRATCH = ".optimize-"


def optimize(settings: Settings, *, source: str | None = None) -> list[ModelCard]:
    """Make or remake `model.onnx` of the model at `settings.model`, or of each of its seeds.

    Args:
        source: Where the data now is that the model was trained on, if it has moved.

    Raises:
        ModelError: there is no model, or its files are not what its card says.
        DataError: the data that it was trained on is gone or has changed.
        CheckFailedError: the int8 model differs too much; the previous file is kept.
    """
    cards = []
    for path in find_seeds(settings.model):
        folder, card = read_card(path)
        check_files(folder, [name for name in card.files if name != ONNX_FILE])
        validation = split(*load_card_data(card, source=source)).validation
        cards.append(add_int8(folder, card, validation, settings.optimize))
    return cards


def add_int8(
    folder: Path, card: ModelCard, validation: Sequence[Example], limits: OptimizeSettings
) -> ModelCard:
    """Export, compare on validation rows, and put `model.onnx` and the new card in place.

    Raises:
        CheckFailedError: labels agree too rarely or accuracy falls too far; nothing is changed.
    """
    require_extra("torch", "transformers", "onnx", extra="train", purpose="optimizing")
    from newsclf.ml.classifier import classify_float, load_trained
    from newsclf.ml.export import export_int8

    for stale in folder.glob(f"{_SCRATCH}*"):  # of a run that was killed
        shutil.rmtree(stale)
    texts = [example.text for example in validation]
    model, tokenizer = load_trained(folder)
    expected = classify_float(model, tokenizer, texts)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_SCRATCH) as scratch_name:
        scratch = Path(scratch_name)
        for name in engine.FILES:
            if name != ONNX_FILE:
                shutil.copy(folder / name, scratch / name)
        candidate = scratch / ONNX_FILE
        export_int8(folder, candidate)
        answers = engine.Engine(scratch, threads=available_cores()).classify(texts)

        def share(right: Sequence[bool]) -> float:
            return sum(right) / len(right)

        parity = Parity(
            rows=len(texts),
            agreement=share([a.label == b.label for a, b in zip(answers, expected, strict=True)]),
            float_accuracy=share(
                [p.label_id == e.label_id for p, e in zip(expected, validation, strict=True)]
            ),
            int8_accuracy=share(
                [p.label_id == e.label_id for p, e in zip(answers, validation, strict=True)]
            ),
        )
        _check(parity, limits, folder)
        files = card.files | {ONNX_FILE: file_digest(candidate)}
        candidate.replace(folder / ONNX_FILE)
    card = card.model_copy(update={"files": files, "int8": parity, "int8_rejected": None})
    write_card(folder, card)
    return card


def _check(parity: Parity, limits: OptimizeSettings, folder: Path) -> None:
    drop = parity.float_accuracy - parity.int8_accuracy
    if parity.agreement >= limits.min_agreement and drop <= limits.max_accuracy_drop + 1e-12:
        return
    kept = (
        "the previous model.onnx is kept"
        if (folder / ONNX_FILE).is_file()
        else "the float model is kept"
    )
    raise CheckFailedError(
        f"the int8 model was not accepted: on {parity.rows} validation rows its labels agree with"
        f" the float model's on {100 * parity.agreement:.2f} % (at least"
        f" {100 * limits.min_agreement:.2f} % wanted) and accuracy falls by {100 * drop:.2f} points"
        f" (at most {100 * limits.max_accuracy_drop:.2f} wanted); {kept}",
        hint="train longer, or loosen optimize.min_agreement and optimize.max_accuracy_drop",
    )
