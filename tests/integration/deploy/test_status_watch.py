"""`newsclf status --watch`: changes in a pipe, a drawing on a terminal, and how it ends."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import pytest

from newsclf.deploy.local.target import LocalTarget
from tests.conftest import Cli
from tests.support.processes import started
from tests.support.terminal import opened

NEWSCLF = ("-c", "from newsclf.cli.main import main; main()")
ROOT = Path(__file__).parents[3]


@pytest.fixture
def deployed(trained: Path, newsclf: Cli) -> Iterator[None]:
    """The trained model, served from `model`."""
    shutil.copytree(trained / "model", "model")
    assert newsclf("deploy", "--workers", 1).exit_code == 0
    yield
    LocalTarget(Path(".newsclf")).teardown("news")


def watching(*options: str) -> AbstractContextManager[subprocess.Popen[str]]:
    return started(
        [sys.executable, *NEWSCLF, "status", "--watch", *options],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stdout_of(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def read_block(process: subprocess.Popen[str]) -> list[str]:
    lines: list[str] = []
    while (line := stdout_of(process).readline()) != "\n":
        assert line, lines
        lines.append(line)
    return lines


@pytest.mark.usefixtures("deployed")
def test_in_a_pipe_each_change_is_a_line_of_json(newsclf: Cli) -> None:
    with watching("--json") as process:
        first = json.loads(stdout_of(process).readline())
        newsclf("pause")
        lines = map(json.loads, stdout_of(process))
        second = next(line for line in lines if not line["deployments"][0]["running"])
        process.send_signal(signal.SIGINT)
        rest = stdout_of(process).read()
        assert process.stderr is not None
        err = process.stderr.read()
        assert process.wait(60) == 0, err

    assert first["deployments"][0]["healthy"] is True
    assert second["deployments"][0]["running"] is False
    assert second["at"] > first["at"]
    assert first["errors"] == second["errors"] == []
    assert rest == ""


@pytest.mark.usefixtures("deployed")
def test_without_json_each_change_is_a_block(newsclf: Cli) -> None:
    with watching() as process:
        block = read_block(process)
        newsclf("teardown", "--yes")
        while len(gone := read_block(process)) > 1:
            pass  # it may be seen while it stops
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()

    assert process.returncode == 0, err
    assert "healthy" in block[3]
    assert dt.datetime.fromisoformat(gone[0].strip())
    assert "nothing is deployed" in err


@pytest.mark.usefixtures("deployed")
def test_it_ends_when_its_reader_does() -> None:
    with watching("--json") as process:
        stdout_of(process).readline()
        stdout_of(process).close()
        assert process.wait(timeout=60) == 1
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.usefixtures("deployed")
def test_a_terminal_is_drawn_again(newsclf: Cli) -> None:
    with opened(*NEWSCLF, "status", "--watch", width=100) as terminal:
        terminal.until("healthy")
        newsclf("pause")
        terminal.until("paused; newsclf resume starts it again")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.finish() == 0
        assert "paused" in terminal.raw.rpartition("\x1b[?1049l")[2]  # stays when it has ended


def test_what_is_not_there_is_not_waited_for(newsclf: Cli) -> None:
    result = newsclf("status", "--watch", "--deployment", "other")

    assert result.exit_code == 3
    assert "other" in result.err
