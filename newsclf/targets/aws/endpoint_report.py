"""What is said of an endpoint that is slow to come up or does not: its log, and what it costs."""

from __future__ import annotations

from newsclf.core.errors import NewsclfError, TargetError
from newsclf.targets.aws.clients import Clients
from newsclf.targets.aws.log_group import LogGroup
from newsclf.targets.aws.names import Names

_LINES = 50


def last_lines(clients: Clients, names: Names, count: int) -> list[str]:
    """What its containers said last; why it can't be read, if so."""
    try:
        return LogGroup(clients, names, names.endpoint_log).last_lines(count)
    except NewsclfError as error:  # what the lines would explain matters more
        return [error.message]


def failure(
    clients: Clients, names: Names, message: str, usd_per_hour: float | None
) -> TargetError:
    """An error with the last lines of the log, what bills, and how to clean up."""
    price = f"${usd_per_hour:.4f} an hour" if usd_per_hour else "by use"
    lines = last_lines(clients, names, _LINES) or ["(it is empty)"]
    return TargetError(
        "\n".join(
            [
                f"{names.endpoint}: {message}",
                f"the last lines of {names.endpoint_log}:",
                *(f"  {line}" for line in lines),
                f"while it is up it bills ({price}); when it has failed, only storage does",
            ]
        ),
        hint=f"newsclf teardown {names.deployment} --region {names.region} removes all of it",
    )
