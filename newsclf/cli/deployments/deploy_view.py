"""What `newsclf deploy` shows of a plan for AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsclf.cli.console import Output
    from newsclf.deploy.aws.walk.plan import Plan, Step
    from newsclf.deploy.aws.walk.resource import Deletable
    from newsclf.deploy.records import AwsSpec

_STYLES = {"create": "green", "update": "yellow", "replace": "red", "delete": "red"}


def show_plan(output: Output, plan: Plan) -> None:
    """Print a plan and its price."""
    from rich.text import Text

    title = f"{plan.deployment.name} in {plan.deployment.region} of {plan.deployment.account}"
    output.show(Text(title, style="bold"))
    for each in (*plan.removals, *plan.orphans):
        output.show(Text(f"{'delete':8}{each.kind:23} {each.name}", style=_STYLES["delete"]))
    show_steps(output, plan.steps, plan.deployment.spec)


def show_steps(output: Output, steps: Sequence[Step], spec: AwsSpec, *, named: bool = True) -> None:
    """Print what is done to each resource, and their price.

    Args:
        named: Whether the names of the resources are known.
    """
    from rich.text import Text

    from newsclf.costs.formulas import HOURS_PER_MONTH
    from newsclf.reporting.text import usd

    for step in steps:
        name = f"{step.resource.name}  " if named else ""
        row = f"{step.change.action:8}{step.resource.kind:23} {name}{step.change.detail}"
        output.show(Text(row, style=_STYLES.get(step.change.action, "dim")))
    if spec.usd_per_hour is None:
        output.show("Billed by use, and free while idle.")
        return
    hour = _usd_per_hour_of(steps)
    day, month = usd(24 * hour), usd(HOURS_PER_MONTH * hour)
    output.show(f"While it is up: {usd(hour)} an hour, {day} a day, {month} a month.")
    if spec.scales:
        most = usd(spec.usd_per_hour * spec.max_instances)
        output.show(f"With all {spec.max_instances} instances: {most} an hour.")


def _usd_per_hour_of(steps: Sequence[Step]) -> float:
    return sum(step.change.usd_per_hour or 0.0 for step in steps)


def plan_document(
    name: str,
    region: str,
    steps: Sequence[Step],
    removals: Sequence[Deletable] = (),
    *,
    checked: bool = True,
) -> dict[str, Any]:
    """A plan as JSON.

    Args:
        checked: Whether the account was looked at, so that the names are the real ones.
    """
    return {
        "name": name,
        "region": region,
        "checked": checked,
        "usd_per_hour": _usd_per_hour_of(steps),
        "removals": [{"kind": each.kind, "name": each.name} for each in removals],
        "steps": [
            {
                "action": step.change.action,
                "kind": step.resource.kind,
                "name": step.resource.name if checked else None,
                "detail": step.change.detail,
                "usd_per_hour": step.change.usd_per_hour,
            }
            for step in steps
        ],
    }
