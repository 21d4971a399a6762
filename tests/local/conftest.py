"""A tiny model, trained once for all tests that serve or measure one."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFIG = """
[data]
source = "sample"
[train]
base = "{base}"
epochs = 4
batch_size = 32
learning_rate = 3e-3
adversarial_step = 0.0
threads = 1
[optimize]
min_agreement = 0.9
max_accuracy_drop = 0.1
"""


@pytest.fixture(scope="session")
def trained(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a model was trained: the folder holds `model`."""
    from newsclf.core.settings import load_settings
    from newsclf.lifecycle.train import TrainRequest, TrainWatch, train

    folder = tmp_path_factory.mktemp("trained")
    config = folder / "tiny.toml"
    config.write_text(CONFIG.format(base=tiny_base), encoding="utf-8")
    settings = load_settings(config, environ={}, flags={"model": folder / "model"})
    silent = TrainWatch(lambda *_: None, lambda _: None, lambda *_: None)
    train(TrainRequest(settings=settings), silent)
    return folder
