"""The real command line in its own process, killed after or disturbed at its calls to AWS.

The same as test_aws_interruptions.py, one process at a time. Teardowns run in this process: the
life cycle has tests of real ones.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support.fakeaws.fixtures import REGION, RealCli, started
from tests.support.fakeaws.scenario import (
    PARTS,
    Moment,
    commands,
    different,
    read_state,
    start_command_of,
    worth_disturbing,
)
from tests.support.fakeaws.server import FAULTS, LOST, FakeAws

pytestmark = pytest.mark.aws


def remains(aws: FakeAws, newsclf: Cli) -> str:
    """Resources and files that a teardown leaves, with its messages; empty if all is well."""
    result = newsclf("teardown", "--deployment", "news", "--region", REGION)
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


@PARTS
def test_killed_after_any_call(
    aws: FakeAws, newsclf: Cli, archive: Path, moments: list[Moment], part: slice
) -> None:
    wrong = []
    for moment in different(moments)[part]:
        start_command_of(aws, moments, moment)
        code = killed_at(aws, moment.index, *commands(archive)[moment.command])
        assert code == -signal.SIGKILL, f"{moment}: it ended before"
        if found := remains(aws, newsclf):
            wrong.append(f"{moment}: {found}")
    assert not wrong, "\n".join(wrong)


@PARTS
@pytest.mark.parametrize("fault", [*FAULTS, LOST])
def test_disturbed_at_any_call(
    aws: FakeAws,
    newsclf: Cli,
    real_cli: RealCli,
    archive: Path,
    moments: list[Moment],
    *,
    fault: str,
    part: slice,
) -> None:
    wrong = []
    for moment in worth_disturbing(moments)[part]:
        start_command_of(aws, moments, moment)
        at = moment.index
        aws.fault = lambda index, _, at=at: fault if index == at else None  # type: ignore[misc]
        result = real_cli(*commands(archive)[moment.command])
        aws.fault = lambda _index, _call: None
        if "Traceback" in result.err or (fault != "denied" and result.exit_code != 0):
            wrong.append(f"{moment}: {result.err}")
        if found := remains(aws, newsclf):
            wrong.append(f"{moment}: {found}")
    assert not wrong, "\n".join(wrong)
