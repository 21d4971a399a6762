"""Training jobs that take their course; moto's complete at once and do nothing.

Sources of states and messages: botocore's documentation of DescribeTrainingJob (SecondaryStatus)
and StopTrainingJob; boto3#2808 and amazon-sagemaker-examples#2360 (not found), #2489 (no objects
under the URL).
"""

from __future__ import annotations

import io
import re
import tarfile
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.s3.models import s3_backends

from tests.support.fakeaws.answers import Answer, RefusedError, ok
from tests.support.fakeaws.container import Container, NotAllowedError
from tests.support.fakeaws.logs import write_log
from tests.support.fakeaws.requests import Call
from tests.support.fakeaws.roles import allows, trusts

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_TRAINING_S, _BILLABLE_S = 200, 60
"""Of a spot job; another bills all of it."""
_LOOK_S = 0.2
"""How long a look at a running job takes."""


@dataclass
class _Job:
    request: dict[str, Any]
    region: str
    status: str = "InProgress"
    secondary: str = "Pending"
    ahead: list[str] = field(
        default_factory=lambda: ["Starting", "Starting", "Downloading", "Training"]
    )
    """What it goes through next, one at each look."""
    transitions: list[dict[str, Any]] = field(default_factory=list)
    machines: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    failure: str | None = None
    artifacts: str | None = None
    container: Container | None = None


@dataclass
class Training:
    """How a test wants jobs to go from now on."""

    model: Path | None = None
    """A model directory that a job is to come out with, without running."""
    interruptions: int = 0
    """How many machines are taken away after their first checkpoint."""
    stuck: bool = False
    """Jobs stay Starting."""
    failure: str | None = None
    """Why jobs fail without having run."""
    ends: str = "Failed"
    """As what they end then: Failed, MaxRuntimeExceeded, MaxWaitTimeExceeded."""
    lines: tuple[str, ...] = ()
    """What else a job says."""
    unassumable: int = 0
    """How many CreateTrainingJob are still told that the role can't be assumed."""
    jobs: dict[str, _Job] = field(default_factory=dict)

    def close(self) -> None:
        """Release all machines."""
        for job in self.jobs.values():
            _close(job)

    def before_CreateTrainingJob(self, call: Call) -> None:
        """Refuse a request that SageMaker would refuse."""
        params = call.params
        if params["TrainingJobName"] in self.jobs:
            raise RefusedError(
                "ResourceInUse",
                "Training job names must be unique within an AWS account and region, and a training"
                f" job with this name already exists ({params['TrainingJobName']})",
            )
        role = params["RoleArn"]
        if self.unassumable or not trusts(role, "sagemaker.amazonaws.com"):
            self.unassumable = max(0, self.unassumable - 1)
            raise _invalid(f"Could not assume role {role}.")
        for channel in params["InputDataConfig"]:
            uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
            bucket, _, prefix = uri.removeprefix("s3://").partition("/")
            buckets = s3_backends[ACCOUNT]["aws"].buckets
            keys = list(buckets[bucket].keys) if bucket in buckets else []
            if not any(key.startswith(prefix) for key in keys):
                raise _invalid(f'No S3 objects found under S3 URL "{uri}"')
        stop = params["StoppingCondition"]
        spot = params.get("EnableManagedSpotTraining", False)
        if spot != ("MaxWaitTimeInSeconds" in stop) or (
            spot and stop["MaxWaitTimeInSeconds"] < stop["MaxRuntimeInSeconds"]
        ):
            raise _invalid("MaxWaitTimeInSeconds goes with spot, and above MaxRuntimeInSeconds")

    def after_CreateTrainingJob(self, call: Call) -> None:
        """Start the job."""
        job = _Job(deepcopy(call.params), call.region)
        if self.stuck:
            job.ahead = ["Starting"]
        self.jobs[call.params["TrainingJobName"]] = job

    def before_DescribeTrainingJob(self, call: Call) -> Answer:
        """Advance the job by one step and report its status."""
        job = self.jobs.get(call.params["TrainingJobName"])
        if job is None:
            raise _invalid("Requested resource not found.")
        self._advance(job)
        return ok(_described(job))

    def before_StopTrainingJob(self, call: Call) -> Answer:
        """Stop the machine."""
        job = self.jobs.get(call.params["TrainingJobName"])
        if job is None:
            raise _invalid("Requested resource not found.")
        if job.status != "InProgress":
            raise _invalid(
                "The request was rejected because the training job is in status " + job.status
            )
        _close(job)
        job.status, job.ahead = "Stopping", ["Stopping", "Stopped"]
        return ok({})

    def _advance(self, job: _Job) -> None:
        if job.container is not None:
            self._look_at(job, job.container)
        if not job.ahead:
            return
        job.secondary = job.ahead.pop(0)
        job.transitions.append(
            {"Status": job.secondary, "StartTime": 0, "StatusMessage": f"it is {job.secondary}"}
        )
        if job.secondary == "Training":
            self._train(job)
        elif job.secondary in ("Completed", "Failed", "Stopped"):
            job.status = job.secondary
        elif job.secondary.startswith("Max"):
            job.status = "Stopped"

    def _train(self, job: _Job) -> None:
        job.machines += 1
        self._log(job, self.lines)
        if self.failure is not None:
            _fail(job, self.failure, self.ends)
        elif self.model is None:
            _fail(job, "the fake's machine could not be made")  # else a test would never end
            try:
                job.container = Container(job.request)
                job.failure, job.ahead = None, []
            except NotAllowedError as error:
                _fail(job, f"ClientError: {error}")
        else:
            _come_out_with(job, self.model)

    def _look_at(self, job: _Job, container: Container) -> None:
        running = container.is_running(_LOOK_S)
        take_away = self.interruptions >= job.machines and container.has_checkpoint
        if take_away and running:
            container.kill()
        self._log(job, container.new_lines())
        if running and not take_away:
            return
        try:
            container.upload_checkpoints()
            if running:
                job.ahead = ["Interrupted", "Starting", "Training"]
            elif container.process.returncode == 0:
                job.artifacts = container.upload_model()
                job.ahead = ["Uploading", "Completed"]
            else:
                _fail(job, container.failure())
        except NotAllowedError as error:
            _fail(job, f"ClientError: {error}")
        _close(job)

    def _log(self, job: _Job, lines: Any) -> None:
        if not lines:
            return
        stream = f"{job.request['TrainingJobName']}/algo-1-{job.machines}"
        arn = f"arn:aws:logs:{job.region}:{ACCOUNT}:log-group:{LOG_GROUP}:log-stream:{stream}"
        if not allows(job.request["RoleArn"], "logs:PutLogEvents", arn):
            return
        write_log(job.region, LOG_GROUP, tuple(lines), stream=stream)
        for wanted in job.request["AlgorithmSpecification"]["MetricDefinitions"]:
            for line in lines:
                if found := re.search(wanted["Regex"], line):
                    job.metrics[wanted["Name"]] = float(found[1])


