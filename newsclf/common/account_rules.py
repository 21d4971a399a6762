"""Rules of an AWS account for new resources: role, permissions boundary, tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator

from newsclf.common.records import LenientRecord

_MOST_TAGS = 48
"""AWS allows 50 per resource, two of which are newsclf's."""
_KEY_CHARS, _VALUE_CHARS = 128, 256
_TAG_TEXT = re.compile(r"[\w .:/=+\-@]*")
_RESERVED = ("aws:", "newsclf:")
_ROLE = re.compile(r"arn:aws:iam::\d{12}:role/[\w+=,.@/-]+")
_POLICY = re.compile(r"arn:aws:iam::(\d{12}|aws):policy/[\w+=,.@/-]+")


def _role(arn: str) -> str:
    if not _ROLE.fullmatch(arn):
        raise ValueError("expected a role such as arn:aws:iam::123456789012:role/NAME")
    return arn


def _policy(arn: str) -> str:
    if not _POLICY.fullmatch(arn):
        raise ValueError("expected a policy such as arn:aws:iam::123456789012:policy/NAME")
    return arn


def checked_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Check that every AWS service accepts these tags.

    Raises:
        ValueError: one is too long, reserved, or has a character that some service refuses.
    """
    if len(tags) > _MOST_TAGS:
        raise ValueError(f"{len(tags)} tags; AWS takes {_MOST_TAGS} beside those of newsclf")
    for key, value in tags.items():
        if not 1 <= len(key) <= _KEY_CHARS or len(value) > _VALUE_CHARS:
            raise ValueError(
                f"the tag {key[:_KEY_CHARS]!r} is too long: a key has 1 to {_KEY_CHARS} characters,"
                f" a value up to {_VALUE_CHARS}"
            )
        if key.lower().startswith(_RESERVED):
            raise ValueError(f"the tag {key!r} is reserved: no key begins with aws: or newsclf:")
        if not _TAG_TEXT.fullmatch(key + value):
            raise ValueError(
                f"the tag {key!r} may hold letters, digits, spaces and . : / = + - @ _ only"
            )
    return tags


class AccountRules(LenientRecord):
    """The user's own role, permissions boundary and tags for what newsclf creates."""

    role: Annotated[str, AfterValidator(_role)] | None = None
    """ARN of the role that all services assume; None: newsclf makes one for each."""
    permissions_boundary: Annotated[str, AfterValidator(_policy)] | None = None
    """ARN of the permissions boundary of each role that newsclf makes."""
    tags: Annotated[dict[str, str], AfterValidator(checked_tags)] = {}
    """Tags for every taggable resource, in addition to newsclf's own."""

    def over(self, earlier: Self) -> Self:
        """Merge with earlier rules; these take precedence."""
        given = {name: value for name, value in self if value}
        return earlier.model_copy(update=given)

    @property
    def other_accounts(self) -> Mapping[str, str]:
        """Option → the account that its ARN is of, where it is of an account."""
        arns = {"--role": self.role, "--permissions-boundary": self.permissions_boundary}
        accounts = {option: arn.split(":")[4] for option, arn in arns.items() if arn}
        return {option: account for option, account in accounts.items() if account != "aws"}


NO_RULES = AccountRules()
"""Rules for an account without any requirements."""
