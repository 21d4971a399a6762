"""Identification of background processes and of the deployment that each belongs to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from newsclf.deploy.local import process
from newsclf.deploy.records import Process

WITHIN_S = 20
"""Less than a process is given after SIGTERM."""


@dataclass(frozen=True)
class Started:
    """A process as a deployment starts one, its record, and its log."""

    running: psutil.Process
    known: Process
    log: Path


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    log = tmp_path.resolve() / "state" / "run" / "news" / "server.log"
    log.parent.mkdir(parents=True)
    with process.listen(0) as listener:
        known = Process(status="creating", port=listener.getsockname()[1])
        running = process.start(["http.server", "0", "--bind", "127.0.0.1"], listener, log)
    identified = known.model_copy(update=process.identity(running))
    yield Started(running, identified, log)
    process.stop(running)


def shift_the_clock(monkeypatch: pytest.MonkeyPatch, by_s: float) -> None:
    """What psutil sees after the clock was set: the kernel moves the boot time along with it."""
    boot_time_s = psutil.boot_time()
    create_time = psutil.Process.create_time
    monkeypatch.setattr(psutil, "boot_time", lambda: boot_time_s + by_s)
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: create_time(self) + by_s)


def test_a_process_is_found_again(started: Started) -> None:
    assert process.find(started.known, started.log) == started.running
    assert process.listening(started.known, started.log)
    assert process.find_unrecorded(started.known.port, started.log) == started.running
    assert process.log_of_stranger(started.known, started.log) is None


@pytest.mark.parametrize("by_s", [-3600.0, 1.0, 86_400.0])
def test_a_step_of_the_clock_loses_no_process(
    started: Started, monkeypatch: pytest.MonkeyPatch, by_s: float
) -> None:
    shift_the_clock(monkeypatch, by_s)

    assert process.find(started.known, started.log) is not None
    assert process.listening(started.known, started.log)


@pytest.mark.parametrize(
    "changed",
    [
        {"pid": os.getpid()},
        {"pid": -1},
        {"pid": 2**22},
        {"pid": 2**80},
        {"pid": None},
        {"start_ticks": 1},
        {"boot_id": "an earlier one"},
    ],
    ids=["this process", "negative", "unused", "huge", "none", "later start", "other boot"],
)
def test_no_other_process_is_taken_for_it(started: Started, changed: dict[str, object]) -> None:
    other = started.known.model_copy(update=changed)

    assert process.find(other, started.log) is None
    assert not process.listening(other, started.log)


def test_a_process_of_a_copied_state_directory_is_the_original_s(
    started: Started, tmp_path: Path
) -> None:
    shutil.copytree(tmp_path / "state", tmp_path / "copy")
    copied = tmp_path.resolve() / "copy" / "run" / "news" / "server.log"

    assert process.find(started.known, copied) is None
    assert process.find_unrecorded(started.known.port, copied) is None
    assert process.log_of_stranger(started.known, copied) == started.log


def test_a_process_stays_with_a_state_directory_that_is_moved(
    started: Started, tmp_path: Path
) -> None:
    (tmp_path / "state").rename(tmp_path / "moved")
    moved = tmp_path.resolve() / "moved" / "run" / "news" / "server.log"

    assert process.find(started.known, moved) == started.running


def test_a_process_whose_log_was_removed_is_still_known(started: Started) -> None:
    started.log.unlink()

    assert process.find(started.known, started.log) == started.running


def test_a_process_that_has_ended_is_gone(started: Started) -> None:
    process.stop(started.running)

    assert process.find(started.known, started.log) is None


def test_a_process_that_its_parent_does_not_wait_for_is_stopped_at_once() -> None:
    """As where the first process of a container has inherited it."""
    command = (
        "import subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        stopping = threading.Thread(target=process.stop, args=[child], daemon=True)
        stopping.start()
        stopping.join(WITHIN_S)

        assert not stopping.is_alive()
        assert child.status() == psutil.STATUS_ZOMBIE
        parent.communicate()


def test_a_port_that_somebody_else_holds_is_not_listened_on(started: Started) -> None:
    with process.listen(0) as mine:
        other = started.known.model_copy(update={"port": mine.getsockname()[1]})

        assert process.find(other, started.log) is not None
        assert not process.listening(other, started.log)
        assert process.find_unrecorded(other.port, started.log) is None
