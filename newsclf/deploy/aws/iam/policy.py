"""The least-privilege IAM policy of the commands: actions, and the resources that they are on.

Tests keep it equal to what the commands really call: they record every call to a fake AWS. Which
actions and resources there are: AWS's Service Authorization Reference. `--kms-key` needs more, on
the key: kms:CreateGrant, kms:DescribeKey, kms:GenerateDataKey. `loadtest --instances` deploys and
tears down, so it needs what those need.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from newsclf.deploy.aws.call.permissions import permission_of
from newsclf.deploy.aws.iam.statements import allow
from newsclf.deploy.aws.iam.statements import document as policy_document

Command = Literal[
    "train",
    "deploy",
    "wire-api",
    "predict",
    "loadtest",
    "status",
    "logs",
    "pause",
    "resume",
    "teardown",
]
COMMANDS: tuple[Command, ...] = get_args(Command)
MANAGED_POLICY_CHARS = 6144
"""Characters that IAM takes in a managed policy, not counting white space (IAM's guide, "IAM and
AWS STS quotas"). All the commands together must fit, in every region."""

_RESOURCES: Mapping[str, Sequence[str]] = {
    "Bucket": ("arn:aws:s3:::newsclf-{account}-{region}",),
    "Archives": ("arn:aws:s3:::newsclf-{account}-{region}/*",),
    "YourBuckets": ("arn:aws:s3:::*",),
    "Roles": ("arn:aws:iam::{account}:role/newsclf-*",),
    "PassRole": ("arn:aws:iam::{account}:role/newsclf-*",),
    "ScalingRole": (
        (
            "arn:aws:iam::{account}:role/aws-service-role"
            "/sagemaker.application-autoscaling.amazonaws.com"
            "/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
        ),
    ),
    "Models": ("arn:aws:sagemaker:{region}:{account}:model/newsclf-*",),
    "EndpointConfigs": ("arn:aws:sagemaker:{region}:{account}:endpoint-config/newsclf-*",),
    "Endpoints": ("arn:aws:sagemaker:{region}:{account}:endpoint/newsclf-*",),
    "TrainingJobs": ("arn:aws:sagemaker:{region}:{account}:training-job/newsclf-train-*",),
    "RecommenderJobs": (
        "arn:aws:sagemaker:{region}:{account}:inference-recommendations-job/newsclf-*",
    ),
    "BatchJobs": ("arn:aws:sagemaker:{region}:{account}:transform-job/newsclf-*",),
    "Functions": ("arn:aws:lambda:{region}:{account}:function:newsclf-*",),
    "Apis": (
        "arn:aws:apigateway:{region}::/apis",
        "arn:aws:apigateway:{region}::/apis/*",
        "arn:aws:apigateway:{region}::/tags/*",
    ),
    "ApiCalls": ("arn:aws:execute-api:{region}:{account}:*/POST/classify",),
    "LogGroups": (
        "arn:aws:logs:{region}:{account}:log-group:/aws/sagemaker/Endpoints/newsclf-*",
        "arn:aws:logs:{region}:{account}:log-group:/aws/lambda/newsclf-*",
        "arn:aws:logs:{region}:{account}:log-group:/aws/vendedlogs/apigateway/newsclf-*",
    ),
    "TrainingLog": ("arn:aws:logs:{region}:{account}:log-group:/aws/sagemaker/TrainingJobs:*",),
    "Alarms": (
        "arn:aws:cloudwatch:{region}:{account}:alarm:newsclf-*",
        # Autoscaling makes and deletes its own with the caller's permissions.
        "arn:aws:cloudwatch:{region}:{account}:alarm:TargetTracking-endpoint/newsclf-*",
    ),
    "ScalingTargets": ("arn:aws:application-autoscaling:{region}:{account}:scalable-target/*",),
    "Schedules": ("arn:aws:scheduler:{region}:{account}:schedule/default/newsclf-*",),
    "Budgets": ("arn:aws:budgets::{account}:budget/newsclf-*",),
    "Any": ("*",),
}
"""Kind → ARNs of its resources. `Any`: actions without a resource."""
_BEDROCK_PROFILE = re.compile(r"(global|us|us-gov|eu|apac|jp|au|ca)\.(.+)")
"""Inference profiles of Bedrock that AWS has defined: a geography, and the model (Bedrock's guide,
"Supported Regions and models for inference profiles")."""
_PASSED_TO = ("lambda.amazonaws.com", "sagemaker.amazonaws.com", "scheduler.amazonaws.com")
_ROLES_MADE = (
    "iam:CreateRole iam:GetRole iam:PutRolePermissionsBoundary iam:PutRolePolicy iam:TagRole"
    " iam:UpdateAssumeRolePolicy"
)
_ROLES = f"{_ROLES_MADE} iam:GetRolePolicy"
_ROLES_GO = (
    "iam:DeleteRole iam:DeleteRolePolicy iam:DetachRolePolicy iam:GetRole"
    " iam:ListAttachedRolePolicies iam:ListRolePolicies"
)
_LOGS = "logs:CreateLogGroup logs:PutRetentionPolicy logs:TagResource"
_LOOKS = (
    "application-autoscaling:DescribeScalableTargets"
    " application-autoscaling:DescribeScalingPolicies cloudwatch:DescribeAlarms iam:ListRoles"
    " logs:DescribeLogGroups sagemaker:ListEndpointConfigs"
    " sagemaker:ListInferenceComponents sagemaker:ListInferenceRecommendationsJobs"
    " sagemaker:ListModels sagemaker:ListTransformJobs tag:GetResources"
)
_REQUESTS = {
    "EndpointConfigs": "sagemaker:DescribeEndpointConfig",
    "Endpoints": "sagemaker:DescribeEndpoint sagemaker:InvokeEndpoint",
    "ApiCalls": "execute-api:Invoke",
}
_ACTIONS: Mapping[Command, Mapping[str, str]] = {
    "train": {
        "Bucket": "s3:CreateBucket s3:DeleteBucket s3:ListBucket s3:ListBucketVersions"
        " s3:PutBucketPublicAccessBlock s3:PutBucketTagging s3:PutEncryptionConfiguration"
        " s3:TagResource",
        "Archives": "s3:DeleteObject s3:DeleteObjectVersion s3:GetObject s3:PutObject",
        "Roles": f"{_ROLES_MADE} {_ROLES_GO}",
        "PassRole": "iam:PassRole",
        "TrainingJobs": "sagemaker:AddTags sagemaker:CreateTrainingJob"
        " sagemaker:DescribeTrainingJob sagemaker:StopTrainingJob",
        "TrainingLog": "logs:DescribeLogStreams logs:GetLogEvents",
        "Any": "cloudwatch:GetMetricStatistics pricing:GetProducts servicequotas:ListServiceQuotas",
    },
    "deploy": {
        "Bucket": "s3:CreateBucket s3:GetBucketPublicAccessBlock s3:ListBucket s3:PutBucketTagging"
        " s3:PutBucketPublicAccessBlock s3:PutEncryptionConfiguration s3:TagResource",
        "Archives": "s3:GetObject s3:PutObject",
        "Roles": _ROLES,
        "PassRole": "iam:PassRole",
        "ScalingRole": "iam:CreateServiceLinkedRole",
        "Models": "sagemaker:AddTags sagemaker:CreateModel sagemaker:DescribeModel",
        # An endpoint is created and updated on two resources: itself and its configuration.
        "EndpointConfigs": "sagemaker:AddTags sagemaker:CreateEndpoint"
        " sagemaker:CreateEndpointConfig sagemaker:DescribeEndpointConfig sagemaker:UpdateEndpoint",
        "Endpoints": "sagemaker:AddTags sagemaker:CreateEndpoint sagemaker:DeleteEndpoint"
        " sagemaker:DescribeEndpoint sagemaker:InvokeEndpoint sagemaker:ListTags"
        " sagemaker:UpdateEndpoint sagemaker:UpdateEndpointWeightsAndCapacities",
        "Functions": "lambda:GetFunction lambda:UpdateFunctionConfiguration",
        "LogGroups": f"{_LOGS} logs:DescribeLogStreams logs:GetLogEvents",
        "Alarms": "cloudwatch:DeleteAlarms cloudwatch:PutMetricAlarm cloudwatch:TagResource",
        "ScalingTargets": "application-autoscaling:DeleteScalingPolicy"
        " application-autoscaling:DeregisterScalableTarget"
        " application-autoscaling:PutScalingPolicy"
        " application-autoscaling:RegisterScalableTarget application-autoscaling:TagResource",
        "Schedules": "scheduler:CreateSchedule scheduler:GetSchedule scheduler:UpdateSchedule",
        "Budgets": "budgets:ModifyBudget budgets:TagResource budgets:ViewBudget",
        "Any": "application-autoscaling:DescribeScalableTargets"
        " application-autoscaling:DescribeScalingPolicies cloudwatch:DescribeAlarms"
        " cloudwatch:GetMetricStatistics logs:DescribeLogGroups servicequotas:ListServiceQuotas",
    },
    "wire-api": {
        "Roles": f"{_ROLES} {_ROLES_GO}",
        "PassRole": "iam:PassRole",
        "Endpoints": "sagemaker:DescribeEndpoint",
        "Functions": "lambda:AddPermission lambda:CreateFunction lambda:DeleteFunction"
        " lambda:DeleteFunctionConcurrency lambda:GetFunction lambda:GetPolicy"
        " lambda:PutFunctionConcurrency lambda:RemovePermission lambda:TagResource"
        " lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration",
        "Apis": "apigateway:DELETE apigateway:GET apigateway:PATCH apigateway:POST",
        "ApiCalls": "execute-api:Invoke",
        "LogGroups": f"{_LOGS} logs:DeleteLogGroup",
        "Any": "lambda:GetAccountSettings logs:CreateLogDelivery logs:DeleteLogDelivery"
        " logs:DescribeLogGroups"
        " logs:DescribeResourcePolicies logs:GetLogDelivery logs:ListLogDeliveries"
        " logs:PutResourcePolicy logs:UpdateLogDelivery",
    },
    "predict": {
        **_REQUESTS,
        "YourBuckets": "s3:GetEncryptionConfiguration s3:ListBucket",
        "Roles": "iam:DeleteRolePolicy iam:PutRolePolicy",
        "BatchJobs": "sagemaker:AddTags sagemaker:CreateTransformJob"
        " sagemaker:DescribeTransformJob sagemaker:StopTransformJob",
        "Any": "cloudwatch:GetMetricStatistics pricing:GetProducts servicequotas:ListServiceQuotas",
    },
    "loadtest": {
        **_REQUESTS,
        "Bucket": "s3:ListBucketVersions",
        "Archives": "s3:DeleteObject s3:DeleteObjectVersion s3:PutObject",
        "Roles": "iam:DeleteRolePolicy iam:PutRolePolicy",
        "PassRole": "iam:PassRole",
        "RecommenderJobs": "sagemaker:AddTags sagemaker:CreateInferenceRecommendationsJob"
        " sagemaker:DescribeInferenceRecommendationsJob"
        " sagemaker:StopInferenceRecommendationsJob",
        "Any": "cloudwatch:GetMetricStatistics servicequotas:ListServiceQuotas",
    },
    # The list of tags lags, so of what it names by tag alone all kinds are looked for.
    "status": {
        "Bucket": "s3:ListBucketVersions",
        "Roles": "iam:GetRole",
        "Endpoints": "sagemaker:DescribeEndpoint",
        "EndpointConfigs": "sagemaker:DescribeEndpointConfig",
        "TrainingJobs": "sagemaker:DescribeTrainingJob",
        "Functions": "lambda:GetFunction",
        "Apis": "apigateway:GET",
        "Schedules": "scheduler:GetSchedule",
        "Budgets": "budgets:ViewBudget",
        "Any": _LOOKS,
    },
    "logs": {"LogGroups": "logs:DescribeLogStreams logs:GetLogEvents"},
    "pause": {
        "EndpointConfigs": "sagemaker:DescribeEndpointConfig",
        "Endpoints": "sagemaker:DeleteEndpoint sagemaker:DescribeEndpoint sagemaker:ListTags",
        "Alarms": "cloudwatch:DeleteAlarms",
        "ScalingTargets": "application-autoscaling:DeleteScalingPolicy"
        " application-autoscaling:DeregisterScalableTarget",
        "Schedules": "scheduler:DeleteSchedule scheduler:GetSchedule",
        "Any": "application-autoscaling:DescribeScalableTargets"
        " application-autoscaling:DescribeScalingPolicies",
    },
    "resume": {
        "PassRole": "iam:PassRole",
        "ScalingRole": "iam:CreateServiceLinkedRole",
        "EndpointConfigs": "sagemaker:CreateEndpoint sagemaker:DescribeEndpointConfig",
        "Endpoints": "sagemaker:AddTags sagemaker:CreateEndpoint sagemaker:DescribeEndpoint"
        " sagemaker:InvokeEndpoint sagemaker:ListTags"
        " sagemaker:UpdateEndpointWeightsAndCapacities",
        "LogGroups": "logs:DescribeLogStreams logs:GetLogEvents",
        "Alarms": "cloudwatch:PutMetricAlarm",
        "ScalingTargets": "application-autoscaling:PutScalingPolicy"
        " application-autoscaling:RegisterScalableTarget application-autoscaling:TagResource",
        "Schedules": "scheduler:CreateSchedule scheduler:GetSchedule scheduler:UpdateSchedule",
        "Any": "application-autoscaling:DescribeScalableTargets"
        " application-autoscaling:DescribeScalingPolicies cloudwatch:DescribeAlarms"
        " cloudwatch:GetMetricStatistics"
        " servicequotas:ListServiceQuotas",
    },
    "teardown": {
        "Bucket": "s3:DeleteBucket s3:ListBucket s3:ListBucketVersions",
        "Archives": "s3:DeleteObject s3:DeleteObjectVersion",
        "Roles": _ROLES_GO,
        "Models": "sagemaker:DeleteModel sagemaker:DescribeModel",
        "EndpointConfigs": "sagemaker:DeleteEndpointConfig sagemaker:DescribeEndpointConfig",
        "Endpoints": "sagemaker:DeleteEndpoint sagemaker:DescribeEndpoint sagemaker:ListTags",
        "TrainingJobs": "sagemaker:DescribeTrainingJob sagemaker:StopTrainingJob",
        "RecommenderJobs": "sagemaker:DescribeInferenceRecommendationsJob"
        " sagemaker:StopInferenceRecommendationsJob",
        "BatchJobs": "sagemaker:DescribeTransformJob sagemaker:StopTransformJob",
        "Functions": "lambda:DeleteFunction lambda:GetFunction",
        "Apis": "apigateway:DELETE apigateway:GET",
        "LogGroups": "logs:DeleteLogGroup",
        "Alarms": "cloudwatch:DeleteAlarms",
        "ScalingTargets": "application-autoscaling:DeleteScalingPolicy"
        " application-autoscaling:DeregisterScalableTarget",
        "Schedules": "scheduler:DeleteSchedule scheduler:GetSchedule",
        "Budgets": "budgets:ModifyBudget budgets:ViewBudget",
        # Components have whatever names their makers gave them, and a statement of their own would
        # not fit into the policy.
        "Any": f"{_LOOKS} sagemaker:DeleteInferenceComponent",
    },
}
"""Command → kind → actions."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The actions on one kind of resource."""

    kind: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def document(self) -> Mapping[str, Any]:
        """The statement as IAM reads it, without a Sid, for which a policy has no room."""
        passed = {"StringEquals": {"iam:PassedToService": list(_PASSED_TO)}}
        condition = passed if self.kind == "PassRole" else None
        return allow(" ".join(self.actions), *self.resources, condition=condition)

    def context_entries(self) -> list[dict[str, Any]]:
        """The context of the statement's condition, for IAM's simulator."""
        if self.kind != "PassRole":
            return []
        return [
            {
                "ContextKeyName": "iam:PassedToService",
                "ContextKeyValues": [_PASSED_TO[0]],
                "ContextKeyType": "string",
            }
        ]


def statements(
    commands: Iterable[Command], *, region: str = "*", account: str = "*", role: str | None = None
) -> Sequence[Statement]:
    """The permissions of some commands, one statement for each kind of resource.

    Args:
        region: A region, or `*`: any.
        account: An account's number, or `*`: any.
        role: ARN of a role of the user's own; then no right to make, change or see roles is needed.
    """
    actions: dict[str, set[str]] = {}
    resources_of = dict(_RESOURCES)
    if role is not None:
        del resources_of["Roles"]
        resources_of["PassRole"] = (role,)
    for command in commands:
        for kind, words in _ACTIONS[command].items():
            actions.setdefault(kind, set()).update(words.split())
    if role is not None:
        actions.get("Any", set()).discard("iam:ListRoles")
    return [
        Statement(
            kind,
            tuple(sorted(actions[kind])),
            tuple(each.format(region=region, account=account) for each in resources),
        )
        for kind, resources in resources_of.items()
        if kind in actions
    ]


def size(policy: Mapping[str, Any]) -> int:
    """Characters of a policy document as IAM counts them: without white space."""
    return len(re.sub(r"\s", "", json.dumps(policy)))


def document(
    commands: Iterable[Command] = COMMANDS,
    *,
    region: str = "*",
    account: str = "*",
    role: str | None = None,
    bedrock: Sequence[str] = (),
) -> dict[str, Any]:
    """A policy document, as IAM reads it; arguments as of `statements`.

    Args:
        bedrock: Models of Bedrock that may be asked for labels: identifiers, inference profiles, or
            ARNs of either.
    """
    found = statements(commands, region=region, account=account, role=role)
    arns = [arn for each in bedrock for arn in _bedrock_arns(each, region, account)]
    action = permission_of("bedrock-runtime", "converse")
    asked = [allow(action, *dict.fromkeys(arns))] if arns else []
    return policy_document(*(each.document() for each in found), *asked)


def _bedrock_arns(model: str, region: str, account: str) -> list[str]:
    """ARNs of a model of Bedrock; an inference profile needs its model in all of its regions."""
    if model.startswith("arn:"):
        return [model]
    if found := _BEDROCK_PROFILE.fullmatch(model):
        return [
            f"arn:aws:bedrock:{region}:{account}:inference-profile/{model}",
            f"arn:aws:bedrock:*::foundation-model/{found[2]}",
        ]
    return [f"arn:aws:bedrock:{region}::foundation-model/{model}"]
