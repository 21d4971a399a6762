"""Search for deployments by tag and role name, for when the state directory is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import PREFIX, TAG, short_region
from newsclf.deploy.aws.call.scope import Scope

_CHECKED = re.compile(
    r"arn:aws:(sagemaker:[^:]*:\d+:(endpoint|endpoint-config|inference-component|model)/"
    r"|(application-autoscaling|logs|lambda|apigateway|cloudwatch|scheduler|budgets|s3|iam):)"
)
"""Kinds that teardown checks itself. The tagging API lists them for a while after deletion."""
_RECORDS = re.compile(r"arn:aws:sagemaker:[^:]*:\d+:[a-z-]*job/")
"""Records of jobs, which can't be deleted and cost nothing."""


def by_role(clients: Clients) -> set[str]:
    """Names of the deployments that have a role; the tagging API does not list IAM roles."""
    roles = clients.listed("iam", "list_roles", "Roles", doing="looking for roles")
    named = re.compile(f"{PREFIX}-(.+)-{short_region(clients.region)}-[a-z]+")
    return {match[1] for role in roles if (match := named.fullmatch(role["RoleName"]))}


def by_tag(clients: Clients) -> Mapping[str, Sequence[str]]:
    """Name of a deployment → ARNs of what carries its tag, or did so a while ago.

    The tagging API still lists what was deleted, mostly for minutes and sometimes for hours
    (aws-cli#8197, boto3#3341), so a name alone proves nothing.
    """
    found: dict[str, list[str]] = {}
    for name, arn in _tagged(clients):
        if not _RECORDS.match(arn):
            found.setdefault(name, []).append(arn)
    return found


def is_stray(arn: str) -> bool:
    """Whether it is of a kind that teardown does not check itself."""
    return not _CHECKED.match(arn) and not _RECORDS.match(arn)


def stray_arns(scope: Scope) -> list[str]:
    """ARNs with a deployment's tag, of kinds that teardown does not check itself."""
    return [arn for arn in tagged_arns(scope) if is_stray(arn)]


def tagged_arns(scope: Scope) -> list[str]:
    """ARNs of what has a deployment's tag, or had it a while ago, sorted."""
    return sorted(
        arn
        for value, arn in _tagged(scope.clients, scope.names.deployment)
        if value == scope.names.deployment
    )


def _tagged(clients: Clients, deployment: str | None = None) -> Iterator[tuple[str, str]]:
    """Pairs of deployment and ARN."""
    only = {"Values": [deployment]} if deployment else {}
    for each in clients.listed(
        "resourcegroupstaggingapi",
        "get_resources",
        "ResourceTagMappingList",
        doing="looking for the tagged resources",
        TagFilters=[{"Key": TAG, **only}],
    ):
        for tag in each["Tags"]:
            if tag["Key"] == TAG:
                yield tag["Value"], each["ResourceARN"]
