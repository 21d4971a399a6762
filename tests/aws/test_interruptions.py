"""Whatever stops a deployment, and at whichever call: afterwards a teardown leaves nothing.

The calls are those that one undisturbed run has made, all of them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.aws.conftest import REGION
from tests.aws.proxy.permissions import permissions_of
from tests.aws.proxy.server import LOST, FakeAws
from tests.aws.story import (
    STATE,
    Moment,
    commands,
    distinct,
    is_reading,
    put_back,
    read_state,
    told,
)
from tests.conftest import Cli


@pytest.fixture
def moments(aws: FakeAws, newsclf: Cli, archive: Path) -> list[Moment]:
    """Of one undisturbed run."""
    return told(aws, newsclf, archive)


def test_a_kill_after_any_call_leaves_nothing_that_a_teardown_does_not_find(
    aws: FakeAws, newsclf: Cli, moments: list[Moment]
) -> None:
    """The state directory is as the killed process left it, or, the second time, lost."""
    wrong = []
    cut = list(distinct(moments))
    for moment in cut:
        for lost in (False, True):
            put_back(aws, moment)
            if lost:
                shutil.rmtree(STATE, ignore_errors=True)
            result = newsclf("teardown", "news", "--region", REGION)
            if result.exit_code != 0 or aws.world.left() or list(STATE.rglob("*.json")):
                wrong.append(f"{moment} (lost={lost}): {aws.world.left()} {result.err}")
    assert wrong == []
    assert len(cut) > 30
    assert aws.broken == []


@pytest.mark.parametrize("fault", ["throttling", "failure", LOST])
def test_every_call_may_fail_once(
    aws: FakeAws, newsclf: Cli, archive: Path, fault: str
) -> None:
    """Each first attempt is answered so; boto3's second one is let through."""
    aws.fault = lambda _, call: fault if call.attempt == 1 else None
    for command in (*commands(archive), ("teardown",)):
        result = newsclf(*command)
        assert result.exit_code == 0, f"{command[0]}: {result.err}"
        if command[0] == "wire-api":
            made = aws.world.left()
    assert aws.world.left() == []
    assert len(made) == len(set(made)) > 20


def test_a_refusal_of_any_call_is_a_clear_error_and_leaves_nothing_either(
    aws: FakeAws, newsclf: Cli, archive: Path, moments: list[Moment]
) -> None:
    wrong = []
    starts = {m.command + 1: m for m in moments}  # the last of each command before
    for moment in moments:
        aws.reset()
        shutil.rmtree(STATE, ignore_errors=True)
        if moment.command in starts and moment.command > 0:
            put_back(aws, starts[moment.command])
        aws.fault = lambda i, _, at=moment.index: "denied" if i == at else None
        result = newsclf(*commands(archive)[moment.command])
        calls = [record.call for record in aws.records]
        assert str(calls[moment.index]) == str(moment.call), "the run was another one"
        aws.forget()
        if result.exit_code == 0:  # it can do without
            continue
        actions = {each.action for each in permissions_of(moment.call)}
        named = any(f'"Action": "{action}"' in result.err for action in actions)
        if "Traceback" in result.err or not named:
            wrong.append(f"{moment}: {result.err}")
        more = [str(call) for call in calls[moment.index + 1 :] if not is_reading(call)]
        # After a refused look everything is as a kill at the call before has left it.
        if not is_reading(moment.call) or more or read_state() != moment.files:
            aws.fault = lambda _i, _c: None
            torn = newsclf("teardown", "news", "--region", REGION)
            if torn.exit_code != 0 or aws.world.left():
                wrong.append(f"{moment}: {aws.world.left()} is left: {torn.err}")
    assert wrong == []
