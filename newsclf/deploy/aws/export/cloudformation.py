"""Templates of CloudFormation, in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.export.elements import KEY_PARAMETER, Element, code_name


def document(names: Names, elements: Sequence[Element]) -> dict[str, Any]:
    """The template; each resource is created after the one before it, as by newsclf."""
    resources: dict[str, Any] = {}
    for index, each in enumerate(elements):
        properties = dict(each.properties)
        if each.code is not None:
            properties["Code"] = {"S3Bucket": names.bucket, "S3Key": code_key(names, each)}
        if each.type == "AWS::Budgets::Budget":
            limit = properties["Budget"]["BudgetLimit"]
            amount = {"BudgetLimit": limit | {"Amount": float(limit["Amount"])}}
            properties["Budget"] = properties["Budget"] | amount
        resources[each.id] = {"Type": each.type}
        before = elements[index - 1].id if index > 0 else None
        if before is not None and f"${{{before}}}" not in str(properties):  # else it is implied
            resources[each.id]["DependsOn"] = before
        resources[each.id]["Properties"] = _referring(properties)
    key = {
        "Type": "String",
        "NoEcho": True,
        "AllowedPattern": "[0-9a-f]{64}",
        "Description": "SHA-256 of the key that callers send in x-api-key, hexadecimal",
    }
    found: dict[str, Any] = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"newsclf deployment {names.deployment}, for {names.region}",
    }
    if any("${" + KEY_PARAMETER + "}" in str(each.properties) for each in elements):
        found["Parameters"] = {KEY_PARAMETER: key}
    found["Resources"] = resources
    if "HttpApi" in resources:
        address = {"Fn::GetAtt": ["HttpApi", "ApiEndpoint"]}
        found["Outputs"] = {"ApiUrl": {"Description": "Address of the API", "Value": address}}
    return found


def code_key(names: Names, element: Element) -> str:
    """The key in the bucket under which a function's code is expected."""
    return f"{names.deployment}/code/{code_name(element)}"


def _referring(value: Any) -> Any:
    """A value whose texts with references are marked as such."""
    if isinstance(value, dict):
        return {key: _referring(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_referring(each) for each in value]
    if isinstance(value, str) and "${" in value:
        alone = value.removeprefix("${").removesuffix("}")
        return (
            {"Ref": alone}
            if value == "${" + alone + "}" and alone.isalnum()
            else {"Fn::Sub": value}
        )
    return value
