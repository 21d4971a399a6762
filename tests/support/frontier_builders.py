"""A frontier without models or servers."""

from __future__ import annotations

from typing import Any

from newsclf.common.intervals import Interval
from newsclf.frontier.choice import price_of
from newsclf.frontier.records import AgainstTeacher, Frontier, FrontierRow, Host, Quality, Speed


def build_speed(per_core_per_s: float, **changes: Any) -> Speed:
    fields: dict[str, Any] = {
        "cores": 1,
        "rounds": 3,
        "per_core_per_s": _around(per_core_per_s, 0.04 * per_core_per_s),
        "users": 8,
        "open_per_s": per_core_per_s / 2,
        "percentiles_ms": {
            "p50": _around(4, 0.2),
            "p95": _around(9, 1),
            "p99": _around(15, 3),
        },
        "mean_ms": 5.0,
        "start_up_s": 1.4,
        "serving_bytes": 23_000_000,
        "measured_on": "2026-01-02",
        "doubts": [],
    }
    return Speed.model_validate(fields | changes)


def build_row(
    name: str,
    accuracy: float,
    per_core_per_s: float | None,
    *,
    at_most: float | None = None,
    delta: float = 0.02,
) -> FrontierRow:
    """A model; with `at_most` one that loses that much accuracy at most."""
    speed = None if per_core_per_s is None else build_speed(per_core_per_s)
    against = None
    if at_most is not None:
        against = AgainstTeacher(
            loss=0.0,
            at_most=at_most,
            only_teacher_right=5,
            only_model_right=5,
            p_value=0.001 if at_most < delta else 0.2,
            not_worse=at_most < delta,
        )
    return FrontierRow(
        name=name,
        path=f"models/{name}",
        digest=(name.encode().hex() * 64)[:64],
        base="tiny",
        quality=Quality(
            runtime="int8",
            accuracy=_around(accuracy, 0.015),
            macro_f1=_around(accuracy - 0.02, 0.02),
            against_teacher=against,
        ),
        speed=speed,
        price=None
        if speed is None
        else price_of(speed, usd_per_hour=0.102, vcpus=2, utilisation=0.5),
    )


def build_frontier(models: list[FrontierRow], **changes: Any) -> Frontier:
    fields: dict[str, Any] = {
        "created": "2026-01-02T03:04:05+00:00",
        "data": "sample",
        "data_digest": "ab" * 32,
        "part": "validation",
        "rows": 750,
        "left_out": 0,
        "machine": Host(
            cpu="Example CPU", instruction_sets=["avx2"], cores=2, versions={"python": "3.11.9"}
        ),
        "load": "8 users",
        "instance": "ml.c5.large",
        "region": "us-east-1",
        "vcpus": 2,
        "usd_per_hour": 0.102,
        "price_date": "2026-01-01",
        "price_source": "list",
        "utilisation": 0.5,
        "delta": 0.02,
        "teacher": models[0].name,
        "teacher_digest": models[0].digest,
        "chosen": None,
        "reason": "none",
        "models": models,
    }
    return Frontier.model_validate(fields | changes)


def _around(value: float, margin: float) -> Interval:
    return Interval(value=value, low=value - margin, high=value + margin)
