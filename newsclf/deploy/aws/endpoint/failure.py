"""What is said of an endpoint that is slow to come up or does not: its log, and what it costs."""

from __future__ import annotations

from newsclf.common.errors import InterruptedRunError, NewsclfError, TargetError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.log_group import LogGroup
from newsclf.deploy.records import AwsDeployment, AwsSpec

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
    price = _price(usd_per_hour)
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
        hint=f"newsclf teardown --deployment {names.deployment} --region {names.region}"
        " removes all of it",
    )


def interrupted(deployment: AwsDeployment, spec: AwsSpec) -> InterruptedRunError:
    """What to say after Ctrl-C in a deployment: what AWS goes on with, what bills, what to type.

    Args:
        deployment: With its journal so far.
        spec: What was being deployed.
    """
    name = deployment.name
    begun = [f"{s.kind} {s.name}" for s in deployment.journal if s.status == "creating"]
    doing = f" at the {begun[-1]}" if begun else ""
    endpoint = next((s for s in deployment.journal if s.kind == "endpoint"), None)
    price = _price(spec.usd_per_hour and spec.usd_per_hour * spec.min_instances)
    if endpoint is None:
        bills = "nothing of it bills by the hour yet"
    elif endpoint.status == "creating":
        bills = f"AWS goes on with it, and it bills ({price}) until it is deleted"
    else:
        bills = f"the endpoint is up, and bills ({price})"
    return InterruptedRunError(
        f"stopped{doing}; {bills}",
        hint=f"newsclf status shows how it is; the same newsclf deploy goes on;"
        f" newsclf teardown --deployment {name} removes it",
    )


def _price(usd_per_hour: float | None) -> str:
    return f"${usd_per_hour:.4f} an hour" if usd_per_hour else "by use"
