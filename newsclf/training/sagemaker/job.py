"""The record of a training job on SageMaker: all that is needed to find it again."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from newsclf.common.account_rules import NO_RULES, AccountRules
from newsclf.common.errors import ModelError
from newsclf.common.records import LenientRecord, find_record


class JobRecord(LenientRecord):
    """A job that was asked for; it is written down before anything of it is made."""

    schema_version: Literal[1] = 1
    name: str
    """Everything that is made for the job is named after it, as after a deployment."""
    created: str
    """UTC, ISO 8601."""
    region: str
    profile: str | None = None
    account: str
    """Twelve digits."""
    image: str
    instance: str
    spot: bool = False
    max_runtime_s: int
    usd_per_hour: float | None = None
    """On demand; None: AWS tells no price."""
    rules: AccountRules = NO_RULES
    """What the account demands of all that is made."""
    fetched: bool = False
    """Whether its model has been fetched and checked, and only tidying up is left."""

    @property
    def most_usd(self) -> float | None:
        """What it can cost at most: SageMaker ends it after `max_runtime_s`."""
        return None if self.usd_per_hour is None else self.usd_per_hour * self.max_runtime_s / 3600


def read_job(path: Path) -> JobRecord | None:
    """The recorded job; None if none is.

    Raises:
        ModelError: the file is no such record.
    """
    return find_record(
        path,
        JobRecord.model_validate_json,
        error=ModelError,
        hint="newsclf status --region REGION finds the job, and newsclf teardown removes it",
    )
