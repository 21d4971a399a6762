"""Commands that cannot write their output or are ended midway: messages and remains."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.conftest import Cli, Result
from tests.support.builders import build_wheels, sample_rows


@pytest.fixture
def model(trained: Path) -> Path:
    """A copy of the trained model, beside its settings."""
    shutil.copytree(trained / "model", "model")
    shutil.copy(trained / "tiny.toml", "tiny.toml")
    return Path("model")


@pytest.fixture
def arguments(model: Path) -> dict[str, list[object]]:
    """Each command that writes, up to the option that says where to."""
    Path("in.txt").write_text("\n".join(text for text, _ in sample_rows()), encoding="utf-8")
    wheels = build_wheels(Path("wheels"), "onnxruntime==1.2.3").resolve()
    return {
        "train": ["--config", "tiny.toml", "--out"],
        "evaluate": ["--model", model, "--out"],
        "package": [model, "--wheels", wheels.parent, "--requirements", wheels, "--out"],
        "predict": ["--model", model, "--input", "in.txt", "--output"],
        "deploy": ["--model", model, "--state-dir"],
        "demo": ["--out"],
    }


OPTIONS = {
    "train": "--out",
    "evaluate": "--out",
    "package": "--out",
    "predict": "--output",
    "deploy": "--state-dir",
    "demo": "--out",
}
REFUSED = {"train": 1, "evaluate": 2, "package": 2, "predict": 2, "deploy": 3, "demo": 1}
"""Exit code of each where a folder cannot be made."""
SUFFIXES = {"package": ".tar.gz", "predict": ".csv"}


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.parametrize("place", ["/proc/x", "file/x"])
@pytest.mark.parametrize("command", OPTIONS)
def test_a_folder_that_cannot_be_made_is_named_with_the_option_for_another(
    newsclf: Cli, arguments: dict[str, list[object]], command: str, place: str
) -> None:
    Path("file").touch()
    before = files_below(Path())

    done = newsclf(command, *arguments[command], place + SUFFIXES.get(command, ""))

    assert done.exit_code == REFUSED[command]
    error, hint = done.err.splitlines()[-2:]
    assert error.startswith("error: ")
    assert place in error
    assert "Errno" not in error
    assert OPTIONS[command] in hint
    assert files_below(Path()) == before


@contextmanager
def full_after(size_bytes: int) -> Iterator[None]:
    """No file may get longer, as on a disk that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("command", ["evaluate", "package", "predict"])
def test_a_disk_that_fills_up_leaves_nothing_behind(
    newsclf: Cli, arguments: dict[str, list[object]], command: str
) -> None:
    place = Path(f"out{SUFFIXES.get(command, '')}")
    before = files_below(Path())

    with full_after(6_000):
        done = newsclf(command, *arguments[command], place)

    assert done.exit_code == 2
    assert "(file too large)\nhint: name another" in done.err
    assert files_below(Path()) - {place} == before
    assert not place.exists() or not list(place.iterdir())


