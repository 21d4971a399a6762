"""All moments at which making a deployment and its API can be cut off: after each call to AWS."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support.fakeaws.requests import Call
from tests.support.fakeaws.server import FakeAws, Snapshot

PARTS = pytest.mark.parametrize("part", [slice(i, None, 4) for i in range(4)], ids=range(1, 5))
"""Gives each test every fourth case, so that workers can share them."""
STATE = Path(".newsclf")
_READING = ("Get", "List", "Describe", "Head")


@dataclass(frozen=True, slots=True)
class Moment:
    """State of AWS and of the files after a call's work, before its answer arrived."""

    command: int
    """Index into the story's commands."""
    index: int
    """Of the call, within its command."""
    call: Call
    aws: Snapshot
    files: dict[str, bytes]

    def __str__(self) -> str:
        """Position in the story."""
        return f"after call {self.index} of command {self.command}, {self.call}"


def commands(archive: Path) -> list[tuple[object, ...]]:
    """Commands that together create every kind of resource."""
    return [
        (
            "deploy",
            "--archive",
            archive,
            "--instance",
            "ml.c5.large",
            "--max",
            2,
            "--ttl",
            "2h",
            "--budget",
            20,
            "--budget-email",
            "who@example.com",
            "--yes",
        ),
        ("wire-api", "--auth", "api-key"),
    ]


def record_moments(aws: FakeAws, newsclf: Cli, archive: Path) -> list[Moment]:
    """Run the commands once undisturbed and record the moment after each call.

    After a call that only reads AWS is as it was before, so such moments share a snapshot.
    """
    moments: list[Moment] = []
    for number, command in enumerate(commands(archive)):
        aws.forget()

        def keep(index: int, call: Call, number: int = number) -> None:
            last = moments[-1].aws if moments else None
            same = last is not None and is_reading(call) and last.going_on == aws.going_on
            snapshot = last if same and last is not None else aws.save()
            moments.append(Moment(number, index, call, snapshot, read_state()))

        aws.done = keep
        result = newsclf(*command)
        aws.done = lambda _index, _call: None
        assert result.exit_code == 0, result.err
    return moments


def assert_teardown_removes_all(aws: FakeAws, newsclf: Cli) -> None:
    """Tear down what is recorded; nothing may be left on AWS."""
    result = newsclf("teardown")
    assert result.exit_code == 0, result.err
    assert aws.world.left() == []


def is_reading(call: Call) -> bool:
    """Whether a call only reads."""
    return call.operation.startswith(_READING) or call.service == "sagemaker-runtime"


def read_state() -> dict[str, bytes]:
    """Files of the state directory, without locks."""
    return {
        str(path.relative_to(STATE)): path.read_bytes()
        for path in STATE.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def write_state(files: dict[str, bytes]) -> None:
    """Replace the files of the state directory."""
    shutil.rmtree(STATE, ignore_errors=True)
    for name, content in files.items():
        path = STATE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def restore(aws: FakeAws, moment: Moment) -> None:
    """Make AWS and the state directory as they were at a moment."""
    aws.restore(moment.aws)
    write_state(moment.files)
    aws.forget()


def start_command_of(aws: FakeAws, moments: list[Moment], moment: Moment) -> None:
    """Make everything as it was before the command of a moment began."""
    aws.reset()
    shutil.rmtree(STATE, ignore_errors=True)
    before = [each for each in moments if each.command < moment.command]
    if before:
        restore(aws, before[-1])


def different(moments: list[Moment]) -> list[Moment]:
    """Moments at which AWS or the files are not as they were at an earlier one."""
    return _first_of_each(moments, lambda m: (id(m.aws), *sorted(m.files.items())))


def worth_disturbing(moments: list[Moment]) -> list[Moment]:
    """Moments of every call that changes something, and of each kind of reading call the first.

    A command reads many resources by the same operation and the same code.
    """
    return _first_of_each(
        moments, lambda m: (m.command, str(m.call) if is_reading(m.call) else m.index)
    )


def _first_of_each(moments: list[Moment], key: Callable[[Moment], object]) -> list[Moment]:
    found: dict[object, Moment] = {}
    for moment in moments:
        found.setdefault(key(moment), moment)
    return list(found.values())
