"""SageMaker's Inference Recommender, which moto does not have.

Its figures are those of the sample in the SageMaker guide, "Get an inference recommendation", and
so is what a role must allow to the end: the job takes away its own endpoints.
"""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends

from tests.support.fakeaws.answers import Answer, RefusedError, ok
from tests.support.fakeaws.requests import Call

SAMPLE: dict[str, dict[str, float]] = {
    "ml.c5.xlarge": {
        "CostPerHour": 0.20399999618530273,
        "CostPerInference": 5.246913588052848e-06,
        "MaxInvocations": 648,
        "ModelLatency": 263596,
    },
    "ml.m5.large": {
        "CostPerHour": 0.11500000208616257,
        "CostPerInference": 3.3625731248321244e-06,
        "MaxInvocations": 570,
        "ModelLatency": 1085446,
    },
}
FRAMEWORKS = ("TENSORFLOW", "PYTORCH", "XGBOOST", "SAGEMAKER-SCIKIT-LEARN")
"""Source: API reference, RecommendationJobContainerConfig."""
_RUNNING = ("PENDING", "IN_PROGRESS", "STOPPING")


@dataclass
class Job:
    """One job."""

    asked: dict[str, Any]
    files: dict[str, Any]
    """Of its sample, read."""
    status: str = "PENDING"
    polls: int = 0


@dataclass
class Recommender:
    """Recommendation jobs, and how a test wants them to go."""

    polls: int = 2
    """How many looks say PENDING, and then IN_PROGRESS or STOPPING."""
    stuck: bool = False
    """They do not end by themselves."""
    failure: str | None = None
    """Why they fail."""
    figures: dict[str, dict[str, float]] = field(default_factory=lambda: dict(SAMPLE))
    """By instance; those of others are not found."""
    environment: list[dict[str, str]] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    orphaned: list[str] = field(default_factory=list)
    """Jobs that could not take away their endpoints."""

    @property
    def running(self) -> list[str]:
        """Jobs that are being billed."""
        return [name for name, job in self.jobs.items() if job.status in _RUNNING]

    def answer(self, call: Call) -> Answer | None:
        """Answer a call that is about recommendations; raises RefusedError."""
        if "InferenceRecommendationsJob" not in call.operation:
            return None
        if call.operation == "ListInferenceRecommendationsJobs":
            return self._list(call)
        if call.operation == "CreateInferenceRecommendationsJob":
            return self._create(call)
        job = self.jobs.get(call.params["JobName"])
        if job is None:
            raise RefusedError("ResourceNotFound", "There is no such job.")
        if call.operation == "StopInferenceRecommendationsJob":
            if job.status not in ("PENDING", "IN_PROGRESS"):
                raise RefusedError("ValidationException", f"The job is {job.status}.")
            job.status, job.polls = "STOPPING", 0
            return ok({})
        self._go_on(job)
        return ok(self._described(call, job))

    def _create(self, call: Call) -> Answer:
        name, asked = call.params["JobName"], call.params["InputConfig"]
        if name in self.jobs:
            raise RefusedError("ResourceInUse", "The name of the job is taken.")
        if asked["ModelName"] not in sagemaker_backends[ACCOUNT][call.region]._models:
            raise RefusedError("ValidationException", "There is no such model.")
        container = asked["ContainerConfig"]
        for mandatory in ("Domain", "Framework", "Task"):
            if mandatory not in container:
                raise RefusedError("ValidationException", f"{mandatory} is mandatory.")
        if container["Framework"] not in FRAMEWORKS:
            raise RefusedError("ValidationException", f"Framework must be one of {FRAMEWORKS}.")
        files = _read(container["PayloadConfig"]["SamplePayloadUrl"])
        self.jobs[name] = Job(call.params, files)
        return ok({"JobArn": _arn(call, name)})

    def _list(self, call: Call) -> Answer:
        wanted = call.params.get("NameContains", "")
        found = [
            {"JobDescription": "", **_head(call, job)}
            for name, job in self.jobs.items()
            if wanted in name
        ]
        return ok({"InferenceRecommendationsJobs": found})

    def _go_on(self, job: Job) -> None:
        if job.status not in _RUNNING:
            return
        job.polls += 1
        if job.polls < self.polls:
            return
        job.polls = 0
        if job.status == "PENDING":
            job.status = "IN_PROGRESS"
        elif job.status == "STOPPING" or not self.stuck:
            ended = "FAILED" if self.failure else "COMPLETED"
            job.status = "STOPPED" if job.status == "STOPPING" else ended
            if not may_delete_endpoints(job):
                self.orphaned.append(job.asked["JobName"])

    def _described(self, call: Call, job: Job) -> dict[str, Any]:
        described = _head(call, job) | {"InputConfig": job.asked["InputConfig"]}
        if job.status == "FAILED":
            described["FailureReason"] = self.failure
        if job.status == "COMPLETED":
            container = job.asked["InputConfig"]["ContainerConfig"]
            described["InferenceRecommendations"] = [
                self._recommendation(instance)
                for instance in container["SupportedInstanceTypes"]
                if instance in self.figures
            ]
        return described

    def _recommendation(self, instance: str) -> dict[str, Any]:
        return {
            "Metrics": {"CpuUtilization": 187.5, "MemoryUtilization": "NaN"}
            | self.figures[instance],
            "EndpointConfiguration": {
                "EndpointName": "sm-epc-0123",
                "VariantName": "sm-epc-0123",
                "InstanceType": instance,
                "InitialInstanceCount": 1,
            },
            "ModelConfiguration": {"EnvironmentParameters": self.environment},
        }


def may_delete_endpoints(job: Job) -> bool:
    """Whether the job's role is still there and lets it."""
    roles = iam_backends[ACCOUNT]["aws"].roles.values()
    role: Any = next((each for each in roles if each.arn == job.asked["RoleArn"]), None)
    if role is None:
        return False
    return "sagemaker:DeleteEndpoint" in str(role.policies.get(job.asked["JobName"]))


def _read(url: str) -> dict[str, Any]:
    """The JSON files of a sample."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    objects = s3_backends[ACCOUNT]["aws"].buckets[bucket].keys
    if key not in objects:
        raise RefusedError("ValidationException", f"There is no {url}.")
    with tarfile.open(fileobj=io.BytesIO(objects[key].value), mode="r:gz") as archive:
        entries = {entry.name: archive.extractfile(entry) for entry in archive}
        return {name: json.loads(file.read()) for name, file in entries.items() if file}


def _head(call: Call, job: Job) -> dict[str, Any]:
    name = job.asked["JobName"]
    moment = 1_795_370_000
    return {
        "JobName": name,
        "JobType": "Default",
        "JobArn": _arn(call, name),
        "Status": job.status,
        "RoleArn": job.asked["RoleArn"],
        "CreationTime": moment,
        "LastModifiedTime": moment,
    }


def _arn(call: Call, name: str) -> str:
    return f"arn:aws:sagemaker:{call.region}:{ACCOUNT}:inference-recommendations-job/{name}"
