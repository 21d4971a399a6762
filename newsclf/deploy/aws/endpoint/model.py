"""The SageMaker model: an image, an archive, and the role that fetches both."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from newsclf.common.errors import StateError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import is_not_yet_assumable
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.walk.resource import Look
from newsclf.deploy.records import AwsDeployment, AwsSpec


@dataclass(frozen=True, slots=True)
class Model:
    """A model whose name holds the digest of what it is, so that it never changes."""

    clients: Clients
    names: Names
    definition: Mapping[str, Any] | None = None
    """Arguments of CreateModel apart from the name; None: only to remove all there are."""
    kind: str = "model"

    @property
    def name(self) -> str:  # noqa: D102 - see Resource, here and below
        return (
            self.names.model(digest(self.definition)) if self.definition else self.names.model("*")
        )

    def look(self) -> Look:  # noqa: D102
        found = self.clients.find(
            "sagemaker",
            "describe_model",
            doing=f"looking for the model {self.name}",
            ModelName=self.name,
        )
        image = str(self._container["Image"]).rpartition("/")[2]
        return Look("create" if found is None else "keep", image)

    def ensure(self) -> Mapping[str, str]:  # noqa: D102
        self.clients.create(
            "sagemaker",
            "create_model",
            doing=f"creating the model {self.name}",
            not_yet=is_not_yet_assumable,
            ModelName=self.name,
            Tags=[{"Key": key, "Value": value} for key, value in self.names.tags.items()],
            **(self.definition or {}),
        )
        return {}

    def delete(self) -> bool:
        """Delete all models that the deployment has had."""
        found = list(self._all())
        for name in found:
            self.clients.find(
                "sagemaker", "delete_model", doing=f"deleting the model {name}", ModelName=name
            )
        return bool(found)

    def exists(self) -> bool:  # noqa: D102
        return any(self._all())

    def _all(self) -> Iterator[str]:
        return contents_named(self.clients, self.names, "list_models", "Models", "ModelName")

    @property
    def _container(self) -> Mapping[str, Any]:
        if self.definition is None:
            raise AssertionError  # made for a teardown
        container: Mapping[str, Any] = self.definition["PrimaryContainer"]
        return container


def model_definition(names: Names, spec: AwsSpec, key: str) -> dict[str, Any]:
    """The arguments of CreateModel for an archive with this key in the bucket."""
    network: dict[str, Any] = {}
    if spec.vpc is not None:
        network["VpcConfig"] = {
            "Subnets": list(spec.vpc.subnets),
            "SecurityGroupIds": list(spec.vpc.security_groups),
        }
    if spec.serverless is None:
        # The archive brings all that it needs. Serverless inference does not offer this.
        network["EnableNetworkIsolation"] = True
    return {
        "PrimaryContainer": {
            "Image": spec.image,
            "ModelDataUrl": f"s3://{names.bucket}/{key}",
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
        },
        "ExecutionRoleArn": names.role_arn(names.endpoint_role),
        **network,
    }


def model_in_use(clients: Clients, names: Names, deployment: AwsDeployment) -> str:
    """The model that a deployment's endpoint serves; without an endpoint the last that was made.

    After an update that was rolled back they are not the same.

    Raises:
        StateError: there is none.
        TargetError, ServiceError: see `Clients.call`.
    """
    doing = f"looking up the model of {names.endpoint}"
    endpoint = clients.find(
        "sagemaker", "describe_endpoint", doing=doing, EndpointName=names.endpoint
    )
    if endpoint is not None:
        config = clients.call(
            "sagemaker",
            "describe_endpoint_config",
            doing=doing,
            EndpointConfigName=endpoint["EndpointConfigName"],
        )
        serving: str = config["ProductionVariants"][0]["ModelName"]
        return serving
    made = [step.name for step in deployment.journal if step.kind == "model"]
    if not made:
        raise StateError(f"'{deployment.name}' has no model on AWS", hint="newsclf deploy")
    return made[-1]


def digest(definition: Mapping[str, Any]) -> str:
    """SHA-256 in hex of the arguments of a call."""
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()


def contents_named(
    clients: Clients, names: Names, operation: str, key: str, field: str
) -> Iterator[str]:
    """The deployment's models or endpoint configurations: its name, then twelve hex digits.

    SageMaker's filter also finds those of a deployment whose name begins like this one's.
    """
    named = re.compile(f"{re.escape(names.endpoint)}-[0-9a-f]{{12}}")
    for each in clients.listed(
        "sagemaker",
        operation,
        key,
        doing=f"listing what {names.deployment} has on SageMaker",
        NameContains=names.endpoint,
    ):
        if named.fullmatch(each[field]):
            yield each[field]
