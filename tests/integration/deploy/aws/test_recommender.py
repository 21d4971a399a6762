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

from newsclf.common.errors import TargetError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.jobs.recommender import RecommenderRequest, recommending, sample_archive
from newsclf.deploy.aws.jobs.recommender_job import plain, recommendations
from newsclf.deploy.recommendations import Recommendations
from newsclf.deploy.records import AwsDeployment, AwsSpec, LocalDeployment, Process, Serverless
from newsclf.deploy.store import Deployments
from newsclf.loadtest.analysis.recommended import beside_ours, caveats
from newsclf.loadtest.report.tables import recommender_table
from tests.conftest import Cli, Result
from tests.support.fakeaws.fixtures import REGION
from tests.support.fakeaws.recommender import SAMPLE
from tests.support.fakeaws.requests import Call
from tests.support.fakeaws.scenario import STATE, is_reading, read_state, write_state
from tests.support.fakeaws.server import LOST, FakeAws
from tests.support.runs import assert_complete, point, search, summary

XLARGE, M5 = "ml.c5.xlarge", "ml.m5.large"
LOAD = ("--concurrency", 1, "--warmup", 0, "--duration", 1)
CREATE = "CreateInferenceRecommendationsJob"
DESCRIBE = "DescribeInferenceRecommendationsJob"
STOP = "StopInferenceRecommendationsJob"
Loadtest = Callable[..., Result]


@pytest.fixture(scope="module")
def _kept() -> dict[str, Any]:
    """How everything is when it is deployed; a deployment for each test would take too long."""
    return {}


@pytest.fixture
def on_aws(aws: FakeAws, newsclf: Cli, archive: Path, _kept: dict[str, Any]) -> FakeAws:
    """A deployment on ml.c5.xlarge."""
    if not _kept:
        result = newsclf("deploy", "--archive", archive, "--instance", XLARGE, "--yes")
        assert result.exit_code == 0, result.err
        _kept.update(aws=aws.save(), files=read_state())
    aws.restore(_kept["aws"])
    write_state(_kept["files"])
    aws.forget()
    return aws


@pytest.fixture
def deployed(on_aws: FakeAws) -> Iterator[FakeAws]:
    """The same; after the test no job bills or has left anything."""
    yield on_aws
    assert on_aws.sagemaker.recommender.running == []
    assert on_aws.sagemaker.recommender.orphaned == []
    assert policies() == []
    assert samples(on_aws) == []


@pytest.fixture
def loadtest(newsclf: Cli, deployed: FakeAws) -> Loadtest:  # noqa: ARG001 - it is what is tried
    """Of the deployment, through the command line."""
    return lambda *options: newsclf("loadtest", "--recommender", *LOAD, *options)


@pytest.fixture
def job(on_aws: FakeAws) -> Callable[[], Recommendations]:  # noqa: ARG001 - it is asked
    """A job beside nothing."""

    def run(at_most_s: float = 5400) -> Recommendations:
        scope = Scope.named(Clients(REGION), "news")
        deployment = Deployments(STATE).get_of(AwsDeployment, "news")
        request = RecommenderRequest(
            instances=[XLARGE], bodies=[b'{"inputs": ["x"]}'], in_use=1, at_most_s=at_most_s
        )
        with recommending(scope, deployment, request) as started:
            return started.finish(lambda: True)

    return run


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
    loadtest: Loadtest, newsclf: Cli, deployed: FakeAws
) -> None:
    lent: list[str] = []
    deployed.done = lambda _, call: lent.extend(policies()) if call.operation == CREATE else None

    result = loadtest("--yes", "--batch", 2)

    summary = assert_complete(result)
    assert "up to 45 minutes" in result.err
    assert "ml.c5.xlarge $0.204/h" in result.err
    assert ": IN_PROGRESS" in result.err
    assert "Inference Recommender beside us" in result.out
    theirs, ours = summary["recommender"]["rows"]
    assert (theirs["by"], ours["by"]) == ("Recommender", "newsclf, peak")
    assert theirs["model_latency_ms"] == 263.596  # it comes in microseconds
    assert theirs["max_invocations_per_minute"] == 648
    assert theirs["usd_per_million"] == pytest.approx(5.2469, rel=1e-4)
    assert (theirs["cpu_percent"], theirs["memory_percent"]) == (187.5, None)
    kept = json.loads((run_folder() / "recommender.json").read_text("utf-8"))
    metrics = kept["raw"]["InferenceRecommendations"][0]["Metrics"]
    assert metrics == SAMPLE[XLARGE] | {"CpuUtilization": 187.5, "MemoryUtilization": "NaN"}

    (asked,) = deployed.sagemaker.recommender.jobs.values()
    assert lent == [asked.asked["JobName"]]
    container = asked.asked["InputConfig"]["ContainerConfig"]
    assert container["SupportedInstanceTypes"] == [XLARGE]
    assert (container["Framework"], container["FrameworkVersion"]) == ("PYTORCH", "2.6.0")
    assert len(asked.files) > 10
    assert {len(file["inputs"]) for file in asked.files.values()} == {2}

    deployed.forget()
    files = {path: path.read_bytes() for path in run_folder().glob("*.*")}
    assert newsclf("report", run_folder()).exit_code == 0
    assert {path: path.read_bytes() for path in run_folder().glob("*.*")} == files
    for name in ("report.md", "report.html"):
        assert b"Inference Recommender" in files[run_folder() / name]
        assert b"648" in files[run_folder() / name]
    assert called(deployed) == []


