"""CloudWatch's figures of an endpoint, from the service to the report of a load test."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from newsclf.common.errors import ServiceError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.metrics import EndpointMetrics
from newsclf.deploy.server_figures import Datapoint, ServerFigures, mean_ms
from newsclf.loadtest.analysis.server_side import server_side
from newsclf.loadtest.report.headline import warnings
from newsclf.loadtest.server_figures import read_figures
from newsclf.loadtest.store.records import Point
from newsclf.loadtest.store.run_folder import RunFolder
from newsclf.loadtest.store.samples import SAMPLE
from tests.conftest import Cli
from tests.integration.deploy.aws.test_extras import HastyClock
from tests.support.loadserver import Behaviour, running
from tests.support.loadtest_builders import closed_load
from tests.support.runs import assert_complete, point, summary

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ENDPOINT = "newsclf-news"
REQUESTS = {
    "Invocations": (1, "None"),
    "ModelLatency": (12_000, "Microseconds"),
    "OverheadLatency": (3_000, "Microseconds"),
    "Invocation5XXErrors": (0, "None"),
    "Invocation4XXErrors": (0, "None"),
}
"""Of one request: value and unit."""


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    httpx.post(f"http://{host}:{port}/moto-api/reset")  # all servers of a process have one memory
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    clients = Clients("us-east-1", clock=HastyClock())
    yield clients
    clients.client("cloudwatch").close()
    server.stop()


def put(clients: Clients, minute: datetime, requests: int, cpu_percent: float = 150) -> None:
    """A minute in which so many requests came."""
    dimensions = [
        {"Name": "EndpointName", "Value": ENDPOINT},
        {"Name": "VariantName", "Value": "AllTraffic"},
    ]

    def put_into(namespace: str, metric: str, **value: Any) -> None:
        datum = {"MetricName": metric, "Dimensions": dimensions, "Timestamp": minute, **value}
        clients.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[datum])

    for metric, (value, unit) in REQUESTS.items():
        put_into("AWS/SageMaker", metric, Unit=unit, Values=[value], Counts=[requests])
    machine = "/aws/sagemaker/Endpoints"
    put_into(machine, "CPUUtilization", Unit="Percent", Value=cpu_percent)
    put_into(machine, "MemoryUtilization", Unit="Percent", Value=30)


def endpoint(clients: Clients) -> EndpointMetrics:
    return EndpointMetrics(clients, ENDPOINT)


def test_all_minutes_that_a_window_touches_are_read(clients: Clients) -> None:
    for k, requests in enumerate((7, 100, 60, 9)):
        put(clients, NOON + k * MINUTE, requests)
    window = (NOON + timedelta(seconds=70), NOON + timedelta(seconds=150))

    figures = endpoint(clients).read("ml.c5.large", window, 160, lambda: False)

    counts = [p for p in figures.datapoints if p.metric == "Invocations"]
    assert [(p.begin_utc, p.sum) for p in counts] == [(NOON + MINUTE, 100), (NOON + 2 * MINUTE, 60)]
    assert figures.counted_fraction == 1
    (latency, _) = [p for p in figures.datapoints if p.metric == "ModelLatency"]
    assert (latency.unit, latency.samples, latency.sum) == ("Microseconds", 100, 1_200_000)
    assert {p.metric for p in figures.datapoints} == {
        *REQUESTS,
        "CPUUtilization",
        "MemoryUtilization",
    }


def test_it_waits_until_cloudwatch_has_counted_all(clients: Clients) -> None:
    asked = itertools.count(1)

    def goes_on() -> bool:
        if next(asked) == 3:
            put(clients, NOON, 500)
        return True

    figures = endpoint(clients).read("x", (NOON, NOON + 0.5 * MINUTE), 500, goes_on)

    assert clients.clock.now_s() == 3 * 15
    assert figures.counted_fraction == 1


def test_it_takes_what_there_is_after_five_minutes_or_when_it_is_told_to(clients: Clients) -> None:
    put(clients, NOON, 100)
    window = (NOON, NOON + 0.5 * MINUTE)

    told = endpoint(clients).read("x", window, 500, lambda: False)
    assert clients.clock.now_s() == 0
    late = endpoint(clients).read("x", window, 500, lambda: True)

    assert late == told
    assert late.counted_fraction == 0.2
    assert clients.clock.now_s() == 300


def datapoint(
    metric: str, minute: int, total: float, samples: float = 1, unit: str = "None"
) -> Any:
    return Datapoint(
        metric=metric, unit=unit, begin_utc=NOON + minute * MINUTE, samples=samples, sum=total
    )


def measured(begin_s: float, length_s: float) -> Point:
    """A point whose measured window begins so long after noon."""
    return Point(
        id="p",
        load=closed_load(1),
        instance="ml.c5.large",
        started_utc=(NOON + timedelta(seconds=begin_s - 5)).isoformat(),
        window_begin_ns=5_000_000_000,
        window_end_ns=round((5 + length_s) * 1e9),
        workers=[],
        connections_opened=1,
    )


FIGURES = ServerFigures(
    instance="ml.c5.large",
    source="CloudWatch",
    sent=1000,
    datapoints=[
        *(
            datapoint("ModelLatency", k, 100 * ms, 100, "Milliseconds")
            for k, ms in enumerate((50, 10, 20, 70))
        ),
        *(datapoint("Invocations", k, 250, 250) for k in range(4)),
        *(datapoint("CPUUtilization", k, 100 * k, 1, "Percent") for k in range(4)),
    ],
)


def test_figures_are_read_from_the_first_request_of_the_warm_up_on(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_run(summary([point()]).run)
    folder.write_point(measured(63, 20), np.zeros(0, dtype=SAMPLE))
    asked: list[object] = []

    def read(instance: str, window: object, *_: object) -> ServerFigures:
        asked.append((instance, window))
        return FIGURES

    assert read_figures({"ml.c5.large": read}, folder, lambda: True) is None
    seconds = (timedelta(seconds=58), timedelta(seconds=83))
    assert asked == [("ml.c5.large", tuple(NOON + each for each in seconds))]


def test_only_minutes_within_the_window_count_if_there_is_one() -> None:
    side = server_side(measured(30, 170), [FIGURES])  # 12:00:30 to 12:03:20 holds two whole minutes

    assert side is not None
    assert side.whole_minutes
    assert side.model_latency_ms == pytest.approx(15)
    assert side.invocations == 500
    assert side.cpu_percent == pytest.approx(150)
    assert side.memory_percent is side.overhead_latency_ms is side.errors_4xx is None
    assert side.counted_fraction == 1


def test_a_short_window_gets_the_minutes_that_it_touches() -> None:
    side = server_side(measured(110, 20), [FIGURES])  # 12:01:50 to 12:02:10

    assert side is not None
    assert not side.whole_minutes
    assert side.invocations == 500
    assert side.model_latency_ms == pytest.approx(15)


def test_what_was_not_read_is_not_there() -> None:
    other = FIGURES.model_copy(update={"instance": "ml.m5.large"})

    assert server_side(measured(30, 170), [other]) is None
    assert server_side(measured(3600, 170), [FIGURES]) is None


@pytest.mark.parametrize(
    ("unit", "ms"), [("Microseconds", 0.25), ("Milliseconds", 250), ("Seconds", 250_000)]
)
def test_the_unit_of_a_latency_is_the_datapoints(unit: str, ms: float) -> None:
    assert mean_ms([datapoint("ModelLatency", 0, 1000, 4, unit)], "ModelLatency") == ms


def test_a_latency_that_is_no_time_is_refused() -> None:
    with pytest.raises(ServiceError, match="Bytes"):
        mean_ms([datapoint("ModelLatency", 0, 1000, 4, "Bytes")], "ModelLatency")


def test_the_report_warns_of_counts_that_differ_and_of_coarse_minutes() -> None:
    side = server_side(measured(110, 20), [FIGURES.model_copy(update={"sent": 2000})])

    found = "\n".join(warnings(summary([point(server=side)])))

    assert "CloudWatch counted 50" in found
    assert "no whole minute" in found


def deployed(url: str) -> None:
    """The record of a deployment on AWS whose API is at this address."""
    document = {
        "schema_version": 1,
        "name": "news",
        "target": "aws",
        "created": "2026-11-22",
        "region": "us-east-1",
        "account": "123456789012",
        "model": "model",
        "model_digest": "0",
        "spec": {"image": "x", "instance": "ml.c5.large"},
        "api": {"url": url, "auth": "none"},
    }
    path = Path(".newsclf/deployments/news.json")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(document), encoding="utf-8")


def test_a_load_test_on_aws_shows_what_cloudwatch_says(
    clients: Clients, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    for k in range(3):
        put(clients, now + k * MINUTE, 2000)  # more than will be sent: no waiting
    with running(Behaviour(service_s=0.01)) as server:
        # As with an emulator: nothing is sent to another address than API Gateway's.
        monkeypatch.setenv("AWS_ENDPOINT_URL_APIGATEWAYV2", server.url.rpartition("/")[0])
        deployed(server.url)
        result = newsclf(
            "loadtest",
            "--deployment",
            "news",
            "--concurrency",
            "1",
            "--warmup",
            "0.2",
            "--duration",
            "1",
        )

    (found,) = assert_complete(result)["points"]
    (folder,) = Path(".newsclf/runs").iterdir()
    assert "What the service measured" in result.out
    assert found["server"]["model_latency_ms"] == 12
    assert found["server"]["overhead_latency_ms"] == 3
    assert found["server"]["cpu_percent"] == 150
    assert not found["server"]["whole_minutes"]
    for name in ("report.md", "report.html"):
        before = (folder / name).read_bytes()
        assert b"What the service measured" in before
        assert newsclf("report", folder).exit_code == 0
        assert (folder / name).read_bytes() == before  # from files, without AWS
