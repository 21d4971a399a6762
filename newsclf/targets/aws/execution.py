"""What the execution role of an endpoint may do: fetch archive and image, log, watch its alarm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from newsclf.core.deployment import AwsSpec
from newsclf.targets.aws.images import repository_arn
from newsclf.targets.aws.names import Names

SERVICE = "sagemaker.amazonaws.com"


def statements(names: Names, spec: AwsSpec) -> tuple[Mapping[str, Any], ...]:
    """Its policy's statements.

    Source: the SageMaker guide, "SageMaker AI Roles", CreateModel API: Execution Role Permissions;
    narrowed to this deployment's resources where the action knows resources.
    """
    bucket = f"arn:aws:s3:::{names.bucket}"
    log = names.arn("logs", f"log-group:{names.endpoint_log}")
    allowed = [
        _allow(["s3:GetObject"], f"{bucket}/{names.deployment}/*"),
        _allow(["s3:ListBucket"], bucket, {"StringLike": {"s3:prefix": f"{names.deployment}/*"}}),
        _allow(
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            repository_arn(spec.image),
        ),
        _allow(["ecr:GetAuthorizationToken"], "*"),
        _allow(_LOGGING, f"{log}:*"),
        _allow(
            ["cloudwatch:PutMetricData"],
            "*",
            {"StringLike": {"cloudwatch:namespace": ["*SageMaker*", "*sagemaker*"]}},
        ),
    ]
    if spec.serverless is None:
        # Without it an update can't be rolled back (SageMaker's guide, "Auto-Rollback
        # Configuration and Monitoring").
        alarm = names.arn("cloudwatch", f"alarm:{names.error_alarm}")
        allowed.append(_allow(["cloudwatch:DescribeAlarms"], alarm))
    if spec.kms_key:
        allowed.append(_allow(["kms:Decrypt"], key_arn(names, spec.kms_key)))
    if spec.vpc:
        allowed.append(_allow(_NETWORK, "*"))
    return tuple(allowed)


_LOGGING = [
    "logs:CreateLogGroup",  # it is there, but whether SageMaker goes on without this is not known
    "logs:CreateLogStream",
    "logs:DescribeLogStreams",
    "logs:PutLogEvents",
]
_NETWORK = [
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
]


def key_arn(names: Names, key: str) -> str:
    """The ARN of a key of KMS that is given so or by its id."""
    return key if key.startswith("arn:") else names.arn("kms", f"key/{key}")


def _allow(
    actions: list[str], resource: str, condition: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    conditions = {"Condition": condition} if condition else {}
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **conditions}
