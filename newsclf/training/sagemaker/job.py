"""The record of a training job on SageMaker: all that is needed to find it again."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from newsclf.common.account_rules import NO_RULES, AccountRules
from newsclf.common.errors import ModelError, reason_of
from newsclf.common.files import read_regular, write_text
from newsclf.common.findings import first_finding

_MOST_BYTES = 1 << 20


class ManagedJob(BaseModel):
    """A job that was asked for; it is written down before anything of it is made."""

    model_config = ConfigDict(extra="ignore", frozen=True)

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


def read_job(path: Path) -> ManagedJob | None:
    """The recorded job; None if none is.

    Raises:
        ModelError: the file is no such record.
    """
    try:
        return ManagedJob.model_validate_json(read_regular(path, at_most_bytes=_MOST_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({'it is a link' if path.is_symlink() else reason_of(error)})",
            hint="newsclf status --region REGION finds the job, and newsclf teardown removes it",
        ) from None
    except ValidationError as error:
        raise ModelError(
            f"{path}: not the record of a training job of this version of newsclf"
            f" ({first_finding(error)})",
            hint="newsclf status --region REGION finds the job, and newsclf teardown removes it",
        ) from error


def write_job(path: Path, job: ManagedJob) -> None:
    """Write the record whole or not at all."""
    write_text(path, job.model_dump_json(indent=2) + "\n")
