"""The state of a SageMaker endpoint and of its configuration, as AWS describes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from newsclf.deploy.aws.call.scope import Scope


@dataclass(frozen=True, slots=True)
class EndpointState:
    """The state of an endpoint with one variant."""

    arn: str
    status: str
    """`InService`, `Creating`, …"""
    config: str
    """Name of its configuration."""
    created: datetime
    failure: str
    """Why it has failed; empty if AWS does not say."""
    desired_count: int | None
    """How many instances it is to have; None: AWS does not say, as for serverless."""
    running_count: int
    """How many instances it has; 0 also if AWS does not say."""


@dataclass(frozen=True, slots=True)
class ConfigState:
    """The contents of an endpoint configuration with one variant."""

    model: str
    """Name of the model."""
    instance: str | None
    """The instance type; None: it is serverless."""
    initial_count: int
    """How many instances an endpoint has at first; 0: it is serverless."""
    kms_key: str | None


def describe_endpoint(scope: Scope) -> EndpointState | None:
    """Endpoint of a deployment; None if it does not exist. Errors are those of `Clients.call`."""
    name = scope.names.endpoint
    found = scope.clients.find("sagemaker", "describe_endpoint", EndpointName=name)
    if found is None:
        return None
    variant = (found.get("ProductionVariants") or [{}])[0]
    return EndpointState(
        arn=found["EndpointArn"],
        status=found["EndpointStatus"],
        config=found["EndpointConfigName"],
        created=found["CreationTime"],
        failure=found.get("FailureReason", ""),
        desired_count=variant.get("DesiredInstanceCount"),
        running_count=variant.get("CurrentInstanceCount") or 0,
    )


def describe_config(scope: Scope, name: str) -> ConfigState | None:
    """An endpoint configuration; None if it does not exist. Errors are those of `Clients.call`."""
    found = scope.clients.find("sagemaker", "describe_endpoint_config", EndpointConfigName=name)
    if found is None:
        return None
    variant = found["ProductionVariants"][0]
    return ConfigState(
        model=variant["ModelName"],
        instance=variant.get("InstanceType"),
        initial_count=variant.get("InitialInstanceCount", 0),
        kms_key=found.get("KmsKeyId"),
    )
