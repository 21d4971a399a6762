"""An IAM role that a service of AWS takes on: who may, and what it may then do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from newsclf.common.errors import ConfigError, TargetError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import TAG, Names
from newsclf.deploy.aws.walk.resource import Look, Remains

_Kind = TypeVar("_Kind", bound=Remains)
_POLICY = "newsclf"
_TELL_THE_ACCOUNT = {"sagemaker.amazonaws.com", "scheduler.amazonaws.com"}
"""Services whose guides say, under confused deputies, that they take on roles with the key
aws:SourceAccount. Lambda's says nothing of it, and takes only roles of the function's account."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role with one inline policy. A role of this name that is not tagged as ours is left alone.

    A new role takes seconds until a service can use it; whoever passes it on must try again.
    """

    clients: Clients
    names: Names
    name: str
    kind: str
    """`execution role`."""
    service: str
    """`sagemaker.amazonaws.com`."""
    statements: tuple[Mapping[str, Any], ...] = field(default=())
    """Of its policy; none: only to remove it."""

    def look(self) -> Look:  # noqa: D102 - see Resource, here and below
        found = self._find()
        if found is None:
            return Look("create")
        if found["AssumeRolePolicyDocument"] != self._trust:
            return Look("update", "who may take it on")
        policy = self.clients.find(
            "iam",
            "get_role_policy",
            doing=f"reading the policy of the role {self.name}",
            RoleName=self.name,
            PolicyName=_POLICY,
        )
        if policy is None or policy["PolicyDocument"] != self._policy:
            return Look("update", "what it may do")
        if not self._is_bounded(found):
            return Look("update", "its permissions boundary")
        return Look("keep")

    def ensure(self) -> Mapping[str, str]:  # noqa: D102
        trust = json.dumps(self._trust)
        found = self._find()
        boundary = self.names.rules.permissions_boundary
        bounded: dict[str, Any] = {"PermissionsBoundary": boundary} if boundary else {}
        if found is None:
            self.clients.create(
                "iam",
                "create_role",
                doing=f"creating the role {self.name}",
                RoleName=self.name,
                AssumeRolePolicyDocument=trust,
                Description=f"newsclf deployment {self.names.deployment}",
                Tags=[{"Key": key, "Value": value} for key, value in self.names.tags.items()],
                **bounded,
            )
        else:
            self.clients.call(
                "iam",
                "update_assume_role_policy",
                doing=f"changing the role {self.name}",
                RoleName=self.name,
                PolicyDocument=trust,
            )
        if found is not None and not self._is_bounded(found):
            self.clients.call(
                "iam",
                "put_role_permissions_boundary",
                doing=f"bounding the role {self.name}",
                RoleName=self.name,
                PermissionsBoundary=boundary,
            )
        self.clients.call(
            "iam",
            "put_role_policy",
            doing=f"giving the role {self.name} its policy",
            RoleName=self.name,
            PolicyName=_POLICY,
            PolicyDocument=json.dumps(self._policy),
        )
        return {}

    def delete(self) -> bool:  # noqa: D102
        if self._find() is None:
            return False
        doing = f"deleting the role {self.name}"
        role = {"RoleName": self.name}
        for policy in self.clients.listed(
            "iam", "list_role_policies", "PolicyNames", doing=doing, **role
        ):
            self.clients.find("iam", "delete_role_policy", doing=doing, PolicyName=policy, **role)
        for policy in self.clients.listed(
            "iam", "list_attached_role_policies", "AttachedPolicies", doing=doing, **role
        ):
            self.clients.find(
                "iam", "detach_role_policy", doing=doing, PolicyArn=policy["PolicyArn"], **role
            )
        return self.clients.find("iam", "delete_role", doing=doing, **role) is not None

    def exists(self) -> bool:  # noqa: D102
        return self._find() is not None

    def _find(self) -> dict[str, Any] | None:
        found = self.clients.find(
            "iam", "get_role", doing=f"looking for the role {self.name}", RoleName=self.name
        )
        if found is None:
            return None
        role: dict[str, Any] = found["Role"]
        if {"Key": TAG, "Value": self.names.deployment} not in role.get("Tags", []):
            raise TargetError(
                f"the role {self.name} was not made for this deployment: it lacks the tag {TAG}",
                hint="take another deployment name, or remove the role by hand",
            )
        return role

    def _is_bounded(self, found: Mapping[str, Any]) -> bool:
        """Whether it has the boundary that is wanted, or none is."""
        wanted = self.names.rules.permissions_boundary
        has = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        return wanted is None or has == wanted

    @property
    def _trust(self) -> dict[str, Any]:
        trust: dict[str, Any] = {
            "Effect": "Allow",
            "Principal": {"Service": self.service},
            "Action": "sts:AssumeRole",
        }
        if self.service in _TELL_THE_ACCOUNT:
            # The service may use it for this account alone, whoever asks it to.
            trust["Condition"] = {"StringEquals": {"aws:SourceAccount": self.names.account}}
        return _document(trust)

    @property
    def _policy(self) -> dict[str, Any]:
        return _document(*self.statements)


def check_rules(names: Names) -> None:
    """Raise ConfigError if a role or a boundary of the user's own is of another account."""
    for option, account in names.rules.other_accounts.items():
        if account != names.account:
            raise ConfigError(
                f"{option}: it is of the account {account}, and these credentials are of"
                f" {names.account}",
                hint="name one of this account, or set AWS_PROFILE to a profile of that one",
            )


def without_replaced(resources: Sequence[_Kind], names: Names) -> Sequence[_Kind]:
    """The resources without the roles of ours that a role of the user's own takes the place of."""
    if names.rules.role is None:
        return resources
    return [each for each in resources if not isinstance(each, Role)]


def _document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [dict(each) for each in statements]}
