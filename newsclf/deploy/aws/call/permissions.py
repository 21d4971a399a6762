"""IAM actions of API calls: mostly the name of the operation, with the exceptions here."""

from __future__ import annotations

_PREFIX = {
    "apigatewayv2": "apigateway",
    "bedrock-runtime": "bedrock",
    "resourcegroupstaggingapi": "tag",
    "sagemaker-runtime": "sagemaker",
    "service-quotas": "servicequotas",
}
"""boto3's name of a service → IAM's, where they differ."""
_ACTION = {
    ("bedrock-runtime", "converse"): "bedrock:InvokeModel",
    ("budgets", "create_budget"): "budgets:ModifyBudget",
    ("budgets", "delete_budget"): "budgets:ModifyBudget",
    ("budgets", "describe_budget"): "budgets:ViewBudget",
    ("budgets", "describe_subscribers_for_notification"): "budgets:ViewBudget",
    ("lambda", "invoke"): "lambda:InvokeFunction",
    ("s3", "delete_objects"): "s3:DeleteObject",
    ("s3", "get_bucket_encryption"): "s3:GetEncryptionConfiguration",
    ("s3", "get_public_access_block"): "s3:GetBucketPublicAccessBlock",
    ("s3", "head_bucket"): "s3:ListBucket",
    ("s3", "head_object"): "s3:GetObject",
    ("s3", "list_objects_v2"): "s3:ListBucket",
    ("s3", "list_object_versions"): "s3:ListBucketVersions",
    ("s3", "put_bucket_encryption"): "s3:PutEncryptionConfiguration",
    ("s3", "put_public_access_block"): "s3:PutBucketPublicAccessBlock",
}
_API_GATEWAY = {
    "create": "POST",
    "delete": "DELETE",
    "get": "GET",
    "update": "PATCH",
}
"""API Gateway's actions are HTTP methods."""


def permission_of(service: str, operation: str) -> str:
    """The IAM action of an operation, both as boto3 calls them, such as `sagemaker:CreateModel`.

    Source: AWS's Service Authorization Reference, the pages of these services.
    """
    if service == "apigatewayv2":
        return f"apigateway:{_API_GATEWAY[operation.partition('_')[0]]}"
    named = "".join(word.capitalize() for word in operation.split("_"))
    return _ACTION.get((service, operation), f"{_PREFIX.get(service, service)}:{named}")
