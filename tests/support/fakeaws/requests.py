"""A request to AWS, read and checked by botocore's own models of the services."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from botocore.model import Shape
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model

_MODELS = {
    "apigateway": "apigatewayv2",
    "tagging": "resourcegroupstaggingapi",
    "monitoring": "cloudwatch",
    "servicequotas": "service-quotas",
}
"""botocore's name of a model, where the signature names the service otherwise."""


@dataclass(frozen=True, slots=True)
class Call:
    """One API call."""

    service: str
    """As botocore calls it: `apigatewayv2`."""
    operation: str
    """`CreateApi`."""
    params: dict[str, Any]
    region: str
    access_key: str
    attempt: int
    """1, or more when botocore tries again."""
    problems: tuple[str, ...] = field(default=())
    """What of it the service's model does not allow."""

    def __str__(self) -> str:
        """Service and operation, such as `sagemaker:CreateModel`."""
        return f"{self.service}:{self.operation}"


def read_call(request: Request) -> Call:
    """Read a signed request; AssertionError if it is signed for nothing known."""
    scope = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", request.headers["Authorization"])
    assert scope is not None
    access_key, region, signed_for = scope.groups()
    service = _MODELS.get(signed_for, signed_for)
    if service == "sagemaker" and request.path.endswith("/invocations"):
        service = "sagemaker-runtime"
    operation, uri_params = _operation(service, request)
    params = _params(operation, uri_params, request)
    attempt = re.search(r"attempt=(\d+)", request.headers.get("amz-sdk-request", ""))
    problems = []
    if operation.input_shape is not None:
        problems = list(_problems(operation.input_shape, params, "$"))
        problems += _unknown(operation, request)
    return Call(
        service,
        operation.name,
        params,
        region,
        access_key,
        int(attempt[1]) if attempt else 1,
        tuple(problems),
    )


def _operation(service: str, request: Request) -> tuple[OperationModel, dict[str, Any]]:
    model = get_service_model(service)
    target = request.headers.get("x-amz-target")
    if target is not None:
        prefix, _, name = target.partition(".")
        assert prefix == model.metadata["targetPrefix"], f"{target} is not for {service}"
        return model.operation_model(name), {}
    if "Action" in request.values:
        assert request.values["Version"] == model.api_version
        return model.operation_model(request.values["Action"]), {}
    operation, uri_params = get_service_router(service).match(request)
    return operation, dict(uri_params)


def _params(
    operation: OperationModel, uri_params: dict[str, Any], request: Request
) -> dict[str, Any]:
    protocol = determine_request_protocol(operation.service_model, request.content_type)
    if request.headers.get("x-amz-target") is not None:
        protocol = "json"
    elif operation.service_model.metadata["protocol"] == "rest-json":
        protocol = "rest-json"  # whatever a body of InvokeEndpoint says that it is
    parsed = PROTOCOL_PARSERS[protocol](operation).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.get_data(),
            "url_path": request.path,
            "url_params": uri_params,
        }
    )
    return {name: value for name, value in parsed.items() if value not in (None, {}, [])}


def _problems(shape: Shape, value: Any, where: str) -> list[str]:  # noqa: C901 - a case each
    """Violations of a shape by a parsed value."""
    found: list[str] = []
    match shape.type_name:
        case "structure":
            found += [
                f"{where}.{name} is missing"
                for name in shape.required_members
                if name not in value and not shape.members[name].serialization.get("location")
            ]
            for name, item in value.items():
                if item is not None:
                    found += _problems(shape.members[name], item, f"{where}.{name}")
        case "list":
            found += _outside(shape, len(value), f"the length of {where}")
            for i, item in enumerate(value):
                found += _problems(shape.member, item, f"{where}[{i}]")
        case "map":
            found += _outside(shape, len(value), f"the length of {where}")
            for key, item in value.items():
                found += _problems(shape.key, key, f"key {key} of {where}")
                found += _problems(shape.value, item, f"{where}.{key}")
        case "string":
            found += _outside(shape, len(value), f"the length of {where}")
            pattern = _pattern(shape.metadata.get("pattern"))
            if pattern is not None and not pattern.search(value):
                found.append(f"{where} = {value!r} does not match {pattern.pattern}")
            if shape.enum and value not in shape.enum:
                found.append(f"{where} = {value!r} is none of {shape.enum[:9]}")
        case "integer" | "long" | "float" | "double":
            found += _outside(shape, value, where)
        case _:
            pass
    return found


def _outside(shape: Shape, value: float, where: str) -> list[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and value < low) or (high is not None and value > high):
        return [f"{where} is {value}, not {low} to {high}"]
    return []


@cache
def _pattern(source: str | None) -> re.Pattern[str] | None:
    """Python form of a model's pattern, anchored as AWS means it; None if only Java knows it."""
    if source is None:
        return None
    try:
        return re.compile(rf"\A(?:{source})\Z", re.DOTALL)
    except re.error:
        return None


def _unknown(operation: OperationModel, request: Request) -> list[str]:
    """Members of a JSON body that the model does not know: reading leaves those out."""
    shape = operation.input_shape
    if not (request.content_type or "").startswith(("application/json", "application/x-amz-json")):
        return []
    if "payload" in shape.serialization or not request.get_data():
        return []
    return _strangers(shape, json.loads(request.get_data()), "$")


def _strangers(shape: Shape, value: Any, where: str) -> list[str]:
    if shape.type_name == "structure" and isinstance(value, dict):
        known = {m.serialization.get("name", name): m for name, m in shape.members.items()}
        return [
            problem
            for name, item in value.items()
            for problem in (
                _strangers(known[name], item, f"{where}.{name}")
                if name in known
                else [f"{where}.{name} is unknown"]
            )
        ]
    if shape.type_name == "list" and isinstance(value, list):
        return [
            p
            for i, item in enumerate(value)
            for p in _strangers(shape.member, item, f"{where}[{i}]")
        ]
    if shape.type_name == "map" and isinstance(value, dict):
        return [
            p for k, item in value.items() for p in _strangers(shape.value, item, f"{where}.{k}")
        ]
    return []