def test_one_job_for_all_instances_on_a_model_of_its_own(
    aws: FakeAws, newsclf: Cli, archive: Path
) -> None:
    def fault(_index: int, call: Call) -> str | None:
        refused = call.operation == "CreateEndpoint" and "m5-large" in call.params["EndpointName"]
        return "denied" if refused else None

    aws.fault = fault

    result = newsclf(
        "loadtest",
        "--recommender",
        "--instances",
        f"{XLARGE},{M5}",
        "--archive",
        archive,
        "--yes",
        *LOAD,
    )

    assert result.exit_code == 4
    assert "not all could be measured" in result.err
    assert aws.world.left() == []
    assert list(Path(".newsclf/deployments").glob("*.json")) == []
    (one,) = aws.sagemaker.recommender.jobs.values()
    assert one.asked["InputConfig"]["ContainerConfig"]["SupportedInstanceTypes"] == [XLARGE, M5]
    assert one.status == "COMPLETED"
    assert aws.sagemaker.recommender.orphaned == []
    order = called(aws)
    assert order.index(CREATE) < order.index("CreateEndpoint") < order.index(DESCRIBE)
    rows = [(row["instance"], row["by"]) for row in found()["recommender"]["rows"]]
    assert rows == [(XLARGE, "Recommender"), (XLARGE, "newsclf, peak"), (M5, "Recommender")]


def test_a_failed_or_interrupted_job_loses_nothing_and_can_be_run_again(
    loadtest: Loadtest, deployed: FakeAws
) -> None:
    jobs = deployed.sagemaker.recommender
    jobs.failure = "Model returned 4xx"

    failed = loadtest("--yes")

    assert failed.exit_code == 4
    assert "has failed: Model returned 4xx" in failed.err
    assert "--resume" in failed.err
    assert "Cost" in failed.out
    assert (found()["recommender"]["status"], found()["recommender"]["rows"]) == ("FAILED", [])
    assert len(found()["points"]) == 1

    jobs.failure, jobs.stuck = None, True
    interrupt_at(deployed, DESCRIBE)
    interrupted = loadtest("--yes", "--resume", run_folder())
    assert interrupted.exit_code == 130
    assert [each.status for each in jobs.jobs.values()] == ["FAILED", "STOPPED"]
    assert found()["recommender"]["status"] == "STOPPED"
    assert len(found()["points"]) == 1

    jobs.stuck = False
    for _ in range(2):  # what is there is not run again
        resumed = assert_complete(loadtest("--yes", "--resume", run_folder()))
        assert resumed["recommender"]["status"] == "COMPLETED"
        assert len(jobs.jobs) == 3


@pytest.mark.parametrize("moment", [CREATE, "InvokeEndpoint"])
def test_ctrl_c_stops_the_job(loadtest: Loadtest, deployed: FakeAws, moment: str) -> None:
    interrupt_at(deployed, moment)

    result = loadtest("--yes")

    assert result.exit_code == 130, result.err
    (one,) = deployed.sagemaker.recommender.jobs.values()
    assert one.status == "STOPPED"
    kept = (run_folder() / "recommender.json").read_text("utf-8")
    assert Recommendations.model_validate_json(kept).status == "STOPPED"


def test_a_measurement_that_fails_stops_the_job(loadtest: Loadtest, deployed: FakeAws) -> None:
    deployed.data_plane.model_fails = True

    result = loadtest("--yes")

    assert result.exit_code == 5, result.err
    assert STOP in called(deployed)


