"""`newsclf pause` and `resume` on AWS: only the endpoint goes, and it comes back as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.sagemaker.models import sagemaker_backends

from newsclf.deploy.records import AwsDeployment
from newsclf.deploy.store import Deployments
from tests.conftest import Cli, Result
from tests.support.documented import assert_printed
from tests.support.fakeaws.fixtures import REGION, Deploy
from tests.support.fakeaws.requests import Call
from tests.support.fakeaws.scenario import is_reading, read_state, write_state
from tests.support.fakeaws.server import FakeAws, Snapshot

SCALING = ("--max", 2, "--ttl", "2h")
NAME = "newsclf-news"


def ran(result: Result) -> Result:
    assert result.exit_code == 0, result.err
    return result


def endpoints() -> dict[str, Any]:
    found: dict[str, Any] = sagemaker_backends[ACCOUNT][REGION].endpoints
    return found


def recorded() -> AwsDeployment:
    return Deployments(Path(".newsclf")).get_of(AwsDeployment, "news")


def status(newsclf: Cli) -> dict[str, Any]:
    (found,) = json.loads(ran(newsclf("status", "--json")).out)
    return dict(found)


def test_only_the_endpoint_goes_and_it_comes_back_as_it_was(
    aws: FakeAws, newsclf: Cli, deploy: Deploy
) -> None:
    ran(deploy(*SCALING))
    before, config = aws.world.left(), endpoints()[NAME].endpoint_config_name

    ran(newsclf("pause"))

    gone = set(before) - set(aws.world.left())
    assert {line.split(" ", 1)[1].partition(" newsclf")[0] for line in gone} >= {"endpoint"}
    assert all("endpoint " in line or "scal" in line or "schedule " in line for line in gone), gone
    assert endpoints() == {}

    aws.forget()
    again = ran(newsclf("pause", "news"))
    assert "already paused; nothing changed" in again.err
    assert not [record.call for record in aws.records if not is_reading(record.call)]

    ran(newsclf("resume"))
    assert aws.world.left() == before
    assert endpoints()[NAME].endpoint_config_name == config
    assert recorded().paused_since is None
    assert json.loads(ran(newsclf("predict", "--json", "Profit rose")).out)["predictions"]
    assert "is not paused; nothing changed" in ran(newsclf("resume")).err


def test_an_end_of_life_goes_and_comes_back_although_a_later_deploy_did_not_name_it(
    aws: FakeAws, newsclf: Cli, deploy: Deploy
) -> None:
    ran(deploy("--ttl", "2h"))
    ran(deploy("--min", 2))

    def schedules() -> list[str]:
        return [line for line in aws.world.left() if "schedule " in line]

    before = schedules()
    ran(newsclf("pause"))
    paused = schedules()
    ran(newsclf("resume"))

    assert (len(before), paused) == (1, [])
    assert schedules() == before


def test_status_says_what_a_pause_saves_and_what_still_costs(
    aws: FakeAws, newsclf: Cli, deploy: Deploy
) -> None:
    ran(deploy("--min", 2))
    ran(newsclf("wire-api", "--auth", "none"))
    assert_printed("aws.md", "newsclf pause", ran(newsclf("pause")))

    found = status(newsclf)
    assert (found["endpoint"], found["on"]) == ("paused", "ml.c5.large × 2")
    assert (found["usd_per_hour"], found["saves_usd_per_hour"]) == (0.0, 0.204)
    assert "the archive in S3" in found["still_billed"]
    shown = ran(newsclf("status"))
    said = " ".join(shown.err.split())
    assert "saves $0.204 an hour, $148.92 a month" in said
    assert "the error alarm ($0.10 a month)" in said
    assert_printed("aws.md", "newsclf status", shown, skip="^news ")
    assert aws.broken == []


def test_its_api_answers_503_meanwhile(newsclf: Cli, deploy: Deploy) -> None:
    ran(deploy())
    ran(newsclf("wire-api", "--auth", "none"))
    url = status(newsclf)["api"]
    ran(newsclf("pause"))

    answer = httpx.post(f"{url}/classify", json={"headline": "Profit rose"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert answer.json()["error"]["code"] == "endpoint_paused"
    refused = newsclf("predict", "Profit rose")
    assert refused.exit_code == 3
    assert "'news' is paused" in refused.err
    assert "newsclf resume --deployment news" in refused.err
    assert "newsclf resume" in newsclf("wire-api").err

    assert_printed("aws.md", "newsclf resume", ran(newsclf("resume")))
    answer = httpx.post(f"{url}/classify", json={"headline": "Profit rose"})
    assert answer.status_code == 200


def test_a_deployment_ends_a_pause_and_a_teardown_removes_it(
    aws: FakeAws, newsclf: Cli, deploy: Deploy
) -> None:
    ran(deploy())
    ran(newsclf("pause"))
    ran(deploy())
    assert recorded().paused_since is None
    assert list(endpoints()) == [NAME]

    ran(newsclf("pause"))
    ran(newsclf("teardown"))
    assert aws.world.left() == []


@pytest.mark.parametrize("serverless", [True, False])
def test_an_endpoint_that_does_not_come_up_stays_paused(
    aws: FakeAws, newsclf: Cli, deploy: Deploy, *, serverless: bool
) -> None:
    ran(deploy(*(("--serverless",) if serverless else ())))
    ran(newsclf("pause"))
    aws.sagemaker.failure = "the image cannot be pulled"
    failed = newsclf("resume")
    assert failed.exit_code == 4
    assert "the image cannot be pulled" in failed.err
    assert recorded().paused_since is not None

    aws.sagemaker.failure = None
    ran(newsclf("resume"))
    assert status(newsclf)["endpoint"] == "InService"


def test_what_cannot_be_paused_or_resumed_says_why(newsclf: Cli, deploy: Deploy) -> None:
    ran(deploy())
    del endpoints()[NAME]
    for command, said in (("pause", "has no endpoint"), ("resume", "is not paused")):
        refused = newsclf(command)
        assert refused.exit_code == 3
        assert said in refused.err
        assert "newsclf deploy" in refused.err
    two = newsclf("pause", "news", "--deployment", "other")
    assert two.exit_code == 2
    assert "name two deployments" in two.err


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_cut_off_after_any_call_it_is_resumed_paused_or_torn_down(
    aws: FakeAws, newsclf: Cli, deploy: Deploy, command: str
) -> None:
    ran(deploy(*SCALING))
    if command == "resume":
        ran(newsclf("pause"))
    moments: list[tuple[Snapshot, dict[str, bytes]]] = []
    aws.done = keeping(aws, moments)
    ran(newsclf(command))
    aws.done = lambda _index, _call: None
    assert len(moments) > 3
    wrong = []
    for place, (world, files) in enumerate(moments):
        for next_command, is_up in (("pause", False), ("resume", True), ("teardown", False)):
            aws.restore(world)
            write_state(files)
            result = newsclf(next_command)
            left = aws.world.left()
            done = (NAME in endpoints()) == is_up and (next_command != "teardown" or not left)
            if result.exit_code != 0 or not done:
                wrong.append(f"{command} cut off at {place}, {next_command}: {result.err} {left}")
    assert not wrong, "\n".join(wrong)


def keeping(
    aws: FakeAws, moments: list[tuple[Snapshot, dict[str, bytes]]]
) -> Callable[[int, Call], None]:
    """Record the moments after calls that change something, with the files as they are then."""

    def keep(_: int, call: Call) -> None:
        if not is_reading(call):
            moments.append((aws.save(), read_state()))

    return keep


@pytest.mark.parametrize("fault", ["throttling", "failure"])
def test_every_call_may_fail_once(aws: FakeAws, newsclf: Cli, deploy: Deploy, fault: str) -> None:
    ran(deploy(*SCALING))
    aws.fault = lambda _, call: fault if call.attempt == 1 else None
    ran(newsclf("pause"))
    ran(newsclf("resume"))
    assert status(newsclf)["endpoint"] == "InService"
