"""SageMaker models and endpoint configurations, which are named after their contents."""

from __future__ import annotations

import hashlib
import json
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from newsclf.common.errors import StateError
from newsclf.costs.instances import has_gpu, workers
from newsclf.deploy.aws.call.errors import RefusedError, is_not_yet_assumable
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint.describe import describe_config, describe_endpoint
from newsclf.deploy.aws.walk.resource import SimpleResource
from newsclf.deploy.records import AwsDeployment, AwsSpec, Vpc


@dataclass(frozen=True)
class NamedByContent(SimpleResource):
    """A resource whose name holds the digest of what it is, so that it never changes."""

    definition: Mapping[str, Any] | None = None
    """Arguments of its creation apart from the name; None: all versions, to delete them."""
    service = "sagemaker"
    noun: ClassVar[str]
    """The noun of its operations: `model` in `describe_model`."""

    @staticmethod
    @abstractmethod
    def not_yet(error: RefusedError) -> bool:
        """Whether a refusal of its creation is temporary."""

    @property
    def name(self) -> str:
        content = json.dumps(self.definition, sort_keys=True).encode()
        digest = hashlib.sha256(content).hexdigest()[:12] if self.definition else "*"
        return f"{self.names.endpoint}-{digest}"

    def create(self) -> None:
        self.make(
            f"create_{self.noun}",
            not_yet=self.not_yet,
            Tags=self.scope.tag_list,
            **(self.definition or {}),
        )

    def delete(self) -> bool:
        """Delete all versions that the deployment has had."""
        found = list(self._all())
        for name in found:
            self.scope.clients.find(
                "sagemaker", f"delete_{self.noun}", **{self.name_argument: name}
            )
        return bool(found)

    def exists(self) -> bool:
        return any(self._all())

    def _all(self) -> Iterator[str]:
        """All versions: the deployment's name, then twelve hex digits.

        SageMaker's filter also finds those of a deployment whose name begins like this one's.
        """
        named = re.compile(f"{re.escape(self.names.endpoint)}-[0-9a-f]{{12}}")
        for each in self.scope.clients.listed(
            "sagemaker",
            f"list_{self.noun}s",
            f"{self.name_argument.removesuffix('Name')}s",
            NameContains=self.names.endpoint,
        ):
            if named.fullmatch(each[self.name_argument]):
                yield each[self.name_argument]


class Model(NamedByContent):
    """A model: an image, an archive, and the role that fetches both."""

    kind = "model"
    noun = "model"
    look_up = "describe_model"
    name_argument = "ModelName"
    not_yet = staticmethod(is_not_yet_assumable)

    @property
    def detail(self) -> str:
        if self.definition is None:
            return ""
        return str(self.definition["PrimaryContainer"]["Image"]).rpartition("/")[2]


def model_definition(names: Names, spec: AwsSpec, key: str) -> dict[str, Any]:
    """The arguments of CreateModel for an archive with this key in the bucket."""
    network: dict[str, Any] = {}
    if spec.vpc is not None:
        network["VpcConfig"] = vpc_config(spec.vpc)
    if spec.serverless is None:
        # The archive brings all that it needs. Serverless inference does not offer this.
        network["EnableNetworkIsolation"] = True
    return {
        "PrimaryContainer": {
            "Image": spec.image,
            "ModelDataUrl": f"s3://{names.bucket}/{key}",
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py", **_workers(spec.instance)},
        },
        "ExecutionRoleArn": names.role_arn(names.role("endpoint")),
        **network,
    }


def _workers(instance: str | None) -> dict[str, str]:
    """On a GPU the container starts one worker, which would leave it idle between requests."""
    if instance is None or not has_gpu(instance):
        return {}
    return {"SAGEMAKER_MODEL_SERVER_WORKERS": str(workers(instance))}


def vpc_config(vpc: Vpc) -> dict[str, list[str]]:
    """A VPC as SageMaker takes it."""
    return {"Subnets": list(vpc.subnets), "SecurityGroupIds": list(vpc.security_groups)}


def model_in_use(scope: Scope, deployment: AwsDeployment) -> str:
    """The model that a deployment's endpoint serves; without an endpoint the last that was made.

    After an update that was rolled back they are not the same.

    Raises:
        StateError: the deployment has no model.
        TargetError, ServiceError: see `Clients.call`.
    """
    endpoint = describe_endpoint(scope)
    config = describe_config(scope, endpoint.config) if endpoint else None
    if config is not None:
        return config.model
    made = [step.name for step in deployment.journal if step.kind == "model"]
    if not made:
        raise StateError(f"'{deployment.name}' has no model on AWS", hint="newsclf deploy")
    return made[-1]
