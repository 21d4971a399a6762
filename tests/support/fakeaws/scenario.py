"""A deployment's whole making, cut off after each of its calls to AWS."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import Cli
from tests.support.fakeaws.requests import Call
from tests.support.fakeaws.server import FakeAws, Snapshot

STATE = Path(".newsclf")
_READING = ("Get", "List", "Describe", "Head")


@dataclass(frozen=True, slots=True)
class Moment:
    """How everything was when a call had done its work and its answer had not arrived."""

    command: int
    """Index into the story's commands."""
    index: int
    """Of the call, within its command."""
    call: Call
    aws: Snapshot
    files: dict[str, bytes]

    def __str__(self) -> str:
        """Where that is."""
        return f"after call {self.index} of command {self.command}, {self.call}"


def commands(archive: Path) -> list[tuple[object, ...]]:
    """What makes everything that there can be."""
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


def told(aws: FakeAws, newsclf: Cli, archive: Path) -> list[Moment]:
    """Run the commands once, and keep every moment; they must succeed.

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


def is_reading(call: Call) -> bool:
    """Whether a call changes nothing."""
    return call.operation.startswith(_READING) or call.service == "sagemaker-runtime"


def read_state() -> dict[str, bytes]:
    """All files of the state directory but locks."""
    return {
        str(path.relative_to(STATE)): path.read_bytes()
        for path in STATE.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def write_state(files: dict[str, bytes]) -> None:
    """Make the state directory hold these files."""
    shutil.rmtree(STATE, ignore_errors=True)
    for name, content in files.items():
        path = STATE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def put_back(aws: FakeAws, moment: Moment) -> None:
    """Make everything as it was at a moment."""
    aws.restore(moment.aws)
    write_state(moment.files)
    aws.forget()
