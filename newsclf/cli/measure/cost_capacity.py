"""`newsclf cost --rate`: find what was measured, and show the plan of capacity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from newsclf.common.intervals import percent
from newsclf.frontier.capacity import CapacityOption, CapacityRequest, plan_capacity
from newsclf.loadtest.cost_table import SUMMARY_FILE
from newsclf.loadtest.report.tables import objective_words
from newsclf.reporting.text import NONE, amount, number, usd

if TYPE_CHECKING:
    from newsclf.cli.console import Output

_SHOWN = 12


def find_records(
    state_dir: Path, run: Path | None, frontier: Path | None
) -> tuple[list[Path], list[Path]]:
    """Folders of load tests and of frontiers: those named, or all in the state directory."""
    frontiers = [frontier or state_dir / "frontier"]
    if run is not None:
        return [run], frontiers
    return sorted(path.parent for path in (state_dir / "runs").glob(f"*/{SUMMARY_FILE}")), frontiers


def show_capacity(output: Output, request: CapacityRequest) -> None:
    """Show the plan; see `plan_capacity` for what it raises.

    Raises:
        CheckFailedError: No model may be recommended.
    """
    from newsclf.common.errors import CheckFailedError

    plan = plan_capacity(request)
    best, runner_up = plan.best, plan.runner_up
    output.data(
        plan.model_dump(mode="json")
        | {
            "best": best and best.model_dump(mode="json"),
            "runner_up": runner_up and runner_up.model_dump(mode="json"),
        }
    )
    objective = objective_words(plan.objectives)
    title = f"{amount(plan.rate_per_s)} requests/s at the peak within {objective}, {plan.region}"
    columns = ["model", "instance", "region", "accuracy", "rate/s each", "instances"]
    rows = [_cells(each) for each in plan.options[:_SHOWN]]
    optional = ["hosting", "region", "accuracy"]
    output.show(output.table(title, [*columns, "$/month", "hosting"], rows, optional=optional), "")
    for word, option in (("best", best), ("runner-up", runner_up)):
        if option is not None:
            output.show(f"{word}: {_sentence(option)}")
            for note in (option.evidence, *option.notes, f"source: {option.source}"):
                output.note(f"  {note}")
    rejected = {each.model: each.not_recommended for each in plan.options if each.not_recommended}
    for model, reason in rejected.items():
        output.note(f"not recommended: {model}: {reason}")
    _show_unusable(output, plan.unusable)
    path = (
        "called directly"
        if request.path.api == "none"
        else f"API Gateway ({request.path.api}) and {request.path.memory_mb} MB of Lambda included"
    )
    output.note(
        f"{path}, at a mean rate of the peak's over {plan.peak_factor:g}; an instance carries"
        f" {percent(plan.utilisation, 0)} of the rate at which the objective was shown to hold"
    )
    if best is None:
        raise CheckFailedError(
            "no model that meets the objective may be recommended",
            hint="newsclf frontier with a larger --delta, if such a loss of accuracy is acceptable",
        )


def _cells(option: CapacityOption) -> Sequence[str]:
    mark = " (not recommended)" if option.not_recommended else ""
    return [
        f"{option.model}{mark}",
        option.instance,
        option.region,
        percent(option.accuracy) if option.accuracy is not None else NONE,
        number(option.rate_per_instance_s),
        str(option.instances),
        usd(option.usd_per_month),
        usd(option.hosting_usd_per_month),
    ]


def _sentence(option: CapacityOption) -> str:
    return (
        f"{option.model} on {option.instances} × {option.instance}, {usd(option.usd_per_month)} per"
        f" month, {usd(option.hosting_usd_per_month)} of it for hosting"
    )


def _show_unusable(output: Output, unusable: Sequence[str]) -> None:
    for reason in unusable[:_SHOWN]:
        output.note(f"shows nothing for this objective: {reason}")
    if len(unusable) > _SHOWN:
        output.note(f"and {len(unusable) - _SHOWN} more measurements that show nothing")
