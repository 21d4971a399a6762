"""Record of a training job on SageMaker: all that is needed to find it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator

from newsclf.common.account_rules import NO_RULES, AccountRules
from newsclf.common.errors import ModelError
from newsclf.common.records import LenientRecord, find_record
from newsclf.common.suggestions import INSTANCE

_MAX_DAYS = 5
"""SageMaker's quota for a job unless it is raised. Source: "Amazon SageMaker AI endpoints and
quotas"."""


def _instance(name: str) -> str:
    if not INSTANCE.fullmatch(name):
        raise ValueError("not an instance type such as ml.m5.xlarge")
    return name


def _runtime(seconds: int) -> int:
    if seconds > _MAX_DAYS * 86_400:
        raise ValueError(f"SageMaker lets a job run for {_MAX_DAYS} days")
    return seconds


class JobRecord(LenientRecord):
    """A training job; it is recorded before any of its resources are created."""

    schema_version: Literal[1] = 1
    name: str
    """All resources of the job are named after it, as after a deployment."""
    created: str
    """UTC, ISO 8601."""
    region: str
    profile: str | None = None
    account: str = ""
    """Twelve digits; empty until it is known."""
    image: str
    instance: Annotated[str, AfterValidator(_instance)]
    spot: bool = False
    max_runtime_s: Annotated[int, AfterValidator(_runtime)]
    usd_per_hour: float | None = None
    """On demand; None: the price is not known."""
    rules: AccountRules = NO_RULES
    """What the account demands of everything that is created in it."""
    fetched: bool = False
    """Whether its model has been fetched and checked, and only cleaning up is left."""

    @property
    def most_usd(self) -> float | None:
        """The highest cost: SageMaker ends the job after `max_runtime_s`."""
        return None if self.usd_per_hour is None else self.usd_per_hour * self.max_runtime_s / 3600


def read_job(path: Path) -> JobRecord | None:
    """The recorded job; None if there is no file.

    Raises:
        ModelError: the file is not such a record.
    """
    return find_record(
        path,
        JobRecord.model_validate_json,
        error=ModelError,
        hint="newsclf status --region REGION finds the job, and newsclf teardown removes it",
    )
