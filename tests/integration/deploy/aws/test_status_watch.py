"""`newsclf status --watch` on AWS: what changes there, and what can't be read for a while."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.conftest import Cli
from tests.support.fakeaws.fixtures import Deploy
from tests.support.fakeaws.requests import Call
from tests.support.fakeaws.server import FakeAws


def test_changes_are_told_and_errors_are_outlived(
    aws: FakeAws, newsclf: Cli, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert deploy().exit_code == 0
    monkeypatch.setattr("newsclf.cli.deployments.status_watch._EVERY_WITH_AWS_S", 0)
    looks = 0

    def done(_index: int, call: Call) -> None:
        nonlocal looks
        looks += call.operation == "DescribeEndpoint"
        aws.refuse = {"DescribeEndpoint": "not allowed"} if looks in (3, 4) else {}
        if looks > 6:
            os.kill(os.getpid(), signal.SIGINT)

    aws.done = done
    result = newsclf("status", "--watch", "--json")

    assert result.exit_code == 0, result.err
    up, refused, up_again = map(json.loads, result.out.splitlines())
    assert up["deployments"][0]["endpoint"] == "InService"
    assert up_again["deployments"][0]["usd_per_hour"] == 0.102
    assert "not allowed" in refused["errors"][0]["message"]
    assert refused["deployments"] == up["errors"] == up_again["errors"] == []
