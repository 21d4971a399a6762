"""IAM permissions that an API call needs: actions and their resources.

An action is mostly named as the operation; the exceptions here are those of AWS's service
authorization reference (docs.aws.amazon.com/service-authorization/latest/reference), and what else
an operation asks for: passing a role, tagging, and what an access log needs
(docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html).
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote

from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT

from tests.support.fakeaws.requests import Call


class Permission(NamedTuple):
    """An action on a resource."""

    action: str
    resource: str
    """An ARN, or `*` where the action knows no resource."""


_PREFIXES = {
    "sagemaker-runtime": "sagemaker",
    "resourcegroupstaggingapi": "tag",
    "service-quotas": "servicequotas",
    "apigatewayv2": "apigateway",
}
_ACTIONS = {
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "lambda:Invoke": "lambda:InvokeFunction",
    "lambda:ListFunctions20150331": "lambda:ListFunctions",
    "budgets:CreateBudget": "budgets:ModifyBudget",
    "budgets:UpdateBudget": "budgets:ModifyBudget",
    "budgets:DeleteBudget": "budgets:ModifyBudget",
    "budgets:DescribeBudget": "budgets:ViewBudget",
    "budgets:DescribeBudgets": "budgets:ViewBudget",
    "budgets:DescribeSubscribersForNotification": "budgets:ViewBudget",
    "budgets:CreateNotification": "budgets:ModifyBudget",
    "budgets:DescribeNotificationsForBudget": "budgets:ViewBudget",
}
_TAGGING = {
    "iam:CreateRole": "iam:TagRole",
    "sagemaker": "sagemaker:AddTags",
    "lambda:CreateFunction": "lambda:TagResource",
    "logs:CreateLogGroup": "logs:TagResource",
    "cloudwatch:PutMetricAlarm": "cloudwatch:TagResource",
    "application-autoscaling:RegisterScalableTarget": "application-autoscaling:TagResource",
    "budgets:CreateBudget": "budgets:TagResource",
}
_ACCESS_LOG = (
    "logs:CreateLogDelivery",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
)
_SCALING_ROLE = (
    f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com"
    "/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
_ROLE_PARAMS = ("ExecutionRoleArn", "RoleArn", "Role")
_HTTP_METHODS = {
    "Create": "POST",
    "Get": "GET",
    "Update": "PATCH",
    "Delete": "DELETE",
    "Tag": "POST",
    "Untag": "DELETE",
    "Import": "PUT",
}


def permissions_of(call: Call) -> list[Permission]:
    """Permissions that the caller of an API call needs."""
    if call.service == "sts":
        return []  # GetCallerIdentity can't be denied
    name = f"{_PREFIXES.get(call.service, call.service)}:{call.operation}"
    if call.service == "apigatewayv2":
        return _api_gateway(call)
    action = _ACTIONS.get(name, name)
    resource = _resource(call)
    needed = [Permission(action, resource)]
    if call.params.get("Tags") or call.params.get("tags") or call.params.get("ResourceTags"):
        tagging = _TAGGING.get(name) or _TAGGING.get(call.service)
        if tagging is not None and tagging != action:
            needed.append(Permission(tagging, resource))
    objects = (call.params.get("Delete") or {}).get("Objects", [])
    if call.params.get("VersionId") or any("VersionId" in each for each in objects):
        needed.append(Permission(f"{action}Version", resource))
    needed += [Permission("iam:PassRole", role) for role in _roles(call)]
    if call.operation in ("CreateEndpoint", "UpdateEndpoint"):
        config = _arn(call, "sagemaker", f"endpoint-config/{call.params['EndpointConfigName']}")
        needed.append(Permission(action, config))
    if (call.params.get("CreateBucketConfiguration") or {}).get("Tags"):
        needed.append(Permission("s3:TagResource", resource))
    if call.operation == "CreateRole" and call.params.get("PermissionsBoundary"):
        needed.append(Permission("iam:PutRolePermissionsBoundary", resource))
    return needed + _scaling(call)


def _scaling(call: Call) -> list[Permission]:
    """Permissions that Application Auto Scaling uses on its caller's behalf.

    Source: SageMaker's guide, "Auto scaling prerequisites".
    """
    resource = str(call.params.get("ResourceId", ""))
    alarms = _arn(call, "cloudwatch", f"alarm:TargetTracking-{resource}-AlarmHigh")
    endpoint = _arn(call, "sagemaker", "/".join(resource.split("/")[:2]))
    match call.operation:
        case "RegisterScalableTarget":
            return [
                Permission("iam:CreateServiceLinkedRole", _SCALING_ROLE),
                Permission("sagemaker:DescribeEndpoint", endpoint),
                Permission("sagemaker:UpdateEndpointWeightsAndCapacities", endpoint),
            ]
        case "PutScalingPolicy":
            return [
                Permission("cloudwatch:DescribeAlarms", alarms),
                Permission("cloudwatch:PutMetricAlarm", alarms),
            ]
        case "DeleteScalingPolicy":
            return [Permission("cloudwatch:DeleteAlarms", alarms)]
        case _:
            return []


def _roles(call: Call) -> list[str]:
    """Roles that a call passes to a service (iam:PassRole)."""
    if call.operation in ("AssumeRole", "SimulatePrincipalPolicy", "RegisterScalableTarget"):
        return []
    found = [call.params[name] for name in _ROLE_PARAMS if name in call.params]
    target = call.params.get("Target")
    if isinstance(target, dict):
        found.append(target["RoleArn"])
    return found


def _api_gateway(call: Call) -> list[Permission]:
    verb = next(v for prefix, v in _HTTP_METHODS.items() if call.operation.startswith(prefix))
    root = f"arn:aws:apigateway:{call.region}::"
    if "ResourceArn" in call.params:
        return [
            Permission(f"apigateway:{verb}", f"{root}/tags/{_quoted(call.params['ResourceArn'])}")
        ]
    path = "/apis"
    p = call.params
    if "ApiId" in p:
        path += f"/{p['ApiId']}"
        kind = call.operation.removeprefix(
            next(x for x in _HTTP_METHODS if call.operation.startswith(x))
        )
        plural = {
            "Stage": "stages",
            "Route": "routes",
            "Integration": "integrations",
            "Authorizer": "authorizers",
        }
        for noun, folder in plural.items():
            if kind.startswith(noun):
                path += f"/{folder}"
                own = p.get(f"{noun}Id") or (
                    noun == "Stage"
                    and not call.operation.startswith("Create")
                    and p.get("StageName")
                )
                path += f"/{own}" if own else ""
    needed = [Permission(f"apigateway:{verb}", f"{root}{path}")]
    if p.get("Tags"):
        needed.append(Permission("apigateway:POST", f"{root}/tags/{_quoted(root + path)}"))
        if "/stages" in path:  # as users of tagged stages have found (terraform-provider-aws#20634)
            needed.append(Permission("apigateway:TagResource", f"{root}{path}"))
    if p.get("AccessLogSettings"):
        needed += [Permission(action, "*") for action in _ACCESS_LOG]
    return needed


def _quoted(arn: str) -> str:
    return quote(arn, safe="")


def _resource(call: Call) -> str:
    """ARN of the resource of a call."""
    finder = _FINDERS.get(call.service)
    return finder(call, call.params) or "*" if finder is not None else "*"


def _arn(call: Call, service: str, resource: str) -> str:
    return f"arn:aws:{service}:{call.region}:{ACCOUNT}:{resource}"


def _sagemaker(call: Call, p: dict[str, Any]) -> str | None:
    if call.operation.startswith("List") and "ResourceArn" not in p:
        return None
    if "ResourceArn" in p:
        return str(p["ResourceArn"])
    by_name = {  # the most special first: CreateEndpoint names its configuration too
        "InferenceComponent": ("InferenceComponentName", "inference-component"),
        "EndpointConfig": ("EndpointConfigName", "endpoint-config"),
        "Endpoint": ("EndpointName", "endpoint"),
        "Model": ("ModelName", "model"),
        "TrainingJob": ("TrainingJobName", "training-job"),
        "TransformJob": ("TransformJobName", "transform-job"),
        "InferenceRecommendationsJob": ("JobName", "inference-recommendations-job"),
    }
    for noun, (param, kind) in by_name.items():
        if noun in call.operation and (param in p):
            return _arn(call, "sagemaker", f"{kind}/{p[param]}")
    return None


def _s3(_: Call, p: dict[str, Any]) -> str | None:
    if "Bucket" not in p:
        return None
    bucket = f"arn:aws:s3:::{p['Bucket']}"
    if "Key" in p:
        return f"{bucket}/{p['Key']}"
    return f"{bucket}/*" if "Delete" in p else bucket


def _iam(_: Call, p: dict[str, Any]) -> str | None:
    if "PolicySourceArn" in p:
        return str(p["PolicySourceArn"])
    return f"arn:aws:iam::{ACCOUNT}:role/{p['RoleName']}" if "RoleName" in p else None


def _lambda(call: Call, p: dict[str, Any]) -> str | None:
    if "Resource" in p:
        return str(p["Resource"])
    return _arn(call, "lambda", f"function:{p['FunctionName']}") if "FunctionName" in p else None


def _logs(call: Call, p: dict[str, Any]) -> str | None:
    if call.operation == "DescribeLogGroups":
        return None
    if "resourceArn" in p:
        return str(p["resourceArn"])
    group = p.get("logGroupName")
    return _arn(call, "logs", f"log-group:{group}:*") if group else None


def _scheduler(call: Call, p: dict[str, Any]) -> str | None:
    if call.operation == "ListSchedules" or "Name" not in p:
        return None
    return _arn(call, "scheduler", f"schedule/{p.get('GroupName', 'default')}/{p['Name']}")


def _budgets(_: Call, p: dict[str, Any]) -> str | None:
    name = p.get("BudgetName") or (p.get("Budget") or {}).get("BudgetName")
    return f"arn:aws:budgets::{ACCOUNT}:budget/{name}" if name else None


def _alarms(call: Call, p: dict[str, Any]) -> str | None:
    names = p.get("AlarmNames") or ([p["AlarmName"]] if "AlarmName" in p else [])
    return _arn(call, "cloudwatch", f"alarm:{names[0]}") if names else None


def _scalable_targets(call: Call, _: dict[str, Any]) -> str | None:
    """Their ids are made by AWS."""
    if call.operation.startswith("Describe"):
        return None
    return _arn(call, "application-autoscaling", "scalable-target/0ec5sample")


_FINDERS = {
    "application-autoscaling": _scalable_targets,
    "sagemaker": _sagemaker,
    "sagemaker-runtime": _sagemaker,
    "s3": _s3,
    "iam": _iam,
    "lambda": _lambda,
    "logs": _logs,
    "scheduler": _scheduler,
    "budgets": _budgets,
    "cloudwatch": _alarms,
}
