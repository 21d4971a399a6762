"""Shell completion of deployment names, regions, instance types and fixed values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from newsclf.common.errors import NewsclfError
from newsclf.common.state_dir import DEFAULT_STATE_DIR


def one_of(*values: str) -> Callable[[str], list[str]]:
    """Complete an option that takes one of some words."""

    def complete(incomplete: str) -> list[str]:
        return _beginning(incomplete, values)

    return complete


def deployments(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a deployment that is recorded in the state directory."""
    folder = Path(ctx.params.get("state_dir") or DEFAULT_STATE_DIR) / "deployments"
    return _beginning(incomplete, (path.stem for path in folder.glob("*.json")))


def regions(incomplete: str) -> list[str]:
    """Complete an AWS region: those with a stock container image."""
    from newsclf.deploy.aws.images import TRAINING_REGIONS

    return _beginning(incomplete, TRAINING_REGIONS)


def instances(incomplete: str) -> list[str]:
    """Complete an instance type whose price is known."""
    from newsclf.costs.prices import prices_at

    try:
        found = prices_at(DEFAULT_STATE_DIR)
    except NewsclfError:  # the command itself says what is wrong
        return []
    return _beginning(incomplete, found.instances())


def _beginning(incomplete: str, values: Iterable[str]) -> list[str]:
    return sorted(value for value in values if value.startswith(incomplete))
