"""The command `newsclf doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli import completion
from newsclf.cli.option_groups import grouped
from newsclf.cli.options import ModelOpt, StateOptions

if TYPE_CHECKING:
    from newsclf.common.settings import Settings
    from newsclf.deploy.diagnostics.machine import Check

_MARKS = {"ok": "✓", "absent": "–", "unknown": "?", "wrong": "✗"}


@grouped
def doctor(
    *,
    model: ModelOpt = None,
    region: Annotated[
        str | None,
        typer.Option(
            metavar="REGION",
            autocompletion=completion.regions,
            help="AWS region to check.",
            show_default="AWS_REGION, or the profile's",
        ),
    ] = None,
    profile: Annotated[str | None, typer.Option(metavar="NAME", help="AWS profile.")] = None,
    general: StateOptions,
) -> None:
    """Check the installation, AWS connectivity, permissions and prices, and say what to do."""
    output = general.start()
    from newsclf.common.errors import NewsclfError
    from newsclf.common.visible import visible
    from newsclf.deploy.diagnostics.machine import check_machine

    settings = general.settings(model=model)
    checks = [*check_machine(settings), *_aws(settings, region, profile)]
    output.data([asdict(check) for check in checks])
    for check in checks:
        output.show(visible(f"{_MARKS[check.state]} {check.what}: {check.detail}"))
        if check.todo:
            output.show(visible(f"    → {check.todo}"))
    if wrong := [check.what for check in checks if check.state == "wrong"]:
        raise NewsclfError(f"checks failed: {', '.join(wrong)}")


def _aws(settings: Settings, region: str | None, profile: str | None) -> Iterator[Check]:
    """Check prices and AWS, or report that boto3 or the region is missing."""
    import datetime as dt
    from importlib.util import find_spec

    from newsclf.common.errors import NewsclfError, install_command
    from newsclf.deploy.diagnostics.machine import Check, check_prices

    if find_spec("boto3") is None:
        yield Check("AWS", "absent", "boto3 is not installed", install_command("aws"))
        return
    from newsclf.deploy.aws.call.clients import Clients
    from newsclf.deploy.diagnostics.aws import check_aws

    try:
        clients = Clients(region, profile)
    except NewsclfError as error:
        yield Check("AWS", "absent", error.message, error.hint or "")
        return
    yield check_prices(settings, clients.region, today=dt.datetime.now(dt.UTC).date())
    yield from check_aws(clients, settings.aws.role)
