"""Fixtures that every test may use; builders of small files and models are in `builders.py`."""

from __future__ import annotations

import functools
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import hypothesis.configuration
import pytest
import typer.main

from newsclf.cli.main import main
from tests.support.models import tiny_models

# A test's working folder is a temporary one: what Hypothesis keeps is at home in the project's.
hypothesis.configuration.set_hypothesis_home_dir(Path(__file__).parents[1] / ".hypothesis")
# How long a step takes is the machine's affair; make bench measures.
hypothesis.settings.register_profile("newsclf", deadline=None)
hypothesis.settings.load_profile("newsclf")

pytest_plugins = ("tests.support.fakeaws.fixtures", "tests.support.records")


@dataclass(frozen=True)
class Result:
    """Exit code and output of a run of the command line."""

    exit_code: int
    out: str
    err: str


Cli = Callable[..., Result]
# Typer builds all commands anew for each run, which takes longer than most commands.
_built_once = functools.cache(typer.main.get_command)


@pytest.fixture(autouse=True)
def _clean_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Isolate a test: no settings of the developer, an empty working folder, Ctrl-C works."""
    for name in list(os.environ):
        if name.startswith(("NEWSCLF_", "AWS_", "HF_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    handlers = list(logging.getLogger().handlers)
    # What a shell starts in the background ignores the first, what nohup starts the second.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    hung_up = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, before)
    signal.signal(signal.SIGHUP, hung_up)
    logging.getLogger().handlers = handlers


@pytest.fixture
def newsclf(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Run the real command line in this process, error boundary included."""
    monkeypatch.setattr(typer.main, "get_command", _built_once)

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
def tiny_base(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A randomly initialised DistilBERT of a few kilobytes, with a vocabulary of the sample."""
    return tiny_models(pytestconfig, tmp_path_factory.getbasetemp()) / "base"


@pytest.fixture(scope="session")
def trained(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the tiny model, `model`, and of the settings that trained it, `tiny.toml`.

    It is a copy, so that no test can spoil the model for later runs.
    """
    kept = tiny_models(pytestconfig, tmp_path_factory.getbasetemp()) / "trained"
    return shutil.copytree(kept, tmp_path_factory.mktemp("models") / "trained")
