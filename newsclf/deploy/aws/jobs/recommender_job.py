"""Jobs of SageMaker's Inference Recommender: look at one, wait for it, stop it.

A job makes endpoints as the execution role and deletes them when it ends, so whatever it needs of
that role must stay until then.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from newsclf.common.errors import NewsclfError, TargetError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.call.follow import follow
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.walk.resource import Deletable
from newsclf.deploy.recommendations import Recommendation

_ENDED: Final = {"COMPLETED", "FAILED", "STOPPED", "DELETED"}
_ENDING: Final = {"STOPPING", "DELETING"}
_STOP_S: Final = 20 * 60.0
"""An endpoint can't be deleted while it is created, so stopping takes its time."""
LONGEST_S: Final = 90 * 60.0
"""A Default job takes up to 45 minutes (SageMaker guide, "Get an inference recommendation")."""
_SAY_EVERY_S: Final = 5 * 60.0


def name_of_job(names: Names, now: datetime) -> str:
    """Unique by the millisecond; with the longest name of a deployment it has 64 characters."""
    return f"{names.endpoint}-{now:%y%m%d%H%M%S}{now.microsecond // 1000:03}"


@dataclass(frozen=True, slots=True)
class RecommenderJob:
    """One job by its name."""

    clients: Clients
    name: str

    def look(self) -> Mapping[str, Any] | None:
        """What AWS says of it; None if there is no such job."""
        return self._find("describe_inference_recommendations_job")

    def wait(self, goes_on: Callable[[], bool], *, at_most_s: float) -> Mapping[str, Any] | None:
        """What AWS says of it when it has ended; None once `goes_on` says no.

        Raises:
            TargetError: it does not end, or may not be looked at.
            ServiceError: AWS can't be reached, is busy, or failed.
        """
        seen = ""

        def look() -> tuple[str, tuple[Mapping[str, Any] | None] | None]:
            nonlocal seen
            if not goes_on():
                return "", (None,)
            found = self._found()
            seen = found["Status"]
            return seen, (found,) if seen in _ENDED else None

        found = follow(
            self.clients.clock, f"job {self.name}", look, at_most_s=at_most_s, repeat_s=_SAY_EVERY_S
        )
        if found is None:
            raise TargetError(
                f"the job {self.name} is still {seen} after {at_most_s / 60:.0f} minutes"
            )
        return found[0]

    def stop(self) -> Mapping[str, Any] | None:
        """Stop it unless it has ended, and wait until it has; None if there is no such job.

        Raises:
            TargetError: it can't be stopped, or looked at; then it is told to stop all the same.
            ServiceError: AWS can't be reached, is busy, or failed.
        """
        try:
            found = self.look()
        except NewsclfError:
            with suppress(NewsclfError):
                self._tell_to_stop()
            raise
        if found is None or found["Status"] in _ENDED:
            return found
        if found["Status"] not in _ENDING:
            try:
                self._tell_to_stop()
            except RefusedError:
                found = self.look()  # it may just have ended
                if found is not None and found["Status"] not in _ENDED | _ENDING:
                    raise
        ended = self.clients.clock.until(
            lambda: f if (f := self._found())["Status"] in _ENDED else None, at_most_s=_STOP_S
        )
        if ended is None:
            raise TargetError(f"the job {self.name} was told to stop, and has not")
        return ended

    def _tell_to_stop(self) -> None:
        self._find("stop_inference_recommendations_job")

    def _find(self, operation: str) -> dict[str, Any] | None:
        return self.clients.find("sagemaker", operation, JobName=self.name)

    def _found(self) -> Mapping[str, Any]:
        found = self.look()
        return {"Status": "DELETED"} if found is None else found


class RunningJobs(Deletable):
    """The running jobs of a deployment, left by a command that was killed.

    The record of a job that has ended can't be deleted, and costs nothing.
    """

    kind = "recommender job"
    holds_others = True

    @property
    def name(self) -> str:
        return f"{self.names.endpoint}-*"

    def find(self) -> list[RecommenderJob]:
        named = re.compile(rf"{re.escape(self.names.endpoint)}-\d{{15}}")
        found = self.scope.clients.listed(
            "sagemaker",
            "list_inference_recommendations_jobs",
            "InferenceRecommendationsJobs",
            NameContains=self.names.endpoint,
        )
        return [
            RecommenderJob(self.scope.clients, each["JobName"])
            for each in found
            if named.fullmatch(each["JobName"]) and each["Status"] not in _ENDED
        ]

    def delete(self) -> bool:
        found = self.find()
        for job in found:
            job.stop()
        return bool(found)


def recommendations(answer: Mapping[str, Any]) -> list[Recommendation]:
    """The recommendations of DescribeInferenceRecommendationsJob, in our units, without serverless.

    ModelLatency comes in microseconds. The guide says milliseconds, but its own sample, 263596,
    would be four minutes for an answer that may take one (InvokeEndpoint).
    """
    return [
        _recommendation(each)
        for each in answer.get("InferenceRecommendations", [])
        if "InstanceType" in each["EndpointConfiguration"]
    ]


def _recommendation(each: Mapping[str, Any]) -> Recommendation:
    endpoint, metrics = each["EndpointConfiguration"], each.get("Metrics", {})
    latency_us = _number(metrics.get("ModelLatency"))
    usd_per_inference = _number(metrics.get("CostPerInference"))
    return Recommendation(
        instance=endpoint["InstanceType"],
        count=endpoint.get("InitialInstanceCount"),
        model_latency_ms=None if latency_us is None else latency_us / 1e3,
        cpu_percent=_number(metrics.get("CpuUtilization")),
        memory_percent=_number(metrics.get("MemoryUtilization")),
        max_invocations_per_minute=_number(metrics.get("MaxInvocations")),
        usd_per_hour=_number(metrics.get("CostPerHour")),
        usd_per_million=None if usd_per_inference is None else usd_per_inference * 1e6,
        environment={
            setting["Key"]: setting["Value"]
            for setting in each["ModelConfiguration"].get("EnvironmentParameters", [])
        },
    )


def _number(value: float | str | None) -> float | None:
    """A figure, or None: AWS says NaN where it has none, which botocore leaves as text."""
    number = math.nan if value is None else float(value)
    return number if math.isfinite(number) else None


def plain(value: object) -> Any:
    """An answer of boto3 as JSON can hold it: dates as text, and NaN too."""
    match value:
        case dict():
            return {key: plain(item) for key, item in value.items() if key != "ResponseMetadata"}
        case list():
            return [plain(item) for item in value]
        case datetime():
            return value.isoformat()
        case float() if not math.isfinite(value):
            return str(value)
        case _:
            return value
