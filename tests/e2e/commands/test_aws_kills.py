"""The real command line, killed after or disturbed at each of its calls, then a real teardown.

The same as test_interruptions.py, one process at a time: half an hour on two cores.
"""

from __future__ import annotations

import shutil
import signal
import threading
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support.fakeaws.fixtures import REGION, RealCli, started
from tests.support.fakeaws.scenario import STATE, Moment, commands, put_back, read_state, told
from tests.support.fakeaws.server import FAULTS, LOST, FakeAws

pytestmark = pytest.mark.aws


@pytest.fixture
def moments(aws: FakeAws, newsclf: Cli, archive: Path) -> list[Moment]:
    """Of one undisturbed run."""
    return told(aws, newsclf, archive)


def begin(aws: FakeAws, moments: list[Moment], moment: Moment) -> None:
    """As before the command of a moment."""
    aws.reset()
    shutil.rmtree(STATE, ignore_errors=True)
    before = [each for each in moments if each.command < moment.command]
    if before:
        put_back(aws, before[-1])


def remains(aws: FakeAws, real_cli: RealCli) -> str:
    """What a teardown leaves, and what it says of it; nothing, if it is as it must be."""
    result = real_cli("teardown", "--deployment", "news", "--region", REGION)
    left = [*aws.world.left(), *read_state()]
    return f"{left} {result.err}" if result.exit_code != 0 or left else ""


def killed_at(aws: FakeAws, index: int, *command: object) -> int:
    """Run a command and kill it when the call of this index has done its work; its exit code."""
    ready = threading.Event()

    def kill(i: int, _: object) -> None:
        ready.wait()
        if i == index:
            process.kill()
            process.wait()

    aws.done = kill
    with started(aws, *command) as process:
        ready.set()
        process.communicate()
    aws.done = lambda _index, _call: None
    return process.returncode


def test_killed_after_any_call(
    aws: FakeAws, real_cli: RealCli, archive: Path, moments: list[Moment]
) -> None:
    wrong = []
    for moment in moments:
        begin(aws, moments, moment)
        code = killed_at(aws, moment.index, *commands(archive)[moment.command])
        assert code == -signal.SIGKILL, f"{moment}: it ended before"
        if found := remains(aws, real_cli):
            wrong.append(f"{moment}: {found}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("fault", [*FAULTS, LOST])
def test_disturbed_at_any_call(
    aws: FakeAws, real_cli: RealCli, archive: Path, moments: list[Moment], fault: str
) -> None:
    wrong = []
    for moment in moments:
        begin(aws, moments, moment)
        at = moment.index
        aws.fault = lambda index, _, at=at: fault if index == at else None  # type: ignore[misc]
        result = real_cli(*commands(archive)[moment.command])
        aws.fault = lambda _index, _call: None
        if "Traceback" in result.err or (fault != "denied" and result.exit_code != 0):
            wrong.append(f"{moment}: {result.err}")
        if found := remains(aws, real_cli):
            wrong.append(f"{moment}: {found}")
    assert not wrong, "\n".join(wrong)