def test_a_state_directory_that_is_full_is_said(
    newsclf: Cli, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fdopen = os.fdopen

    def full(descriptor: int, mode: str) -> IO[Any]:
        if "w" in mode:
            raise OSError(errno.ENOSPC, "No space left on device")
        return fdopen(descriptor, mode)

    monkeypatch.setattr("newsclf.common.files.os.fdopen", full)

    done = newsclf("deploy", "--model", model, "--state-dir", "state")

    assert done.exit_code == 3
    error, hint = done.err.splitlines()[-2:]
    assert error.startswith("error: state/deployments/news.json: ")
    assert "no space left on device" in error
    assert "--state-dir" in hint
    assert not [path for path in Path("state").rglob("*") if path.is_file()]


# --- ended by a signal


@pytest.fixture
def as_by_default() -> Iterator[None]:
    """SIGTERM and SIGHUP as a shell leaves them, whatever runs the tests."""
    before = {each: signal.signal(each, signal.SIG_DFL) for each in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def ended(*_: object, **__: object) -> None:
    """Stand-in for a slow step: the signal arrives in it."""
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.usefixtures("as_by_default")
@pytest.mark.parametrize(
    ("command", "step"),
    [
        ("train", "newsclf.training.loop.fit"),
        ("evaluate", "newsclf.serving.engines.onnx_runtime.Engine.classify"),
        ("evaluate", "newsclf.common.files.os.fdopen"),
        ("package", "newsclf.deploy.package.archive.check_archive"),
        ("package", "newsclf.deploy.package.archive.tarfile.TarFile.addfile"),
        ("predict", "newsclf.serving.engines.onnx_runtime.Engine.classify"),
        ("deploy", "newsclf.deploy.local.process.wait_until_ready"),
    ],
)
def test_sigterm_leaves_nothing_half_done(
    newsclf: Cli,
    arguments: dict[str, list[object]],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    step: str,
) -> None:
    monkeypatch.setattr(step, ended)
    place = Path(f"out{SUFFIXES.get(command, '')}")
    before = files_below(Path())

    done = newsclf(command, *arguments[command], place)

    assert done.exit_code == 143
    assert "interrupted" in done.err.splitlines()[-1]
    left = {path for path in files_below(Path()) - before if path.is_file()}
    assert not {path for path in left if path.suffix != ".log"}, left


@pytest.mark.usefixtures("as_by_default")
def test_sigterm_in_the_demo_tears_its_deployment_down(
    newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def run(_: object, command: str, *__: str) -> None:
        done.append(command)
        if command == "wire-api":
            ended()

    monkeypatch.setattr("newsclf.cli.setup.demo._run", run)

    assert newsclf("demo", "--out", "demo").exit_code == 143
    assert done == ["train", "evaluate", "deploy", "wire-api", "teardown"]


# --- streams


def run_with(streams: str, *arguments: object, **environment: str) -> Result:
    """Run the command line in a process whose streams a shell has prepared."""
    words = [sys.executable, "-c", "from newsclf.cli.main import main; main()"]
    done = subprocess.run(
        ["/bin/bash", "-c", f'"$@" {streams}', "-", *words, *map(str, arguments)],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        (">/dev/full", "error: standard output: no space left on device\n"),
        (">&-", "error: standard output: closed\n"),
        (">&- 2>&-", ""),
        (">&- 2>/dev/full", ""),
    ],
)
def test_a_stdout_that_takes_nothing_is_an_error(streams: str, said: str) -> None:
    done = run_with(streams, "prices", "show", "--region", "us-east-1", "--json")

    assert (done.exit_code, done.err) == (1, said)


def test_help_to_a_full_stdout_is_an_error() -> None:
    done = run_with(">/dev/full", "--help")

    assert (done.exit_code, done.err.splitlines()[0]) == (1, "error: no space left on device")


def test_a_reader_that_leaves_is_no_error() -> None:
    done = run_with("| true; exit ${PIPESTATUS[0]}", "prices", "show")

    assert done.exit_code in (0, 1)
    assert done.err == ""


def test_a_closed_stdin_is_said(model: Path) -> None:
    done = run_with("<&-", "predict", "--model", model, "-")

    assert done.exit_code != 0
    assert "Traceback" not in done.err
    assert done.err.splitlines()[-1].startswith(("error: ", "hint: "))


def test_closed_streams_give_no_number_away(model: Path) -> None:
    done = run_with("<&- 2>&-", "predict", "--model", model, "--json", "Profit rose")

    assert done.exit_code == 0
    assert done.out.startswith("{")


@pytest.mark.parametrize(("encoding", "form"), [("latin-1", ["--json"]), ("ascii", [])])
def test_any_encoding_of_stdout_will_do(model: Path, encoding: str, form: list[str]) -> None:
    done = run_with(
        "",
        "predict",
        "--model",
        model,
        *form,
        "Profit rose to €3 ▏█ 中",
        PYTHONIOENCODING=encoding,
    )

    assert done.exit_code == 0, done.err
    assert r"\u4e2d" in done.out
