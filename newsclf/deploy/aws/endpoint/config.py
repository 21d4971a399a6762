"""The endpoint configuration: which model on what, and how its containers are treated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import is_not_found_yet
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.endpoint.model import contents_named, digest
from newsclf.deploy.aws.walk.resource import Look
from newsclf.deploy.records import AwsSpec

VARIANT = "AllTraffic"
_START_TIMEOUT_S = 300
"""Our container answers within a minute; without a limit SageMaker tries a broken one for 24."""


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """A configuration whose name holds the digest of what it says, so that it never changes."""

    clients: Clients
    names: Names
    definition: Mapping[str, Any] | None = None
    """Arguments of CreateEndpointConfig apart from the name; None: only to remove all there are."""
    kind: str = "endpoint configuration"

    @property
    def name(self) -> str:  # noqa: D102 - see Resource, here and below
        return self.names.endpoint_config(digest(self.definition) if self.definition else "*")

    def look(self) -> Look:  # noqa: D102
        found = self.clients.find(
            "sagemaker",
            "describe_endpoint_config",
            doing=f"looking for {self.name}",
            EndpointConfigName=self.name,
        )
        return Look("create" if found is None else "keep")

    def ensure(self) -> Mapping[str, str]:  # noqa: D102
        self.clients.create(
            "sagemaker",
            "create_endpoint_config",
            doing=f"creating the endpoint configuration {self.name}",
            not_yet=is_not_found_yet,
            EndpointConfigName=self.name,
            Tags=[{"Key": key, "Value": value} for key, value in self.names.tags.items()],
            **(self.definition or {}),
        )
        return {}

    def delete(self) -> bool:
        """Delete all configurations that the deployment has had."""
        found = list(self._all())
        for name in found:
            self.clients.find(
                "sagemaker",
                "delete_endpoint_config",
                doing=f"deleting the endpoint configuration {name}",
                EndpointConfigName=name,
            )
        return bool(found)

    def exists(self) -> bool:  # noqa: D102
        return any(self._all())

    def _all(self) -> Iterator[str]:
        return contents_named(
            self.clients,
            self.names,
            "list_endpoint_configs",
            "EndpointConfigs",
            "EndpointConfigName",
        )


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
    volumes = {"KmsKeyId": spec.kms_key} if spec.kms_key else {}
    return {"ProductionVariants": [variant], **volumes}
