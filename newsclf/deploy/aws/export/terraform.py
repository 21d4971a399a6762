"""Configurations of Terraform, in its JSON form.

The arguments of Terraform's AWS provider are mostly CloudFormation's properties in another
spelling; `_TYPES` holds the exceptions. Source: the provider's documentation, version 6.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.export.elements import ACCOUNT, KEY_PARAMETER, Element, code_name

_ACCOUNT = "${data.aws_caller_identity.current.account_id}"
_VARIABLE = "api_key_sha256"


@dataclass(frozen=True, slots=True)
class _Type:
    """How the provider writes a type of CloudFormation."""

    name: str
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Property, in snake case → argument."""
    left_out: frozenset[str] = frozenset()
    """Properties that the provider has no argument for."""


_NAME = "name"
_TYPES: Mapping[str, _Type] = {
    "AWS::Logs::LogGroup": _Type("aws_cloudwatch_log_group", {"log_group_name": _NAME}),
    "AWS::IAM::Role": _Type(
        "aws_iam_role", {"role_name": _NAME, "assume_role_policy_document": "assume_role_policy"}
    ),
    "AWS::SageMaker::Model": _Type("aws_sagemaker_model", {"model_name": _NAME}),
    "AWS::SageMaker::EndpointConfig": _Type(
        "aws_sagemaker_endpoint_configuration",
        {"endpoint_config_name": _NAME, "kms_key_id": "kms_key_arn"},
    ),
    "AWS::CloudWatch::Alarm": _Type("aws_cloudwatch_metric_alarm"),
    "AWS::SageMaker::Endpoint": _Type(
        "aws_sagemaker_endpoint",
        {"endpoint_name": _NAME},
        frozenset({"RetainAllVariantProperties"}),
    ),
    "AWS::ApplicationAutoScaling::ScalableTarget": _Type("aws_appautoscaling_target"),
    "AWS::ApplicationAutoScaling::ScalingPolicy": _Type(
        "aws_appautoscaling_policy", {"policy_name": _NAME}
    ),
    "AWS::Budgets::Budget": _Type("aws_budgets_budget"),
    "AWS::Lambda::Function": _Type("aws_lambda_function"),
    "AWS::Lambda::Permission": _Type("aws_lambda_permission"),
    "AWS::ApiGatewayV2::Api": _Type("aws_apigatewayv2_api"),
    "AWS::ApiGatewayV2::Integration": _Type(
        "aws_apigatewayv2_integration", {"timeout_in_millis": "timeout_milliseconds"}
    ),
    "AWS::ApiGatewayV2::Authorizer": _Type(
        "aws_apigatewayv2_authorizer", {"identity_source": "identity_sources"}
    ),
    "AWS::ApiGatewayV2::Route": _Type("aws_apigatewayv2_route"),
    "AWS::ApiGatewayV2::Stage": _Type("aws_apigatewayv2_stage", {"stage_name": _NAME}),
}
_MAPS = {"Variables", "Environment"}
"""Properties whose keys are the user's, and are not respelt, where their values are texts."""


def document(names: Names, elements: Sequence[Element]) -> dict[str, Any]:
    """The configuration; each resource is created after the one before it, as by newsclf."""
    references = {each.id: _address(each) for each in elements}
    resources: dict[str, dict[str, Any]] = {}
    before: str | None = None
    for each in elements:
        kind = _TYPES[each.type]
        arguments = _arguments(each, kind)
        if before is not None:
            arguments["depends_on"] = [before]
        resources.setdefault(kind.name, {})[each.id] = _referring(arguments, references)
        before = references[each.id]
        if each.type == "AWS::IAM::Role":
            (policy,) = each.properties["Policies"]
            own = {
                "name": policy["PolicyName"],
                "role": f"${{{before}.name}}",
                "policy": json.dumps(policy["PolicyDocument"]),
            }
            resources.setdefault("aws_iam_role_policy", {})[each.id] = _referring(own, references)
            before = f"aws_iam_role_policy.{each.id}"
    found: dict[str, Any] = {
        "//": f"newsclf deployment {names.deployment}, for {names.region}",
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
        "provider": {"aws": {"region": names.region}},
        "data": {"aws_caller_identity": {"current": {}}},
    }
    if f"${{var.{_VARIABLE}}}" in str(resources):
        about = "SHA-256 of the key that callers send in x-api-key, hexadecimal"
        found["variable"] = {_VARIABLE: {"type": "string", "sensitive": True, "description": about}}
    found["resource"] = resources
    if "HttpApi" in references:
        found["output"] = {"api_url": {"value": f"${{{references['HttpApi']}.api_endpoint}}"}}
    return found


