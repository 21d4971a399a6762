"""The least IAM policy that the commands need: actions, and the names that they are on.

Kept equal to what the commands really ask for by tests/aws, which record every call against a fake
AWS. Which actions and resources there are: AWS's Service Authorization Reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

Command = Literal["deploy", "wire-api", "predict", "loadtest", "status", "logs", "teardown"]
COMMANDS: tuple[Command, ...] = get_args(Command)

_RESOURCES: Mapping[str, tuple[str, ...]] = {
    "Bucket": ("arn:aws:s3:::newsclf-{account}-{region}",),
    "Objects": ("arn:aws:s3:::newsclf-{account}-{region}/*",),
    "Roles": ("arn:aws:iam::{account}:role/newsclf-*",),
    "PassRole": ("arn:aws:iam::{account}:role/newsclf-*",),
    "Models": ("arn:aws:sagemaker:{region}:{account}:model/newsclf-*",),
    "EndpointConfigs": ("arn:aws:sagemaker:{region}:{account}:endpoint-config/newsclf-*",),
    "Endpoints": ("arn:aws:sagemaker:{region}:{account}:endpoint/newsclf-*",),
    "Functions": ("arn:aws:lambda:{region}:{account}:function:newsclf-*",),
    "Apis": (
        "arn:aws:apigateway:{region}::/apis",
        "arn:aws:apigateway:{region}::/apis/*",
        "arn:aws:apigateway:{region}::/tags/*",
    ),
    "LogGroups": (
        "arn:aws:logs:{region}:{account}:log-group:/aws/sagemaker/Endpoints/newsclf-*",
        "arn:aws:logs:{region}:{account}:log-group:/aws/lambda/newsclf-*",
        "arn:aws:logs:{region}:{account}:log-group:/aws/apigateway/newsclf-*",
    ),
    "Alarms": ("arn:aws:cloudwatch:{region}:{account}:alarm:newsclf-*",),
    "Schedules": ("arn:aws:scheduler:{region}:{account}:schedule/default/newsclf-*",),
    "Budgets": ("arn:aws:budgets::{account}:budget/newsclf-*",),
    "Any": ("*",),
}
"""Kind → what is named so. `Any`: actions that know no resource, or whose ids only AWS knows."""

_PASSED_TO = ("lambda.amazonaws.com", "sagemaker.amazonaws.com", "scheduler.amazonaws.com")

_ACTIONS: Mapping[Command, Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Statement:
    """Actions of one kind of resource."""

    kind: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """As IAM reads it."""
        document: dict[str, Any] = {
            "Sid": self.kind,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": self.resources[0] if len(self.resources) == 1 else list(self.resources),
        }
        if self.kind == "PassRole":
            document["Condition"] = {"StringEquals": {"iam:PassedToService": list(_PASSED_TO)}}
        return document

    def context_entries(self) -> list[dict[str, Any]]:
        """What IAM's simulator must be told for the statement's condition."""
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
    commands: Iterable[Command], *, region: str = "*", account: str = "*"
) -> Sequence[Statement]:
    """What some commands need, one statement for each kind of resource.

    Args:
        commands: Whose permissions.
        region: A region, or `*`: any.
        account: An account's number, or `*`: any.
    """
    actions: dict[str, set[str]] = {}
    for command in commands:
        for kind, words in _ACTIONS[command].items():
            actions.setdefault(kind, set()).update(words.split())
    return [
        Statement(
            kind,
            tuple(sorted(actions[kind])),
            tuple(each.format(region=region, account=account) for each in resources),
        )
        for kind, resources in _RESOURCES.items()
        if kind in actions
    ]


def document(
    commands: Iterable[Command] = COMMANDS, *, region: str = "*", account: str = "*"
) -> dict[str, Any]:
    """A policy document, as IAM reads it."""
    found = statements(commands, region=region, account=account)
    return {"Version": "2012-10-17", "Statement": [each.document() for each in found]}
