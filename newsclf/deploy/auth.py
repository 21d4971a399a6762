"""Kinds of authentication of an API."""

from __future__ import annotations

from typing import Literal

Auth = Literal["api-key", "iam", "none"]
"""On this machine: a key in a header, a signature of each request (SigV4), or nothing."""
AwsAuth = Literal["iam", "jwt", "api-key", "none"]
"""On AWS, where an issuer's JWT is possible too."""
