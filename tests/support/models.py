"""The tiny model that many tests share: trained once, by whichever worker or run needs it first.

It is kept in pytest's cache under a digest of all that it depends on.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from newsclf.data.examples import LabelledData, Split
    from newsclf.model.card import CardDistillation, CardExtra
    from newsclf.training.checkpoint import EpochResult
    from newsclf.training.loop import StepProgress

ROOT = Path(__file__).parents[2]
_SOURCES = ("common", "contract", "data", "evaluation", "model", "reporting", "serving", "training")
_LIBRARIES = ("numpy", "onnx", "onnxruntime", "scikit-learn", "tokenizers", "torch", "transformers")


def tiny_models(config: pytest.Config, scratch: Path) -> Path:
    """Find or make the folder of the base (`base`) and of what was trained from it (`trained`).

    Args:
        config: Its cache keeps the folder for later runs.
        scratch: Used instead where pytest runs without a cache.
    """
    name = f"tiny-model-{_digest()}"
    cache: pytest.Cache | None = getattr(config, "cache", None)  # -p no:cacheprovider
    folder = cache.mkdir(name) if cache else scratch / name
    folder.mkdir(exist_ok=True)
    complete = folder / "complete"
    with FileLock(folder / "lock"):
        if not complete.exists():
            for part in ("base", "trained"):
                shutil.rmtree(folder / part, ignore_errors=True)
            _train(folder)
            complete.touch()
            _remove_old(folder)
    return folder


def _remove_old(folder: Path) -> None:
    """Remove the models of other sources, but not those that a run may still be using."""
    a_day_ago_s = time.time() - 86_400
    for other in folder.parent.glob("tiny-model-*/complete"):
        with suppress(FileNotFoundError):  # another run removes it too
            if other.stat().st_mtime < a_day_ago_s:
                shutil.rmtree(other.parent, ignore_errors=True)


def _digest() -> str:
    """Digest of the sources, the libraries and the machine that decide what the model is."""
    found = hashlib.sha256(f"{ROOT} {platform.machine()} {os.cpu_count()}".encode())
    for library in _LIBRARIES:
        found.update(f"{library} {version(library)}".encode())
    sources = [path for name in _SOURCES for path in (ROOT / "newsclf" / name).rglob("*")]
    helpers = Path(__file__).parent
    for path in [*sorted(sources), helpers / "builders.py", helpers / "models.py"]:
        if path.suffix in {".py", ".csv", ".jinja"}:
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


def tiny_settings(
    base: Path,
    *,
    epochs: int = 8,
    batch_size: int = 32,
    learning_rate: float = 3e-3,
    calibration: str = "none",
) -> str:
    """Settings with which a tiny base learns something of the sample in seconds, as TOML.

    With 120 steps it knows some training rows by heart. It guesses the others, so calibration would
    make it undecided about everything.
    """
    return f"""
[data]
source = "sample"
[train]
base = "{base}"
epochs = {epochs}
batch_size = {batch_size}
learning_rate = {learning_rate}
adversarial_step = 0.0
device = "cpu"
precision = "float32"
calibration = "{calibration}"
threads = 1
[optimize]
min_agreement = 0.9
max_accuracy_drop = 0.1
"""


class Unwatched:
    """Receiver of a training's progress that does nothing with it."""

    def on_data(self, data: LabelledData, parts: Split) -> None:
        """Ignore it."""

    def on_extra(self, extra: CardExtra) -> None:
        """Ignore it."""

    def for_teacher(self, _: int, /) -> Unwatched:
        """Ignore that of the teacher, too."""
        return self

    def on_lesson(self, lesson: CardDistillation) -> None:
        """Ignore it."""

    def on_step(self, now: StepProgress) -> None:
        """Ignore it."""

    def on_epoch(self, seed: int, result: EpochResult) -> None:
        """Ignore it."""


def _train(folder: Path) -> None:
    from newsclf.common.settings import load_settings
    from newsclf.training.folder import TrainRequest
    from newsclf.training.run import train
    from tests.support.builders import build_tiny_base

    base = build_tiny_base(folder / "base")
    trained = folder / "trained"
    trained.mkdir()
    config = trained / "tiny.toml"
    config.write_text(tiny_settings(base), encoding="utf-8")
    settings = load_settings(config, environ={}, flags={"model": trained / "model"})
    train(TrainRequest(settings=settings), Unwatched()).check_int8()
