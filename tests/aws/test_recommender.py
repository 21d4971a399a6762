"""`newsclf loadtest --recommender`: the job, its table beside ours, and nothing left of either."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.iam.models import iam_backends

from newsclf.core.deployment import (
    AwsDeployment,
    AwsSpec,
    Deployments,
    LocalDeployment,
    Process,
    Serverless,
)
from newsclf.core.recommendations import Recommendations
from newsclf.loadtest.recommended import beside_ours, doubts
from newsclf.loadtest.report.recommender import recommender_table
from newsclf.targets.aws.recommender import sample_archive
from newsclf.targets.aws.recommender_job import plain, recommendations
from tests.aws.proxy.recommender import SAMPLE
from tests.aws.proxy.requests import Call
from tests.aws.proxy.server import LOST, FakeAws
from tests.aws.story import put_back, told_of
from tests.conftest import Cli, Result
from tests.runs import point, search, summary

XLARGE, M5 = "ml.c5.xlarge", "ml.m5.large"
LOAD = ("--concurrency", 1, "--warmup", 0, "--duration", 1)
CREATE = "CreateInferenceRecommendationsJob"
DESCRIBE = "DescribeInferenceRecommendationsJob"
STOP = "StopInferenceRecommendationsJob"
Loadtest = Callable[..., Result]


@pytest.fixture
def deployed(aws: FakeAws, newsclf: Cli, archive: Path) -> Iterator[FakeAws]:
    """A deployment on ml.c5.xlarge; after the test no job bills or has left anything."""
    result = newsclf("deploy", "--archive", archive, "--instance", XLARGE, "--yes")
    assert result.exit_code == 0, result.err
    aws.forget()
    yield aws
    assert aws.sagemaker.recommender.running == []
    assert aws.sagemaker.recommender.orphaned == []
    assert policies() == []
    assert samples(aws) == []


@pytest.fixture
def recommend(newsclf: Cli, deployed: FakeAws) -> Loadtest:  # noqa: ARG001 - it is what is tried
    """Beside the deployment."""
    return lambda *options: newsclf("loadtest", "--recommender", *LOAD, *options)


def policies() -> list[str]:
    """Policies of roles that are there only for a job."""
    roles: Any = iam_backends[ACCOUNT]["aws"].roles.values()
    return [name for role in roles for name in role.policies if name != "newsclf"]


def samples(aws: FakeAws) -> list[str]:
    return [line for line in aws.world.left() if "payload" in line]


def called(aws: FakeAws) -> list[str]:
    return [record.call.operation for record in aws.records]


def run_folder() -> Path:
    (folder,) = Path(".newsclf/runs").iterdir()
    return folder


def found() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((run_folder() / "summary.json").read_text("utf-8"))
    return document


def interrupt_at(aws: FakeAws, operation: str) -> None:
    """Press Ctrl-C when the first call of an operation is done."""
    pressed: list[int] = []

    def done(_index: int, call: Call) -> None:
        if call.operation == operation and not pressed:
            pressed.append(1)
            os.kill(os.getpid(), signal.SIGINT)

    aws.done = done


def test_its_table_stands_beside_ours_and_the_report_is_made_again(
    recommend: Loadtest, newsclf: Cli, deployed: FakeAws
) -> None:
    result = recommend("--yes")

    assert result.exit_code in (0, 6), result.err  # a busy machine may make it unsteady
    assert "up to 45 minutes" in result.err
    assert "ml.c5.xlarge $0.204/h" in result.err
    assert "IN_PROGRESS after" in result.err
    assert "Inference Recommender beside us" in result.out
    theirs, ours = found()["recommender"]["rows"]
    assert (theirs["by"], ours["by"]) == ("Recommender", "newsclf, peak")
    assert theirs["model_latency_ms"] == 263.596  # it comes in microseconds
    assert theirs["max_invocations_per_minute"] == 648
    assert theirs["usd_per_million"] == pytest.approx(5.2469, rel=1e-4)
    assert (theirs["cpu_percent"], theirs["memory_percent"]) == (187.5, None)
    if ours["usd_per_million"] is not None:
        change = ours["usd_per_million"] / theirs["usd_per_million"] - 1
        assert ours["usd_per_million_change"] == pytest.approx(change)
    kept = json.loads((run_folder() / "recommender.json").read_text("utf-8"))
    metrics = kept["raw"]["InferenceRecommendations"][0]["Metrics"]
    assert metrics == SAMPLE[XLARGE] | {"CpuUtilization": 187.5, "MemoryUtilization": "NaN"}

    deployed.forget()
    files = {path: path.read_bytes() for path in run_folder().glob("*.*")}
    assert newsclf("report", run_folder()).exit_code == 0
    assert {path: path.read_bytes() for path in run_folder().glob("*.*")} == files
    assert b"Inference Recommender beside us" in files[run_folder() / "report.md"]
    assert b"263.596" not in files[run_folder() / "report.html"]
    assert b"Inference Recommender" in files[run_folder() / "report.html"]
    assert called(deployed) == []


def test_the_job_is_asked_for_what_is_measured(recommend: Loadtest, deployed: FakeAws) -> None:
    seen: list[str] = []
    deployed.done = lambda _, call: seen.extend(policies()) if call.operation == CREATE else None

    recommend("--yes", "--headlines-per-request", 2)

    (job,) = deployed.sagemaker.recommender.jobs.values()
    assert seen == [job.asked["JobName"]]
    asked = job.asked["InputConfig"]["ContainerConfig"]
    assert asked["SupportedInstanceTypes"] == [XLARGE]
    assert (asked["Framework"], asked["FrameworkVersion"]) == ("PYTORCH", "2.6.0")
    assert len(job.files) > 10
    assert {len(file["inputs"]) for file in job.files.values()} == {2}


def test_one_job_for_all_instances_on_a_model_of_its_own(
    aws: FakeAws, newsclf: Cli, archive: Path
) -> None:
    result = newsclf("loadtest", "--recommender", "--instances", f"{XLARGE},{M5}",
                     "--archive", archive, "--yes", *LOAD)  # fmt: skip

    assert result.exit_code in (0, 6), result.err
    assert aws.world.left() == []
    assert list(Path(".newsclf/deployments").glob("*.json")) == []
    (job,) = aws.sagemaker.recommender.jobs.values()
    assert job.asked["InputConfig"]["ContainerConfig"]["SupportedInstanceTypes"] == [XLARGE, M5]
    assert job.status == "COMPLETED"
    assert aws.sagemaker.recommender.orphaned == []
    order = called(aws)
    assert order.index(CREATE) < order.index("CreateEndpoint") < order.index(DESCRIBE)
    rows = [(row["instance"], row["by"]) for row in found()["recommender"]["rows"]]
    assert rows == [(XLARGE, "Recommender"), (XLARGE, "newsclf, peak"),
                    (M5, "Recommender"), (M5, "newsclf, peak")]  # fmt: skip


def test_a_job_that_fails_says_why_beside_what_was_measured(
    recommend: Loadtest, deployed: FakeAws
) -> None:
    deployed.sagemaker.recommender.failure = "Model returned 4xx"

    result = recommend("--yes")

    assert result.exit_code == 4
    assert "has failed: Model returned 4xx" in result.err
    assert "--resume" in result.err
    assert "Cost" in result.out
    assert found()["recommender"]["status"] == "FAILED"
    assert len(found()["points"]) == 1

    deployed.sagemaker.recommender.failure = None
    again = recommend("--yes", "--resume", run_folder())

    assert again.exit_code in (0, 6), again.err
    assert found()["recommender"]["status"] == "COMPLETED"
    assert recommend("--yes", "--resume", run_folder()).exit_code in (0, 6)
    assert len(deployed.sagemaker.recommender.jobs) == 2  # what is there is not run again


@pytest.mark.parametrize("moment", [CREATE, "InvokeEndpoint", DESCRIBE])
def test_ctrl_c_stops_the_job(recommend: Loadtest, deployed: FakeAws, moment: str) -> None:
    deployed.sagemaker.recommender.stuck = True
    interrupt_at(deployed, moment)

    result = recommend("--yes")

    assert result.exit_code == 130, result.err
    (job,) = deployed.sagemaker.recommender.jobs.values()
    assert job.status == "STOPPED"
    assert Recommendations.model_validate_json(
        (run_folder() / "recommender.json").read_text("utf-8")
    ).status == "STOPPED"  # fmt: skip
    if moment == DESCRIBE:  # what was measured before is whole
        assert len(found()["points"]) == 1
        assert "was stopped" in result.out + result.err


def test_a_job_that_does_not_end_is_stopped(recommend: Loadtest, deployed: FakeAws) -> None:
    deployed.sagemaker.recommender.stuck = True

    result = recommend("--yes")

    assert result.exit_code == 4
    assert "is still IN_PROGRESS after 90 minutes" in result.err
    assert STOP in called(deployed)


def test_a_measurement_that_fails_stops_the_job(recommend: Loadtest, deployed: FakeAws) -> None:
    deployed.data_plane.model_fails = True

    result = recommend("--yes")

    assert result.exit_code == 5, result.err
    assert STOP in called(deployed)


def test_any_refusal_is_named_and_leaves_nothing(recommend: Loadtest, deployed: FakeAws) -> None:
    for operation, permission in (
        ("PutObject", "s3:PutObject"),
        ("PutRolePolicy", "iam:PutRolePolicy"),
        (CREATE, f"sagemaker:{CREATE}"),
    ):
        deployed.forget()
        deployed.fault = refuse(operation)
        result = recommend("--yes")
        assert result.exit_code == 4
        assert f'"Action": "{permission}"' in result.err
        assert "InvokeEndpoint" not in called(deployed)
        assert policies() == samples(deployed) == []


def test_a_quota_that_is_too_small_is_said_before_anything_is_made(
    recommend: Loadtest, deployed: FakeAws
) -> None:
    deployed.services.quotas = {f"{XLARGE} for endpoint usage": 1}

    result = recommend("--yes")

    assert result.exit_code == 4
    assert "is 1 in us-east-1, and 2 wanted" in result.err
    assert "PutObject" not in called(deployed)


def test_a_job_that_can_not_be_seen_to_end_keeps_what_it_needs(
    aws: FakeAws, newsclf: Cli, archive: Path
) -> None:
    """Without its role it could not take away its endpoints; the teardown ends it first."""
    newsclf("deploy", "--archive", archive, "--instance", XLARGE, "--yes")
    aws.fault = lambda _, call: "denied" if call.operation in (DESCRIBE, STOP) else None

    result = newsclf("loadtest", "--recommender", "--yes", *LOAD)

    assert result.exit_code == 4
    assert f"sagemaker:{DESCRIBE}" in result.err
    assert "aws sagemaker stop-inference-recommendations-job" in result.err
    assert len(found()["points"]) == len(policies()) == len(samples(aws)) == 1
    refused = newsclf("teardown")
    assert refused.exit_code == 1
    assert f"sagemaker:{DESCRIBE}" not in refused.out
    assert len(policies()) == 1
    aws.fault = lambda _i, _c: None
    assert newsclf("teardown").exit_code == 0
    assert aws.world.left() == []
    assert aws.sagemaker.recommender.running == aws.sagemaker.recommender.orphaned == []


def test_a_kill_after_any_call_leaves_nothing_that_a_teardown_does_not_find(
    aws: FakeAws, newsclf: Cli, archive: Path
) -> None:
    newsclf("deploy", "--archive", archive, "--instance", XLARGE, "--yes")
    command = ("loadtest", "--recommender", "--yes", *LOAD)
    moments = told_of(aws, newsclf, [command])
    writing = [m for m in moments if m.call.operation != "InvokeEndpoint"]
    wrong, seen = [], set()
    for moment in writing:
        if id(moment.aws) in seen:
            continue
        seen.add(id(moment.aws))
        put_back(aws, moment)
        result = newsclf("teardown")
        jobs = aws.sagemaker.recommender
        if result.exit_code or aws.world.left() or jobs.running or jobs.orphaned:
            wrong.append(f"{moment}: {aws.world.left()} {jobs.running} {result.err}")
    assert not wrong, "\n".join(wrong)
    assert {m.call.operation for m in writing} >= {CREATE, DESCRIBE, "PutRolePolicy", "PutObject"}


@pytest.mark.parametrize("fault", ["throttling", "failure", LOST])
def test_every_call_may_fail_once(recommend: Loadtest, deployed: FakeAws, fault: str) -> None:
    deployed.fault = lambda _, call: (
        fault if call.attempt == 1 and call.service != "sagemaker-runtime" else None
    )

    result = recommend("--yes")

    assert result.exit_code in (0, 6), result.err
    assert found()["recommender"]["status"] == "COMPLETED"


def test_nobody_to_ask_means_no(recommend: Loadtest, deployed: FakeAws) -> None:
    result = recommend()

    assert result.exit_code == 2
    assert "--yes" in result.err
    assert called(deployed) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--url", "http://127.0.0.1:9/invocations"), "--url is none"),
        (("--instances", "local:1"), "instances of AWS"),
        (("--instances", "ml.t2.medium"), "burstable"),
        (("here",), "'here' is deployed on this machine"),
        (("on-demand",), "'on-demand' is serverless"),
    ],
)
def test_what_it_is_not_for(
    others: FakeAws, newsclf: Cli, arguments: tuple[str, ...], said: str
) -> None:
    result = newsclf("loadtest", *arguments, "--recommender", "--yes", *LOAD)

    assert result.exit_code == 2, result.err
    assert said in result.err
    assert "newsclf loadtest --instances" in result.err or "ml.c5.large" in result.err
    assert others.sagemaker.recommender.jobs == {}


@pytest.fixture
def others(aws: FakeAws, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """A model, and records of a deployment on this machine and of a serverless one."""
    monkeypatch.setenv("NEWSCLF_MODEL", str(trained / "model"))
    deployments = Deployments(tmp_path / ".newsclf")
    deployments.save(
        LocalDeployment(
            name="here", target="local", created="2026-11-22", model=Path("model"),
            model_digest="0", folder=tmp_path, server=Process(status="ready", port=9),
        )
    )  # fmt: skip
    deployments.save(
        AwsDeployment(
            name="on-demand", target="aws", created="2026-11-22", region="us-east-1",
            account=ACCOUNT, model=Path("model"), model_digest="0",
            spec=AwsSpec(image="x", serverless=Serverless()),
        )
    )  # fmt: skip
    return aws


def answer(**metrics: float) -> dict[str, Any]:
    """Of DescribeInferenceRecommendationsJob, on ml.c5.xlarge."""
    endpoint = {"EndpointName": "e", "VariantName": "v", "InstanceType": XLARGE}
    serverless = {"EndpointName": "e", "VariantName": "v", "ServerlessConfig": {}}
    return {
        "InferenceRecommendations": [
            {"Metrics": SAMPLE[XLARGE] | metrics, "EndpointConfiguration": endpoint,
             "ModelConfiguration": {}},
            {"EndpointConfiguration": serverless, "ModelConfiguration": {}},
        ],
        "ResponseMetadata": {},
    }  # fmt: skip


def compared(**changes: Any) -> Any:
    kept = Recommendations(
        job="j", region="us-east-1", instances=[XLARGE], status="COMPLETED", reason=None,
        found=[], raw={},
    ).model_copy(update=changes)  # fmt: skip
    return beside_ours(kept, summary([]))


def test_its_figures_in_our_units() -> None:
    (one,) = recommendations(answer(CpuUtilization=math.nan))  # serverless is left out

    assert one.model_latency_ms == 263.596
    assert one.cpu_percent is None
    assert plain(answer(CpuUtilization=math.nan))["InferenceRecommendations"][0]["Metrics"][
        "CpuUtilization"
    ] == "NaN"  # fmt: skip


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({}, None),
        ({"CostPerInference": 6e-6}, "is not its cost per hour"),
        ({"ModelLatency": 264}, "changed its unit"),
        ({"MaxInvocations": 0}, None),
    ],
)
def test_figures_that_contradict_each_other_are_warned_of(
    metrics: dict[str, float], said: str | None
) -> None:
    warned = "\n".join(doubts(compared(found=recommendations(answer(**metrics)))))

    assert (said in warned) if said else warned == ""


def test_missing_figures_and_settings_of_its_own_are_said() -> None:
    tuned = recommendations(answer())[0].model_copy(update={"environment": {"OMP": "2"}})

    assert "no figures of ml.c5.xlarge" in "".join(doubts(compared()))
    assert "OMP=2" in "".join(doubts(compared(found=[tuned])))
    assert list(doubts(compared(status="STOPPED", reason="why"))) == [
        "SageMaker's Inference Recommender: why."
    ]


def test_ours_is_compared_with_the_cheapest_and_at_the_objective(run_costs: Any) -> None:
    theirs = recommendations(answer())[0]
    dear = theirs.model_copy(update={"usd_per_million": 9.0, "max_invocations_per_minute": 99})
    kept = Recommendations(
        job="j", region="us-east-1", instances=[XLARGE], status="COMPLETED", reason=None,
        found=[dear, theirs], raw={},
    )  # fmt: skip

    rows = beside_ours(kept, run_costs).rows

    assert [row.by for row in rows] == [
        "Recommender", "Recommender", "newsclf, peak", "newsclf, objective"
    ]  # fmt: skip
    assert rows[2].max_invocations_per_minute == 6000
    assert rows[2].invocations_change == pytest.approx(6000 / 648 - 1)
    assert rows[3].max_invocations_per_minute == 3000
    assert rows[3].usd_per_million == pytest.approx(0.204 / 3600 / 50 * 1e6)
    table = recommender_table(beside_ours(kept, run_costs))
    assert table.rows[2][7] == "+825.9 %"


@pytest.fixture
def run_costs() -> Any:
    """A run with 100 answers a second at its peak, and 50 at the objective."""
    from newsclf.core.prices import prices_at
    from newsclf.loadtest.costs import CostBasis, cost_rows

    points = [point(instance=XLARGE)]
    searches = [search(points[0], instance=XLARGE, low=50.0)]
    costs = cost_rows(
        points, searches, prices_at(Path("none"), None), CostBasis(region="us-east-1")
    )
    return summary(points, searches).model_copy(update={"costs": costs})


def test_the_same_sample_gives_the_same_bytes() -> None:
    bodies = [b'{"inputs": ["%d"]}' % i for i in range(500)]

    assert sample_archive(bodies) == sample_archive(bodies)
    assert sample_archive(bodies) == sample_archive(bodies[:100])


def refuse(operation: str) -> Callable[[int, Call], str | None]:
    return lambda _, call: "denied" if call.operation == operation else None