def _address(element: Element) -> str:
    return f"{_TYPES[element.type].name}.{element.id}"


def _arguments(element: Element, kind: _Type) -> dict[str, Any]:
    """The arguments of a resource, in which references stand as CloudFormation writes them."""
    given = {k: v for k, v in element.properties.items() if k not in kind.left_out}
    if "Tags" in given and isinstance(given["Tags"], list):
        given["Tags"] = {each["Key"]: each["Value"] for each in given["Tags"]}
    tags = {"tags": given.pop("Tags")} if "Tags" in given else {}
    if element.type == "AWS::Budgets::Budget":
        return _budget(given)
    if element.type == "AWS::IAM::Role":
        del given["Policies"]
        given["AssumeRolePolicyDocument"] = json.dumps(given["AssumeRolePolicyDocument"])
    if element.type == "AWS::CloudWatch::Alarm":
        dimensions = {each["Name"]: each["Value"] for each in given.pop("Dimensions")}
        tags["dimensions"] = dimensions
    found = {kind.renamed.get(_snake(k), _snake(k)): _respelt(v, k) for k, v in given.items()}
    if element.code is not None:
        found["filename"] = f"${{path.module}}/{code_name(element)}"
        found["source_code_hash"] = (
            f'${{filebase64sha256("${{path.module}}/{code_name(element)}")}}'
        )
    return found | tags


def _budget(given: Mapping[str, Any]) -> dict[str, Any]:
    """A budget, which the provider writes in another way."""
    budget = given["Budget"]
    return {
        "name": budget["BudgetName"],
        "budget_type": budget["BudgetType"],
        "time_unit": budget["TimeUnit"],
        "limit_amount": budget["BudgetLimit"]["Amount"],
        "limit_unit": budget["BudgetLimit"]["Unit"],
        "cost_filter": [{"name": k, "values": v} for k, v in budget["CostFilters"].items()],
        "notification": [
            {
                **_respelt(each["Notification"]),
                "subscriber_email_addresses": [who["Address"] for who in each["Subscribers"]],
            }
            for each in given["NotificationsWithSubscribers"]
        ],
    }


def _respelt(value: Any, name: str = "") -> Any:
    """A property's value with its own properties in snake case."""
    if isinstance(value, Mapping):
        if name in _MAPS and all(isinstance(each, str) for each in value.values()):
            return dict(value)
        return {_snake(k): _respelt(v, k) for k, v in value.items()}
    return [_respelt(each) for each in value] if isinstance(value, (list, tuple)) else value


def _snake(name: str) -> str:
    """`InitialInstanceCount` → `initial_instance_count`, `MemorySizeInMB` → `…_in_mb`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _referring(value: Any, references: Mapping[str, str]) -> Any:
    """A value whose references are Terraform's."""
    if isinstance(value, dict):
        return {key: _referring(each, references) for key, each in value.items()}
    if isinstance(value, list):
        return [_referring(each, references) for each in value]
    if not isinstance(value, str):
        return value
    known = {KEY_PARAMETER: f"var.{_VARIABLE}"} | {k: f"{v}.id" for k, v in references.items()}
    return re.sub(
        r"\$\{(\w+)\}",
        lambda found: f"${{{known[found[1]]}}}",
        value.replace(ACCOUNT, _ACCOUNT),
    )
