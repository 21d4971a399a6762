"""`newsclf policy` prints what the commands ask for: no more, no less."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import pytest

from newsclf.targets.aws.policy import COMMANDS, Command, Statement, statements
from tests.aws.conftest import REGION
from tests.aws.proxy.permissions import ACCOUNT, Permission
from tests.aws.proxy.server import FakeAws
from tests.conftest import Cli
from tests.aws.test_life_cycle import JWT


def everything(archive: Path) -> list[tuple[tuple[object, ...], tuple[int, ...]]]:
    """Commands that together make every kind of call, with their exit codes."""
    c5 = ("deploy", "--archive", archive, "--instance", "ml.c5.large", "--yes")
    more = ("--max", 2, "--ttl", "2h", "--budget", 20, "--budget-email", "who@example.com")
    image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/other:1"
    return [
        ((*c5, *more), (0,)),
        ((*c5, *more), (0,)),
        ((*c5, "--ttl", "3h", "--budget", 30, "--budget-email", "who@example.com"), (0,)),
        ((*c5, "--image", image), (0,)),
        (("logs",), (0,)),
        (("predict", "Profit rose"), (0,)),
        (("wire-api", "--cors", "https://example.com"), (0,)),
        (("wire-api", "--auth", "jwt", *JWT, "--unreserved"), (0,)),
        (("wire-api", "--auth", "api-key", "--rate", 5), (0,)),
        (("wire-api", "--auth", "iam"), (0,)),
        ((*c5, "--image", image), (0,)),
        (("predict", "Profit rose"), (0,)),
        (("logs", "--api"), (0,)),
        (("status", "--region", REGION), (0,)),
        (("teardown",), (0,)),
        (("deploy", "--archive", archive, "--serverless", "--yes"), (0,)),
        ((*c5,), (0,)),
        (("loadtest", "--direct", "--concurrency", 1, "--duration", 1, "--warmup", 0), (0, 6)),
        (("teardown", "--all", "--region", REGION, "--yes"), (0,)),
    ]


@pytest.fixture
def recorded(aws: FakeAws, newsclf: Cli, archive: Path) -> dict[Command, set[Permission]]:
    """What each command was recorded to need."""
    found: dict[Command, set[Permission]] = {}
    for arguments, codes in everything(archive):
        aws.forget()
        result = newsclf(*arguments)
        assert result.exit_code in codes, f"{arguments}: {result.err}"
        needed = {each for record in aws.records for each in record.permissions}
        found.setdefault(command_of(arguments), set()).update(needed)
    return found


def command_of(arguments: tuple[object, ...]) -> Command:
    return next(command for command in COMMANDS if command == arguments[0])


def allows(statement: Statement, permission: Permission) -> bool:
    patterns = (re.escape(each).replace(r"\*", ".*") for each in statement.resources)
    return permission.action in statement.actions and any(
        re.fullmatch(pattern, permission.resource) for pattern in patterns
    )


def lines(permissions: Iterable[tuple[str, object]]) -> str:
    return "\n".join(sorted(f"{command} {what}" for command, what in permissions))


def test_it_is_what_was_recorded_no_more_no_less(
    recorded: dict[Command, set[Permission]],
) -> None:
    lacking, superfluous = [], []
    for command, needed in recorded.items():
        policy = statements([command], region=REGION, account=ACCOUNT)
        lacking += [
            (command, each) for each in needed if not any(allows(s, each) for s in policy)
        ]
        superfluous += [
            (command, f"{action} on {statement.kind}")
            for statement in policy
            for action in statement.actions
            if not any(
                allows(Statement(statement.kind, (action,), statement.resources), each)
                for each in needed
            )
        ]
    assert lines(lacking) == ""
    assert lines(superfluous) == ""
    assert set(recorded) == set(COMMANDS)