def test_a_refusal_is_named_before_anything_is_measured(
    loadtest: Loadtest, deployed: FakeAws
) -> None:
    deployed.fault = refuse(CREATE)

    result = loadtest("--yes")

    assert result.exit_code == 4
    assert f'"Action": "sagemaker:{CREATE}"' in result.err
    assert "InvokeEndpoint" not in called(deployed)


def test_nobody_to_ask_means_no(loadtest: Loadtest, deployed: FakeAws) -> None:
    result = loadtest()

    assert result.exit_code == 2
    assert "--yes" in result.err
    assert set(called(deployed)) <= {"GetCallerIdentity", "DescribeEndpoint"}


def test_a_job_that_does_not_end_is_stopped(
    job: Callable[..., Recommendations], deployed: FakeAws
) -> None:
    deployed.sagemaker.recommender.stuck = True

    with pytest.raises(TargetError, match="still IN_PROGRESS after 10 minutes"):
        job(at_most_s=600)
    assert STOP in called(deployed)


@pytest.mark.parametrize("operation", ["PutObject", "PutRolePolicy", CREATE])
def test_any_refusal_leaves_nothing(
    job: Callable[[], Recommendations], deployed: FakeAws, operation: str
) -> None:
    deployed.fault = refuse(operation)

    with pytest.raises(TargetError) as refused:
        job()
    assert operation in str(refused.value.hint)


def test_a_quota_that_is_too_small_is_said_before_anything_is_made(
    job: Callable[[], Recommendations], deployed: FakeAws
) -> None:
    deployed.services.quotas = {f"{XLARGE} for endpoint usage": 1}

    with pytest.raises(TargetError, match="is 1 in us-east-1, and 2 are needed"):
        job()
    assert set(called(deployed)) == {
        "DescribeEndpoint",
        "DescribeEndpointConfig",
        "GetCallerIdentity",
        "ListServiceQuotas",
    }


@pytest.mark.parametrize("fault", ["throttling", "failure", LOST])
def test_every_call_may_fail_once(
    job: Callable[[], Recommendations], deployed: FakeAws, fault: str
) -> None:
    deployed.fault = lambda _, call: fault if call.attempt == 1 else None

    assert job().status == "COMPLETED"
    assert len(deployed.sagemaker.recommender.jobs) == 1


def test_a_job_that_can_not_be_seen_to_end_keeps_what_it_needs(
    job: Callable[[], Recommendations], on_aws: FakeAws, newsclf: Cli
) -> None:
    """Without its role it could not take away its endpoints; the teardown ends it first."""
    on_aws.fault = lambda _, call: "denied" if call.operation in (DESCRIBE, STOP) else None

    with pytest.raises(TargetError, match=r"looking for .* newsclf-news-.* is not allowed"):
        job()
    assert len(policies()) == len(samples(on_aws)) == 1
    assert newsclf("teardown").exit_code == 1
    assert len(policies()) == 1
    on_aws.fault = lambda _i, _c: None
    assert newsclf("teardown").exit_code == 0
    assert on_aws.world.left() == []
    assert on_aws.sagemaker.recommender.running == on_aws.sagemaker.recommender.orphaned == []


def test_a_kill_after_any_call_leaves_nothing_that_a_teardown_does_not_find(
    job: Callable[[], Recommendations], on_aws: FakeAws, newsclf: Cli
) -> None:
    on_aws.sagemaker.recommender.polls = 1
    moments: dict[str, Any] = {}

    def keep(index: int, call: Call) -> None:
        if not is_reading(call) or (
            call.operation == DESCRIBE and on_aws.sagemaker.recommender.running
        ):
            moments[f"{index} {call}"] = on_aws.save()

    on_aws.done = keep
    job()
    on_aws.done = lambda _i, _c: None
    files, wrong = read_state(), []
    for moment, saved in moments.items():
        on_aws.restore(saved)
        write_state(files)
        result = newsclf("teardown")
        jobs = on_aws.sagemaker.recommender
        if result.exit_code or on_aws.world.left() or jobs.running or jobs.orphaned:
            wrong.append(f"{moment}: {on_aws.world.left()} {jobs.running} {result.err}")
    assert not wrong, "\n".join(wrong)
    assert len(moments) >= 6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--url", "http://127.0.0.1:9/invocations"), "which --url is not"),
        (("--instances", "local:1"), "instances are of this machine"),
        (("--instances", "ml.t2.medium"), "burstable"),
        (("--deployment", "here"), "'here' is deployed on this machine"),
        (("--deployment", "on-demand"), "'on-demand' is serverless"),
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
            name="here",
            target="local",
            created="2026-11-22",
            model=Path("model"),
            model_digest="0",
            folder=tmp_path,
            server=Process(status="ready", port=9),
            workers=1,
        )
    )
    deployments.save(
        AwsDeployment(
            name="on-demand",
            target="aws",
            created="2026-11-22",
            region="us-east-1",
            account=ACCOUNT,
            model=Path("model"),
            model_digest="0",
            folder=tmp_path,
            spec=AwsSpec(image="x", serverless=Serverless()),
        )
    )
    return aws


