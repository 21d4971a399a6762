"""Permissions of the roles that SageMaker assumes, for an endpoint and for a training job.

Source: the SageMaker guide, "SageMaker AI Roles", CreateModel API and CreateTrainingJob API:
Execution Role Permissions; narrowed to our own resources where the action knows resources.
"""

from __future__ import annotations

from newsclf.deploy.aws.call.names import TRAINING_LOG, Names
from newsclf.deploy.aws.iam.statements import Statement, allow
from newsclf.deploy.aws.images import repository_arn
from newsclf.deploy.records import AwsSpec

SERVICE = "sagemaker.amazonaws.com"


def statements(names: Names, spec: AwsSpec) -> tuple[Statement, ...]:
    """The permissions of an endpoint: fetch its archive and image, and write its log."""
    log = names.arn("logs", f"log-group:{names.endpoint_log}")
    allowed = [
        *_files(names, "s3:GetObject"),
        *_image_and_metrics(spec.image),
        allow(LOGGING, f"{log}:*"),
    ]
    if spec.serverless is None:
        # Without it an update can't be rolled back (SageMaker's guide, "Auto-Rollback
        # Configuration and Monitoring").
        alarm = names.arn("cloudwatch", f"alarm:{names.endpoint}-*")
        allowed.append(allow("cloudwatch:DescribeAlarms", alarm))
    if spec.kms_key:
        allowed.append(allow("kms:Decrypt", key_arn(names, spec.kms_key)))
    if spec.vpc:
        allowed.append(allow(_NETWORK, "*"))
    return tuple(allowed)


def training_statements(names: Names, image: str) -> tuple[Statement, ...]:
    """The permissions of a training job: read inputs, write checkpoints, model and log."""
    log = names.arn("logs", f"log-group:{TRAINING_LOG}")
    return (
        *_files(names, "s3:AbortMultipartUpload s3:GetObject s3:PutObject"),
        *_image_and_metrics(image),
        # The group is that of all training jobs of the account; the streams are the job's own.
        allow("logs:CreateLogGroup logs:DescribeLogStreams", f"{log}:*"),
        allow("logs:CreateLogStream logs:PutLogEvents", f"{log}:log-stream:{names.endpoint}/*"),
    )


def _files(names: Names, actions: str) -> list[Statement]:
    bucket = f"arn:aws:s3:::{names.bucket}"
    below = {"StringLike": {"s3:prefix": f"{names.deployment}/*"}}
    return [
        allow(actions, f"{bucket}/{names.deployment}/*"),
        allow("s3:ListBucket", bucket, condition=below),
    ]


def _image_and_metrics(image: str) -> list[Statement]:
    return [
        allow(
            "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetDownloadUrlForLayer",
            repository_arn(image),
        ),
        allow("ecr:GetAuthorizationToken", "*"),
        allow(
            "cloudwatch:PutMetricData",
            "*",
            condition={"StringLike": {"cloudwatch:namespace": ["*SageMaker*", "*sagemaker*"]}},
        ),
    ]


# The group is there, but whether SageMaker logs without CreateLogGroup is not known. After a
# teardown it can't bring the group back: the role is deleted first.
LOGGING = "logs:CreateLogGroup logs:CreateLogStream logs:DescribeLogStreams logs:PutLogEvents"
_NETWORK = (
    "ec2:CreateNetworkInterface ec2:CreateNetworkInterfacePermission"
    " ec2:DeleteNetworkInterface ec2:DeleteNetworkInterfacePermission"
    " ec2:DescribeDhcpOptions ec2:DescribeNetworkInterfaces"
    " ec2:DescribeSecurityGroups ec2:DescribeSubnets ec2:DescribeVpcs"
)


def key_arn(names: Names, key: str) -> str:
    """The ARN of a KMS key that is given by ARN or id."""
    return key if key.startswith("arn:") else names.arn("kms", f"key/{key}")
