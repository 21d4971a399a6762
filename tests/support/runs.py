"""What a load test writes: builders of its records, and the check of a run that was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from newsclf.common.intervals import Interval
from newsclf.loadtest.store.records import (
    Load,
    Machine,
    Objective,
    Payloads,
    PointSummary,
    Probe,
    Run,
    Search,
    Summary,
)
from tests.conftest import Result


def point(
    *,
    instance: str = "ml.c5.xlarge",
    concurrency: int | None = 8,
    throughput_per_s: float = 100.0,
    mean_ms: float = 60.0,
    repeat: int = 1,
    **fields: Any,
) -> PointSummary:
    """A point of a closed loop, or without concurrency of an open one."""
    model = "closed" if concurrency else "poisson"
    latency = {
        name: Interval(value=mean_ms * factor)
        for name, factor in (("p50", 0.9), ("p90", 1.5), ("p95", 1.8), ("p99", 2.5))
    }
    values: dict[str, Any] = {
        "id": f"{instance}-{model}-{concurrency or throughput_per_s:g}-r{repeat}",
        "instance": instance,
        "load": Load(
            model="closed" if concurrency else "poisson",
            concurrency=concurrency,
            rate_per_s=None if concurrency else throughput_per_s,
            warmup_s=5,
            duration_s=30,
            max_in_flight=concurrency or 100,
        ),
        "repeat": repeat,
        "requests": 3000,
        "outcomes": {"OK": 3000},
        "error_fraction": 0.0,
        "offered_per_s": throughput_per_s,
        "throughput_per_s": throughput_per_s,
        "response_ms": latency,
        "response_all_ms": latency,
        "service_ms": latency,
        "mean_in_flight": throughput_per_s * mean_ms / 1000,
        "send_delay_p99_ms": 0.1,
        "late_fraction": 0.0,
        "achieved_fraction": 1.0,
        "little_gap": 0.0,
        "windows": [],
        "verdict": "OK",
        "reasons": [],
    }
    return PointSummary.model_validate(values | fields)


def search(passed: PointSummary | None, *, instance: str, low: float | None) -> Search:
    """A search whose highest rate that passed has this point."""
    probes = [
        Probe(
            rate_per_s=rate,
            requests=3000,
            misses=0,
            passed=ok,
            reason="",
            point=passed.id if ok and passed else "another",
        )
        for rate, ok in ((low or 1.0, low is not None), (2 * (low or 1.0), False))
    ]
    return Search(
        objectives=[Objective(percentile=95, limit_ms=200)],
        instance=instance,
        low_per_s=low,
        high_per_s=2 * (low or 1.0),
        confirmed=low is not None,
        note="",
        probes=probes,
    )


def summary(
    points: list[PointSummary], searches: list[Search] | None = None, **fields: Any
) -> Summary:
    """The summary of a run with these points."""
    run = Run(
        name="test",
        started_utc="2026-11-22T12:00:00+00:00",
        config_sha256="0",
        target="http://127.0.0.1:8080/invocations",
        kind="local",
        seed=42,
        loads=[each.load for each in points],
        repeats=1,
        payloads=Payloads(
            source="sample",
            count=1,
            sha256="0",
            characters_mean=80,
            characters_p50=80,
            characters_p95=120,
            characters_max=160,
        ),
        machine=Machine(cpu="x", cores=2, kernel="x", python="3.11", packages={}),
        shares_host=True,
        **fields,
    )
    return Summary(run=run, points=points, searches=searches or [], costs=[])


def assert_complete(result: Result) -> dict[str, Any]:
    """Check that the only load test ended in order, and read its summary."""
    (file,) = Path(".newsclf/runs").glob("*/summary.json")
    summary: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    assert_outcome_of_verdicts(result, summary)
    return summary


def assert_outcome_of_verdicts(result: Result, summary: dict[str, Any]) -> None:
    """Check that exit code, message and costs are those of the verdicts in a summary.

    How steady a busy machine lets a load test be is not known, so the verdicts are not either.
    """
    believed = {point["instance"] for point in summary["points"] if point["verdict"] == "OK"}
    assert result.exit_code == (0 if believed else 6), result.err
    assert ("no point of this load test is reliable" in result.err) == (not believed)
    priced = {row["instance"] for row in summary["costs"] if row["usd_per_hour"] is not None}
    assert priced <= believed
