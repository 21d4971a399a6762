"""How many requests an account lets Lambda work on at once, and what of that can be reserved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from newsclf.common.errors import TargetError
from newsclf.deploy.aws.api.resources import ApiSpec
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError, is_denied
from newsclf.deploy.aws.call.names import Names

_NEVER_RESERVED: Final = 100
"""Lambda keeps so many for functions without a reservation, or all if there are fewer: a new
account's 10 can't be reserved at all (its guide, "Configuring reserved concurrency")."""
_QUOTA: Final = "L-B99A9384"
"""Code of Lambda's quota "Concurrent executions"."""


def within_account(
    clients: Clients, names: Names, spec: ApiSpec, say: Callable[[str], None]
) -> ApiSpec:
    """The spec with a reservation that the account has room for, or with none.

    Args:
        clients: Of the account and region.
        names: The deployment's.
        spec: How the API is wanted.
        say: Is told when nothing is reserved, and why.

    Raises:
        TargetError: there is no room, and it must be reserved.
        ServiceError: AWS can't be reached, is busy, or failed.
    """
    wanted = spec.reserved_concurrency
    room = None if wanted is None else _room(clients, names)
    if wanted is None or room is None or room[1] >= wanted:
        return spec
    total, left = room
    more = (
        "aws service-quotas request-service-quota-increase --service-code lambda"
        f" --quota-code {_QUOTA} --desired-value 1000 --region {clients.region}"
    )
    said = (
        f"Lambda works on {total} requests at once for all functions of this account, of which"
        f" {left} can be reserved"
    )
    if spec.must_reserve:
        raise TargetError(
            f"{said}; --runtimes asks for {wanted}",
            hint=f"newsclf wire-api --unreserved reserves none; {more} asks for a higher limit",
        )
    say(f"{said}, so none are: the API shares them. To ask for more: {more}")
    return replace(spec, reserved_concurrency=None)


def _room(clients: Clients, names: Names) -> tuple[int, int] | None:
    """The account's limit and what the function can have of it; None if that may not be asked."""
    try:
        limits = clients.call(
            "lambda", "get_account_settings", doing="reading the account's Lambda concurrency"
        )["AccountLimit"]
    except RefusedError as error:
        if not is_denied(error):
            raise
        return None  # then Lambda refuses the reservation itself
    found = clients.find(
        "lambda",
        "get_function",
        doing=f"looking at the function {names.endpoint}",
        FunctionName=names.endpoint,
    )
    ours = (found or {}).get("Concurrency", {}).get("ReservedConcurrentExecutions", 0)
    total = limits["ConcurrentExecutions"]
    free = limits["UnreservedConcurrentExecutions"] + ours
    return total, max(0, free - min(_NEVER_RESERVED, total))
