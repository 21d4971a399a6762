"""A deployment interrupted at any call: a teardown then leaves nothing.

The calls are those that one undisturbed run has made, all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support.fakeaws.fixtures import REGION
from tests.support.fakeaws.permissions import permissions_of
from tests.support.fakeaws.requests import Call
from tests.support.fakeaws.scenario import (
    PARTS,
    Moment,
    commands,
    different,
    is_reading,
    read_state,
    restore,
    start_command_of,
    worth_disturbing,
)
from tests.support.fakeaws.server import LOST, FakeAws


@PARTS
@pytest.mark.parametrize("state", ["kept", "lost"])
def test_a_kill_after_any_call_leaves_nothing_that_a_teardown_does_not_find(
    aws: FakeAws, newsclf: Cli, moments: list[Moment], state: str, part: slice
) -> None:
    """The state directory is as the killed process left it, or lost."""
    if state == "lost":
        moments = [replace(moment, files={}) for moment in moments]
    cases = different(moments)
    assert len(cases) > 40
    wrong = []
    for moment in cases[part]:
        restore(aws, moment)
        result = newsclf("teardown", "--deployment", "news", "--region", REGION)
        if result.exit_code != 0 or aws.world.left() or read_state():
            wrong.append(f"{moment}: {aws.world.left()} {result.err}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("fault", ["throttling", "failure", LOST])
def test_every_call_may_fail_once(aws: FakeAws, newsclf: Cli, archive: Path, fault: str) -> None:
    """Each first attempt is answered so; boto3's second one is let through."""
    aws.fault = lambda _, call: fault if call.attempt == 1 else None
    for command in (*commands(archive), ("teardown",)):
        result = newsclf(*command)
        assert result.exit_code == 0, f"{command[0]}: {result.err}"
        if command[0] == "wire-api":
            made = aws.world.left()
    assert aws.world.left() == []
    assert len(made) == len(set(made)) > 20


@PARTS
def test_a_refusal_of_any_call_is_a_clear_error_and_leaves_nothing_either(
    aws: FakeAws, newsclf: Cli, archive: Path, moments: list[Moment], part: slice
) -> None:
    cases = worth_disturbing(moments)
    assert len(cases) > 50
    aws_before = {(b.command, b.index): a.aws for a, b in pairwise(moments)}
    killed = [(id(moment.aws), moment.files) for moment in moments]
    wrong = []
    for moment in cases[part]:
        start_command_of(aws, moments, moment)
        aws.fault = refuse(moment.index)
        result = newsclf(*commands(archive)[moment.command])
        calls = [record.call for record in aws.records]
        assert str(calls[moment.index]) == str(moment.call), "the run was another one"
        aws.forget()
        actions = {each.action for each in permissions_of(moment.call)}
        if result.exit_code == 0 or not actions:  # it can do without, or it can't be denied
            continue
        named = any(f'"Action": "{action}"' in result.err for action in actions)
        if "Traceback" in result.err or not named:
            wrong.append(f"{moment}: {result.err}")
        more = any(not is_reading(call) for call in calls[moment.index + 1 :])
        # Mostly everything is then as a kill has left it, and that has its own test.
        if more or (id(aws_before.get((moment.command, moment.index))), read_state()) not in killed:
            aws.fault = lambda _i, _c: None
            torn = newsclf("teardown", "--deployment", "news", "--region", REGION)
            if torn.exit_code != 0 or aws.world.left():
                wrong.append(f"{moment}: {aws.world.left()} is left: {torn.err}")
    assert not wrong, "\n".join(wrong)


def refuse(index: int) -> Callable[[int, Call], str | None]:
    """A fault that refuses the call of this index."""
    return lambda i, _: "denied" if i == index else None