def answer(**metrics: float | str) -> dict[str, Any]:
    """Of DescribeInferenceRecommendationsJob, on ml.c5.xlarge."""
    endpoint = {"EndpointName": "e", "VariantName": "v", "InstanceType": XLARGE}
    serverless = {"EndpointName": "e", "VariantName": "v", "ServerlessConfig": {}}
    return {
        "InferenceRecommendations": [
            {
                "Metrics": SAMPLE[XLARGE] | metrics,
                "EndpointConfiguration": endpoint,
                "ModelConfiguration": {},
            },
            {"EndpointConfiguration": serverless, "ModelConfiguration": {}},
        ],
        "ResponseMetadata": {},
    }


def compared(**changes: Any) -> Any:
    kept = Recommendations(
        job="j",
        region="us-east-1",
        instances=[XLARGE],
        status="COMPLETED",
        reason=None,
        found=[],
        raw={},
    ).model_copy(update=changes)
    return beside_ours(kept, summary([]))


def test_its_figures_in_our_units() -> None:
    (one,) = recommendations(answer(CpuUtilization=math.nan))  # serverless is left out

    assert one.model_latency_ms == 263.596
    assert one.cpu_percent is None
    assert recommendations(answer(CpuUtilization="NaN")) == [one]
    assert plain({"a": [math.nan], "ResponseMetadata": {}}) == {"a": ["NaN"]}


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
    warned = "\n".join(caveats(compared(found=recommendations(answer(**metrics)))))

    assert (said in warned) if said else warned == ""


def test_missing_figures_and_settings_of_its_own_are_said() -> None:
    tuned = recommendations(answer())[0].model_copy(update={"environment": {"OMP": "2"}})

    assert "no figures of ml.c5.xlarge" in "".join(caveats(compared()))
    assert "OMP=2" in "".join(caveats(compared(found=[tuned])))
    assert list(caveats(compared(status="STOPPED", reason="why"))) == [
        "SageMaker's Inference Recommender: why."
    ]


def test_ours_is_compared_with_the_cheapest_and_at_the_objective(run_costs: Any) -> None:
    theirs = recommendations(answer())[0]
    dear = theirs.model_copy(update={"usd_per_million": 9.0, "max_invocations_per_minute": 99})
    kept = Recommendations(
        job="j",
        region="us-east-1",
        instances=[XLARGE],
        status="COMPLETED",
        reason=None,
        found=[dear, theirs],
        raw={},
    )

    rows = beside_ours(kept, run_costs).rows

    assert [row.by for row in rows] == [
        "Recommender",
        "Recommender",
        "newsclf, peak",
        "newsclf, objective",
    ]
    assert rows[2].max_invocations_per_minute == 6000
    assert rows[2].invocations_change == pytest.approx(6000 / 648 - 1)
    assert rows[3].max_invocations_per_minute == 3000
    assert rows[3].usd_per_million == pytest.approx(0.204 / 3600 / 50 * 1e6)
    table = recommender_table(beside_ours(kept, run_costs))
    assert table.rows[2][7] == "+825.9 %"


@pytest.fixture
def run_costs() -> Any:
    """A run with 100 answers a second at its peak, and 50 at the objective."""
    from newsclf.costs.prices import prices_at
    from newsclf.loadtest.analysis.costs import CostBasis, RunCosts

    points = [point(instance=XLARGE)]
    searches = [search(points[0], instance=XLARGE, low=50.0)]
    basis = CostBasis(region="us-east-1")
    costs = RunCosts(points, searches, prices_at(Path("none"), None), basis)
    return summary(points, searches).model_copy(update={"costs": costs.rows()})


def test_the_same_sample_gives_the_same_bytes() -> None:
    bodies = [b'{"inputs": ["%d"]}' % i for i in range(500)]

    assert sample_archive(bodies) == sample_archive(bodies)
    assert sample_archive(bodies) == sample_archive(bodies[:100])


def refuse(operation: str) -> Callable[[int, Call], str | None]:
    return lambda _, call: "denied" if call.operation == operation else None
