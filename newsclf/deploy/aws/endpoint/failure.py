"""Errors about an endpoint that does not come up, with its log and what is billed."""

from __future__ import annotations

from newsclf.common.errors import InterruptedRunError, TargetError
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.log_group import LogGroup
from newsclf.deploy.records import AwsDeployment, AwsSpec
from newsclf.reporting.text import usd

_LINES = 50


def failure(scope: Scope, message: str, usd_per_hour: float | None) -> TargetError:
    """An error with the last lines of the log, what is billed, and how to clean up."""
    names = scope.names
    lines = LogGroup(scope, names.endpoint_log).last_lines_or_problem(_LINES) or ["(it is empty)"]
    return TargetError(
        "\n".join(
            [
                f"{names.endpoint}: {message}",
                f"the last lines of {names.endpoint_log}:",
                *(f"  {line}" for line in lines),
                f"while it is up it is billed ({_price(usd_per_hour)}), then only storage is",
            ]
        ),
        hint=f"{names.teardown} removes all of it",
    )


def interrupted(deployment: AwsDeployment, spec: AwsSpec) -> InterruptedRunError:
    """An error for Ctrl-C in a deployment: what AWS continues, what is billed, what to type."""
    name = deployment.name
    begun = [f"{s.kind} {s.name}" for s in deployment.journal if s.status == "creating"]
    doing = f" at the {begun[-1]}" if begun else ""
    endpoint = next((s for s in deployment.journal if s.kind == "endpoint"), None)
    price = _price(spec.usd_per_hour and spec.usd_per_hour * spec.min_instances)
    if endpoint is None:
        billing = "nothing of it is billed by the hour yet"
    elif endpoint.status == "creating":
        billing = f"AWS continues, and the endpoint is billed ({price}) until it is deleted"
    else:
        billing = f"the endpoint is up and billed ({price})"
    return InterruptedRunError(
        f"stopped{doing}; {billing}",
        hint=f"newsclf status shows its state; the same newsclf deploy resumes;"
        f" newsclf teardown --deployment {name} removes it",
    )


def _price(usd_per_hour: float | None) -> str:
    return f"{usd(usd_per_hour)} an hour" if usd_per_hour else "by use"
