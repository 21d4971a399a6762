"""Jobs of SageMaker's Inference Recommender and their results.

A job makes endpoints as the execution role and deletes them when it ends, so whatever it needs of
that role must stay until then.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.jobs.job import TimedJob
from newsclf.deploy.recommendations import Recommendation

LONGEST_S: Final = 90 * 60.0
"""A Default job takes up to 45 minutes (SageMaker guide, "Get an inference recommendation")."""


def name_of_job(names: Names, now: datetime) -> str:
    """Unique by the millisecond; with the longest name of a deployment it has 64 characters."""
    return f"{names.endpoint}-{now:%y%m%d%H%M%S}{now.microsecond // 1000:03}"


@dataclass(frozen=True)
class RecommenderJob(TimedJob):
    """One job by its name."""

    kind = "recommender job"
    name_argument = "JobName"
    look_up = "describe_inference_recommendations_job"
    status_field = "Status"
    stop_operation = "stop_inference_recommendations_job"
    stopped_at_most_s = 20 * 60.0
    """An endpoint can't be deleted while it is created, so stopping takes its time."""
    listing = "list_inference_recommendations_jobs"
    listed = "InferenceRecommendationsJobs"
    digits = 15


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


def plain(answer: Mapping[str, Any]) -> Any:
    """An answer of boto3 as JSON can hold it: dates as text, and NaN too."""
    said = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
    return json.loads(json.dumps(said, default=datetime.isoformat), parse_constant=str)