def _come_out_with(job: _Job, model: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path in sorted(model.iterdir()):
            archive.add(path, path.name)
    uri = job.request["OutputDataConfig"]["S3OutputPath"]
    job.artifacts = f"{uri}/{job.request['TrainingJobName']}/output/model.tar.gz"
    bucket, _, key = job.artifacts.removeprefix("s3://").partition("/")
    s3_backends[ACCOUNT]["aws"].put_object(bucket, key, packed.getvalue())
    job.ahead = ["Uploading", "Completed"]


def _fail(job: _Job, reason: str, end: str = "Failed") -> None:
    job.failure, job.ahead = reason, [end]


def _close(job: _Job) -> None:
    if job.container is not None:
        job.container.close()
        job.container = None


def _described(job: _Job) -> dict[str, Any]:
    name = job.request["TrainingJobName"]
    over = job.status in ("Completed", "Failed", "Stopped")
    spot = job.request.get("EnableManagedSpotTraining", False)
    times = {
        "TrainingTimeInSeconds": _TRAINING_S,
        "BillableTimeInSeconds": _BILLABLE_S if spot else _TRAINING_S,
    }
    return {
        **{k: v for k, v in job.request.items() if k != "Tags"},
        "TrainingJobArn": f"arn:aws:sagemaker:{job.region}:{ACCOUNT}:training-job/{name}",
        "TrainingJobStatus": job.status,
        "SecondaryStatus": job.secondary,
        "SecondaryStatusTransitions": job.transitions,
        "CreationTime": 1_795_000_000,
        "ModelArtifacts": {"S3ModelArtifacts": job.artifacts or ""},
        "FinalMetricDataList": [
            {"MetricName": k, "Value": v, "Timestamp": 0} for k, v in job.metrics.items()
        ],
        **(times if over else {}),
        **({"FailureReason": job.failure} if job.failure and over else {}),
    }


def _invalid(message: str) -> RefusedError:
    return RefusedError("ValidationException", message)
