"""IAM roles of moto: which services may assume them, and what they allow."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.iam.models import iam_backends


def trusts(role_arn: str, service: str) -> bool:
    """Whether a role exists and lets a service assume it."""
    role = next((r for r in iam_backends[ACCOUNT]["aws"].roles.values() if r.arn == role_arn), None)
    return role is not None and service in str(role.assume_role_policy_document)


def allows(role_arn: str, action: str, resource: str) -> bool:
    """Whether a role's own policies allow an action; conditions are ignored."""
    roles = iam_backends[ACCOUNT]["aws"].roles.values()
    role: Any = next((each for each in roles if each.arn == role_arn), None)
    texts = role.policies.values() if role is not None else []
    for statement in (s for text in texts for s in json.loads(text)["Statement"]):
        given = statement["Resource"]
        resources = [given] if isinstance(given, str) else given
        if action in statement["Action"] and any(fnmatchcase(resource, r) for r in resources):
            return True
    return False
