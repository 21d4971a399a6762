"""IAM roles that AWS services assume, and policies that a role has for the time of a job."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from newsclf.common.errors import ConfigError, NewsclfError, TargetError
from newsclf.deploy.aws.call.names import TAG, Names
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.iam.statements import Statement, document
from newsclf.deploy.aws.walk.resource import Deletable, Resource

log = logging.getLogger(__name__)

_Kind = TypeVar("_Kind", bound=Deletable)
POLICY = "newsclf"
"""Name of the inline policy of each role."""
_ACCOUNT_IN_TRUST = {"sagemaker.amazonaws.com", "scheduler.amazonaws.com"}
"""Services that send the key aws:SourceAccount when they assume a role, as their guides say under
"confused deputy". Lambda's does not mention it, and takes only roles of the function's account."""
_SETTLE_S: Final = 15.0
"""A role's new policy is not seen everywhere at once, and a job that misses it fails much later."""


@dataclass(frozen=True)
class Role(Resource):
    """A role with one inline policy. A role of this name without our tag is never touched.

    A new role takes seconds until a service can use it; a call that passes it on must be repeated.
    """

    name: str
    kind: str
    """`execution role`."""
    principal: str
    """The service that assumes it: `sagemaker.amazonaws.com`."""
    statements: tuple[Statement, ...] = ()
    """The statements of its policy; none: only to remove it."""
    service = "iam"
    name_argument = "RoleName"

    def find(self) -> dict[str, Any] | None:
        found = self.ask("get_role")
        if found is None:
            return None
        role: dict[str, Any] = found["Role"]
        if {"Key": TAG, "Value": self.names.deployment} not in role.get("Tags", []):
            raise TargetError(
                f"the role {self.name} was not made for this deployment: it lacks the tag {TAG}",
                hint="choose another deployment name, or remove the role by hand",
            )
        return role

    def difference(self, found: Mapping[str, Any]) -> str | None:
        if found["AssumeRolePolicyDocument"] != self.trust:
            return "its trust policy"
        policy = self.ask("get_role_policy", PolicyName=POLICY)
        if policy is None or policy["PolicyDocument"] != self.policy:
            return "its permissions"
        return None if self._is_bounded(found) else "its permissions boundary"

    def ensure(self) -> Mapping[str, str]:
        found = self.found()
        trust = json.dumps(self.trust)
        boundary = self.names.rules.permissions_boundary
        bounded: dict[str, Any] = {"PermissionsBoundary": boundary} if boundary else {}
        if found is None:
            self.make(
                "create_role",
                AssumeRolePolicyDocument=trust,
                Description=f"newsclf deployment {self.names.deployment}",
                Tags=self.scope.tag_list,
                **bounded,
            )
        else:
            self.call("update_assume_role_policy", PolicyDocument=trust)
        if found is not None and not self._is_bounded(found):
            self.call("put_role_permissions_boundary", PermissionsBoundary=boundary)
        self.call(
            "put_role_policy",
            PolicyName=POLICY,
            PolicyDocument=json.dumps(self.policy),
        )
        return {}

    def delete(self) -> bool:
        if self.find() is None:
            return False
        for policy in self._listed("list_role_policies", "PolicyNames"):
            self.drop("delete_role_policy", PolicyName=policy)
        for policy in self._listed("list_attached_role_policies", "AttachedPolicies"):
            self.drop("detach_role_policy", PolicyArn=policy["PolicyArn"])
        return self.drop("delete_role")

    def _listed(self, operation: str, key: str) -> Iterator[Any]:
        return self.scope.clients.listed("iam", operation, key, **self.identity)

    def _is_bounded(self, found: Mapping[str, Any]) -> bool:
        """Whether it has the boundary that the account demands, if any."""
        desired = self.names.rules.permissions_boundary
        boundary = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        return desired is None or boundary == desired

    @property
    def policy(self) -> dict[str, Any]:
        """Its one inline policy."""
        return document(*self.statements)

    @property
    def trust(self) -> dict[str, Any]:
        """Its trust policy."""
        trust: dict[str, Any] = {
            "Effect": "Allow",
            "Principal": {"Service": self.principal},
            "Action": "sts:AssumeRole",
        }
        if self.principal in _ACCOUNT_IN_TRUST:
            # The service may assume it on behalf of this account only.
            trust["Condition"] = {"StringEquals": {"aws:SourceAccount": self.names.account}}
        return document(trust)


@dataclass(frozen=True, slots=True)
class LentPolicy:
    """A policy that a role has for the time of a job, as a context.

    A role of the user's own is not changed: it must allow the job already.
    """

    scope: Scope
    role: str
    """Name of the role."""
    job: str
    """Name of the job, and of the policy."""
    statements: Sequence[Statement]

    def __enter__(self) -> None:
        """Put the policy on the role, and wait until it is likely to be seen everywhere."""
        if self.scope.names.rules.role is None:
            self.scope.clients.call(
                "iam",
                "put_role_policy",
                PolicyDocument=json.dumps(document(*self.statements)),
                **self._identity,
            )
            try:
                self.scope.clock.sleep(_SETTLE_S)
            except BaseException as error:
                self.__exit__(type(error))
                raise

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Remove the policy; where something else has failed, that is the error to show."""
        if self.scope.names.rules.role is not None:
            return
        try:
            self.scope.clients.find("iam", "delete_role_policy", **self._identity)
        except NewsclfError as error:
            if kind is None:
                raise
            log.warning(
                "the role %s keeps the policy %s until the teardown: %s",
                self.role,
                self.job,
                error.message,
            )

    @property
    def _identity(self) -> dict[str, str]:
        return {"RoleName": self.role, "PolicyName": self.job}


def check_rules(names: Names) -> None:
    """Raise ConfigError if the user's own role or boundary belongs to another account."""
    for option, account in names.rules.other_accounts.items():
        if account != names.account:
            raise ConfigError(
                f"{option}: it belongs to the account {account}, and these credentials to"
                f" {names.account}",
                hint="name one of this account, or set AWS_PROFILE to a profile of that one",
            )


def without_replaced(resources: Sequence[_Kind], names: Names) -> Sequence[_Kind]:
    """The resources without the roles that a role of the user's own replaces."""
    if names.rules.role is None:
        return resources
    return [each for each in resources if not isinstance(each, Role)]
