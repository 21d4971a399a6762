"""Optional packages: a sentence with the pip command instead of an ImportError."""

from __future__ import annotations

from importlib.util import find_spec

from newsclf.common.errors import MissingExtraError


def require_extra(*packages: str, extra: str, purpose: str) -> None:
    """Raise MissingExtraError unless every package can be imported. Imports none of them."""
    for package in packages:
        if find_spec(package) is None:
            raise MissingExtraError(package, extra=extra, purpose=purpose)
