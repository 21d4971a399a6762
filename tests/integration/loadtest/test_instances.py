"""`newsclf loadtest --instances ml.…`: each is deployed, measured and gone again in the end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli, Result
from tests.support.builders import build_wheels
from tests.support.fakeaws.server import FakeAws
from tests.support.runs import assert_complete

LARGE, XLARGE = "ml.c5.large", "ml.c5.xlarge"


@pytest.fixture
def loadtest(aws: FakeAws, newsclf: Cli, archive: Path) -> Callable[..., Result]:
    assert aws.world.left() == []

    def run(*options: object) -> Result:
        return newsclf(
            "loadtest",
            "--archive",
            archive,
            "--concurrency",
            1,
            "--warmup",
            0,
            "--duration",
            1,
            *options,
        )

    return run


def found() -> dict[str, Any]:
    (file,) = Path(".newsclf/runs").glob("*/summary.json")
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return document


def deployed(aws: FakeAws) -> list[str]:
    return [
        r.call.params["EndpointName"] for r in aws.records if r.call.operation == "CreateEndpoint"
    ]


def test_each_is_deployed_measured_and_removed(
    aws: FakeAws, loadtest: Callable[..., Result]
) -> None:
    result = loadtest("--instances", f"{LARGE},{XLARGE}", "--yes")

    summary = assert_complete(result)
    assert aws.world.left() == []
    assert list(Path(".newsclf/deployments").glob("*.json")) == []
    names = [re.sub(r"-[0-9a-f]{8}$", "", name) for name in deployed(aws)]
    assert names == ["newsclf-loadtest-c5-large", "newsclf-loadtest-c5-xlarge"]
    expected = {LARGE: 0.102, XLARGE: 0.204}
    verdicts = {point["instance"]: point["verdict"] for point in summary["points"]}
    assert list(verdicts) == [LARGE, XLARGE]
    assert {row["instance"]: row["usd_per_hour"] for row in summary["costs"]} == {
        instance: usd if verdicts[instance] == "OK" else None for instance, usd in expected.items()
    }
    assert (summary["run"]["kind"], summary["run"]["region"]) == ("sagemaker", "us-east-1")
    # Each would have been deleted by AWS itself, had this machine not come back.
    schedules = [r for r in aws.records if r.call.operation == "CreateSchedule"]
    assert len(schedules) == 2


def test_the_model_is_packed_once_for_all_instances(
    aws: FakeAws, newsclf: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = shutil.copytree(trained / "model", Path("model").resolve())
    monkeypatch.setenv("NEWSCLF_MODEL", str(model))
    requirements = build_wheels(Path(".newsclf/wheels"), "onnxruntime==1.2.3").resolve()
    monkeypatch.setattr("newsclf.deploy.package.build.shipped_config", lambda _name: requirements)

    def done(_index: int, call: Any) -> None:
        if call.operation == "CreateEndpoint":
            with (model / "card.json").open("a", encoding="utf-8") as card:
                card.write("\n")  # another archive, were it packed again

    aws.done = done

    options = ("--concurrency", 1, "--warmup", 0, "--duration", 1, "--yes")
    result = newsclf("loadtest", "--instances", f"{LARGE},{XLARGE}", *options)

    assert_complete(result)
    uploads = [
        r.call.params["Key"].split("/")
        for r in aws.records
        if r.call.operation == "PutObject" and r.call.params["Key"].endswith("model.tar.gz")
    ]
    assert len(uploads) == len(deployed(aws)) == 2
    assert len({digest for _, digest, _ in uploads}) == 1


def test_one_that_is_refused_does_not_keep_the_other_from_being_measured(
    aws: FakeAws, loadtest: Callable[..., Result]
) -> None:
    def fault(_index: int, call: Any) -> str | None:
        refused = call.operation == "CreateEndpoint" and "c5-large" in call.params["EndpointName"]
        return "denied" if refused else None

    aws.fault = fault

    result = loadtest("--instances", f"{LARGE},{XLARGE}", "--yes")

    assert result.exit_code == 4
    assert "not all could be measured" in result.err
    assert "sagemaker:CreateEndpoint" not in result.out
    assert [point["instance"] for point in found()["points"]] == [XLARGE]
    assert aws.world.left() == []


def test_ctrl_c_removes_what_is_up(aws: FakeAws, loadtest: Callable[..., Result]) -> None:
    invoked: list[int] = []

    def done(_index: int, call: Any) -> None:
        if call.operation == "InvokeEndpoint" and not invoked:
            invoked.append(1)
            os.kill(os.getpid(), signal.SIGINT)

    aws.done = done

    result = loadtest("--instances", f"{LARGE},{XLARGE}", "--yes")

    assert invoked
    assert result.exit_code != 0
    assert len(deployed(aws)) == 1
    assert aws.world.left() == []


def test_metrics_that_may_not_be_read_lose_nothing(
    aws: FakeAws, loadtest: Callable[..., Result]
) -> None:
    def fault(_index: int, call: Any) -> str | None:
        return "denied" if call.operation == "GetMetricStatistics" else None

    aws.fault = fault

    result = loadtest("--instances", LARGE, "--yes")

    summary = assert_complete(result)
    assert "cloudwatch:GetMetricStatistics" in result.err
    assert "cloudwatch:GetMetricStatistics" in summary["run"]["server_unread"]
    assert len(summary["points"]) == 1


def test_nobody_to_ask_means_no(aws: FakeAws, loadtest: Callable[..., Result]) -> None:
    result = loadtest("--instances", LARGE)

    assert result.exit_code == 2
    assert "ml.c5.large $0.102/h" in result.err
    assert "--yes" in result.err
    assert deployed(aws) == []


@pytest.mark.parametrize(
    ("instances", "said"),
    [
        (f"{LARGE},{LARGE}", "asked for twice"),
        (f"{LARGE},local:1", "no such instance"),
        ("ml.c9.large", "price"),
        ("ml.c7g.large", "ARM"),
    ],
)
def test_what_can_not_be_deployed(
    aws: FakeAws, loadtest: Callable[..., Result], instances: str, said: str
) -> None:
    result = loadtest("--instances", instances, "--yes")

    assert result.exit_code == 2, result.err
    assert said in result.err
    assert deployed(aws) == []
