"""Resources of the fake AWS: list, save and restore them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moto.apigatewayv2.models import apigatewayv2_backends
from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.awslambda.models import lambda_backends
from moto.budgets.models import budgets_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.base_backend import BackendDict
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.iam.models import iam_backends
from moto.logs.models import logs_backends
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends
from moto.scheduler.models import scheduler_backends

REGIONS = ("us-east-1", "eu-west-1")
_REGIONAL: tuple[BackendDict[Any], ...] = (
    sagemaker_backends,
    lambda_backends,
    apigatewayv2_backends,
    logs_backends,
    cloudwatch_backends,
    applicationautoscaling_backends,
    scheduler_backends,
)
_GLOBAL: tuple[BackendDict[Any], ...] = (iam_backends, s3_backends, budgets_backends)


@dataclass(frozen=True, slots=True)
class WorldSnapshot:
    """A copy of what all backends held."""

    backends: list[Any]
    states: list[dict[str, Any]]
    bucket_owners: dict[str, Any]
    """Names of buckets are global."""


class World:
    """Moto's backends."""

    @property
    def _backends(self) -> list[Any]:
        """Looked up anew, since a `mock_aws` of another test makes new ones."""
        regional = [b[ACCOUNT][region] for b in _REGIONAL for region in REGIONS]
        return regional + [b[ACCOUNT]["aws"] for b in _GLOBAL]

    def reset(self) -> None:
        """Empty the account."""
        for backend in self._backends:
            backend.reset()
        s3_backends.bucket_accounts = {}

    def save(self) -> WorldSnapshot:
        """Copy everything."""
        backends = self._backends
        states = [_copy(backend.__dict__, backends, backends) for backend in backends]
        return WorldSnapshot(backends, states, dict(s3_backends.bucket_accounts))

    def restore(self, snapshot: WorldSnapshot) -> None:
        """Restore a copy; it can be restored again."""
        s3_backends.bucket_accounts = dict(snapshot.bucket_owners)
        backends = self._backends
        for backend, state in zip(backends, snapshot.states, strict=True):
            fresh = _copy(state, snapshot.backends, backends)
            backend.__dict__.clear()
            backend.__dict__.update(fresh)

    def left(self) -> list[str]:
        """All resources that cost or show, one line each."""
        return sorted(line for region in REGIONS for line in _regional(region)) + sorted(_global())


def _copy(state: dict[str, Any], saved: list[Any], current: list[Any]) -> dict[str, Any]:
    """Copy what a backend holds; references to saved backends become ones to the current."""
    memo = {id(old): new for old, new in zip(saved, current, strict=True)}
    return copy.deepcopy(state, memo)


def _regional(region: str) -> Iterator[str]:
    sagemaker: Any = sagemaker_backends[ACCOUNT][region]
    for kind, things in (
        ("model", sagemaker._models),
        ("endpoint config", sagemaker.endpoint_configs),
        ("endpoint", sagemaker.endpoints),
        ("training job", sagemaker.training_jobs),
        ("API", {a.name: a for a in apigatewayv2_backends[ACCOUNT][region].apis.values()}),
        (
            "function",
            {f.function_name: f for f in lambda_backends[ACCOUNT][region].list_functions()},
        ),
        ("log group", logs_backends[ACCOUNT][region].groups),
        ("alarm", cloudwatch_backends[ACCOUNT][region].alarms),
        ("scaling target", _flat(applicationautoscaling_backends[ACCOUNT][region].targets)),
        ("scaling policy", applicationautoscaling_backends[ACCOUNT][region].policies),
        ("schedule", _schedules(region)),
    ):
        yield from (f"{region} {kind} {name}" for name in things)


def _flat(targets: Any) -> list[str]:
    return [f"{dimension} {name}" for dimension, each in targets.items() for name in each]


def _schedules(region: str) -> list[str]:
    groups: Any = scheduler_backends[ACCOUNT][region].schedule_groups
    return [name for group in groups.values() for name in group.schedules]


def _global() -> Iterator[str]:
    buckets: Any = s3_backends[ACCOUNT]["aws"].buckets
    for bucket in buckets.values():
        yield f"bucket {bucket.name}"
        yield from (f"object {bucket.name}/{key}" for key in bucket.keys)
    iam: Any = iam_backends[ACCOUNT]["aws"]
    yield from (f"role {role.name}" for role in iam.roles.values())
    yield from (f"policy {arn}" for arn in iam.managed_policies if f"::{ACCOUNT}:" in arn)
    budgets: Any = budgets_backends[ACCOUNT]["aws"]
    yield from (f"budget {name}" for name in budgets.budgets.get(ACCOUNT, {}))
