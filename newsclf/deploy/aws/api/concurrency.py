"""Lambda's concurrency in an account, and what of it can be reserved for a function."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from newsclf.common.errors import TargetError
from newsclf.deploy.aws.api.function import Function
from newsclf.deploy.aws.api.resources import ApiSpec
from newsclf.deploy.aws.call.errors import RefusedError, is_denied
from newsclf.deploy.aws.call.scope import Scope

log = logging.getLogger(__name__)

_NEVER_RESERVED: Final = 100
"""Lambda keeps so many for functions without a reservation, or all if there are fewer: a new
account's 10 can't be reserved at all (its guide, "Configuring reserved concurrency")."""
_QUOTA: Final = "L-B99A9384"
"""Code of Lambda's quota "Concurrent executions"."""


def within_account(scope: Scope, spec: ApiSpec) -> ApiSpec:
    """The spec with a reservation that the account has room for, or with none.

    Raises:
        TargetError: the account has no room for a requested reservation.
        ServiceError: AWS can't be reached, is busy, or failed.
    """
    desired = spec.settings.reserved_concurrency
    room = None if desired is None else _room(scope)
    if desired is None or room is None or room[1] >= desired:
        return spec
    total, left = room
    more = (
        "aws service-quotas request-service-quota-increase --service-code lambda"
        f" --quota-code {_QUOTA} --desired-value 1000 --region {scope.names.region}"
    )
    said = (
        f"Lambda works on {total} requests at once for all functions of this account, of which"
        f" {left} can be reserved"
    )
    if spec.must_reserve:
        raise TargetError(
            f"{said}; --runtimes is {desired}",
            hint=f"newsclf wire-api --unreserved reserves none; {more} requests a higher limit",
        )
    log.warning("%s, so none are: the API shares them. To request more: %s", said, more)
    unreserved = spec.settings.model_copy(update={"reserved_concurrency": None})
    return replace(spec, settings=unreserved)


def _room(scope: Scope) -> tuple[int, int] | None:
    """The account's limit and what the function can have of it; None if it may not be read."""
    try:
        limits = scope.clients.call(
            "lambda", "get_account_settings", doing="reading the account's Lambda concurrency"
        )["AccountLimit"]
    except RefusedError as error:
        if not is_denied(error):
            raise
        return None  # then Lambda refuses the reservation itself
    found = Function(scope, scope.names.endpoint, "function").found()
    ours = (found or {}).get("Concurrency", {}).get("ReservedConcurrentExecutions", 0)
    total = limits["ConcurrentExecutions"]
    free = limits["UnreservedConcurrentExecutions"] + ours
    return total, max(0, free - min(_NEVER_RESERVED, total))
