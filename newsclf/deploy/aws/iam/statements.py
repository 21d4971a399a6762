"""Statements and documents of IAM policies, as IAM reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Statement = Mapping[str, Any]


def allow(actions: str, *resources: str, condition: Mapping[str, Any] | None = None) -> Statement:
    """A statement that allows actions, separated by spaces, on resources, given by their ARNs."""
    return {
        "Effect": "Allow",
        "Action": actions.split(),
        "Resource": resources[0] if len(resources) == 1 else list(resources),
        **({"Condition": condition} if condition else {}),
    }


def document(*statements: Statement) -> dict[str, Any]:
    """A policy document with these statements."""
    return {"Version": "2012-10-17", "Statement": [dict(each) for each in statements]}
