"""Endpoint configurations: which model runs on what, and how its containers are treated."""

from __future__ import annotations

from typing import Any

from newsclf.deploy.aws.call.errors import is_not_found
from newsclf.deploy.aws.endpoint.model import NamedByContent
from newsclf.deploy.aws.images import inference_ami
from newsclf.deploy.records import AwsSpec

VARIANT = "AllTraffic"
_START_TIMEOUT_S = 300
"""Our container answers within a minute; without a limit SageMaker tries a broken one for 24."""


class EndpointConfig(NamedByContent):
    """An endpoint configuration."""

    kind = "endpoint configuration"
    noun = "endpoint_config"
    look_up = "describe_endpoint_config"
    name_argument = "EndpointConfigName"
    not_yet = staticmethod(is_not_found)


def definition_of(spec: AwsSpec, model: str) -> dict[str, Any]:
    """The arguments of CreateEndpointConfig for a model of this name."""
    variant: dict[str, Any] = {"VariantName": VARIANT, "ModelName": model}
    if spec.serverless is not None:
        variant["ServerlessConfig"] = {
            "MemorySizeInMB": spec.serverless.memory_mb,
            "MaxConcurrency": spec.serverless.max_concurrency,
        }
        return {"ProductionVariants": [variant]}
    variant |= {
        "InstanceType": spec.instance,
        "InitialInstanceCount": spec.min_instances,
        "InitialVariantWeight": 1.0,
        "ContainerStartupHealthCheckTimeoutInSeconds": _START_TIMEOUT_S,
        "ModelDataDownloadTimeoutInSeconds": _START_TIMEOUT_S,
        "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
    }
    if ami := inference_ami(spec.image):
        variant["InferenceAmiVersion"] = ami
    volumes = {"KmsKeyId": spec.kms_key} if spec.kms_key else {}
    return {"ProductionVariants": [variant], **volumes}
