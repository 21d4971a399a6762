"""Fixtures that every test may use; builders of small files and models are in `builders.py`."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from newsclf.cli.main import main
from tests.support.builders import build_tiny_base

# How long a step takes is the machine's affair; make bench measures.
hypothesis.settings.register_profile("newsclf", deadline=None)
hypothesis.settings.load_profile("newsclf")

pytest_plugins = ("tests.support.fakeaws.fixtures",)
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


@dataclass(frozen=True)
class Result:
    """What a run of the command line left behind."""

    exit_code: int
    out: str
    err: str


Cli = Callable[..., Result]


@pytest.fixture(autouse=True)
def _clean_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No settings of the developer, an empty folder, an offline Hub, quiet logs, Ctrl-C works."""
    for name in list(os.environ):
        if name.startswith(("NEWSCLF_", "AWS_", "HF_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    handlers = list(logging.getLogger().handlers)
    # What a shell starts in the background ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
    logging.getLogger().handlers = handlers


@pytest.fixture
def newsclf(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Run the real command line in this process, error boundary included."""

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["newsclf", *(str(a) for a in arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as exited:
            main()
        out, err = capfd.readouterr()
        code = exited.value.code
        return Result(code if isinstance(code, int) else 0, out, err)

    return run


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A randomly initialised DistilBERT of a few kilobytes, with a vocabulary of the sample."""
    return build_tiny_base(tmp_path_factory.mktemp("base") / "tiny-distilbert")


@pytest.fixture(scope="session")
def trained(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a tiny model was trained, once for all tests: the folder holds `model`."""
    from newsclf.common.settings import load_settings
    from newsclf.training.folder import TrainRequest
    from newsclf.training.run import TrainWatch, train

    folder = tmp_path_factory.mktemp("trained")
    config = folder / "tiny.toml"
    config.write_text(CONFIG.format(base=tiny_base), encoding="utf-8")
    settings = load_settings(config, environ={}, flags={"model": folder / "model"})
    silent = TrainWatch(lambda *_: None, lambda _: None, lambda *_: None)
    train(TrainRequest(settings=settings), silent)
    return folder
