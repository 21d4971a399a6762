"""Inference components of SageMaker, which moto does not have: they keep their endpoint alive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT

from tests.support.fakeaws.answers import Answer, RefusedError, ok
from tests.support.fakeaws.requests import Call


@dataclass
class Component:
    """One component."""

    endpoint: str
    looks_left: int | None = None
    """How many looks still find it Deleting; None: it is in service."""


@dataclass
class Components:
    """All components, by name."""

    found: dict[str, Component] = field(default_factory=dict)

    def answer(self, call: Call) -> Answer | None:
        """The answer to a call about components, or None."""
        if not call.operation.endswith(("InferenceComponent", "InferenceComponents")):
            return None
        if call.operation == "ListInferenceComponents":
            endpoint = call.params.get("EndpointNameEquals")
            part = call.params.get("NameContains", "")
            shown = [
                name
                for name, each in list(self.found.items())
                if endpoint in (None, each.endpoint) and part in name
            ]
            return ok({"InferenceComponents": [self._described(call, name) for name in shown]})
        name = call.params["InferenceComponentName"]
        if name not in self.found:
            raise RefusedError(
                "ValidationException", f'Could not find inference component "{_arn(call, name)}".'
            )
        if call.operation == "DeleteInferenceComponent":
            self.found[name].looks_left = 2
            return ok({})
        return None

    def check_unused(self, endpoint: str) -> None:
        """Raise RefusedError if an endpoint has components: it can't be deleted then."""
        if any(each.endpoint == endpoint for each in self.found.values()):
            raise RefusedError(
                "ValidationException",
                f'Cannot delete endpoint "{endpoint}": it hosts inference components.',
            )

    def _described(self, call: Call, name: str) -> dict[str, Any]:
        each = self.found[name]
        status = "InService" if each.looks_left is None else "Deleting"
        if each.looks_left is not None:
            each.looks_left -= 1
            if each.looks_left == 0:
                del self.found[name]
        return {
            "InferenceComponentName": name,
            "InferenceComponentArn": _arn(call, name),
            "EndpointName": each.endpoint,
            "EndpointArn": f"arn:aws:sagemaker:{call.region}:{ACCOUNT}:endpoint/{each.endpoint}",
            "VariantName": "AllTraffic",
            "InferenceComponentStatus": status,
            "CreationTime": 1_790_000_000,
            "LastModifiedTime": 1_790_000_000,
        }


def _arn(call: Call, name: str) -> str:
    return f"arn:aws:sagemaker:{call.region}:{ACCOUNT}:inference-component/{name}"
