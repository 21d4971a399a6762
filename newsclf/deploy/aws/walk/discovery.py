"""What deployments there are, by their tags: a lost state file loses nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import PREFIX, TAG, Names

_LOOKED_AT = re.compile(
    r"arn:aws:(sagemaker:[^:]*:\d+:(endpoint|endpoint-config|model)/"
    r"|(application-autoscaling|logs|lambda|apigateway|cloudwatch|scheduler|budgets|s3|iam):)"
)
"""What teardown looks at itself. The tagging API still lists it for a while after it is gone."""
_KEPT = re.compile(r"arn:aws:sagemaker:[^:]*:\d+:[a-z-]*job/")
"""The record of a job can't be deleted, and costs nothing."""


def by_role(clients: Clients) -> set[str]:
    """The names of the deployments that have a role; the tagging API knows no IAM roles."""
    roles = clients.listed("iam", "list_roles", "Roles", doing="looking for roles")
    end = re.escape(_role_end(clients))
    named = re.compile(f"{PREFIX}-(.+)-{end}-[a-z]+")
    return {match[1] for role in roles if (match := named.fullmatch(role["RoleName"]))}


def by_tag(clients: Clients) -> Mapping[str, Sequence[str]]:
    """Name of a deployment → the ARNs of what carries its tag, or did so a while ago.

    The tagging API goes on listing what was deleted, mostly for minutes and sometimes for hours
    (aws-cli#8197, boto3#3341), so a name alone proves nothing.
    """
    found: dict[str, list[str]] = {}
    for name, arn in _tagged(clients):
        if not _KEPT.match(arn):
            found.setdefault(name, []).append(arn)
    return found


def is_stray(arn: str) -> bool:
    """Whether it is of a kind that teardown does not look at."""
    return not _LOOKED_AT.match(arn) and not _KEPT.match(arn)


def stray_arns(clients: Clients, names: Names) -> list[str]:
    """What carries a deployment's tag and is of a kind that teardown does not look at."""
    return sorted(
        arn
        for value, arn in _tagged(clients, names.deployment)
        if value == names.deployment and is_stray(arn)
    )


def _tagged(clients: Clients, deployment: str | None = None) -> Iterator[tuple[str, str]]:
    """Pairs of deployment and ARN."""
    only = {"Values": [deployment]} if deployment else {}
    for each in clients.listed(
        "resourcegroupstaggingapi",
        "get_resources",
        "ResourceTagMappingList",
        doing="looking for what newsclf has made",
        TagFilters=[{"Key": TAG, **only}],
    ):
        for tag in each["Tags"]:
            if tag["Key"] == TAG:
                yield tag["Value"], each["ResourceARN"]


def _role_end(clients: Clients) -> str:
    """`use1`, which is in the name of every role of the region."""
    return Names("x", "", clients.region).endpoint_role.removeprefix(f"{PREFIX}-x-").split("-")[0]
