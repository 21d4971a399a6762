"""The command `newsclf teardown`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.option_groups import grouped
from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    RegionOptions,
    StateOptions,
    YesOpt,
    deployment_option,
)

if TYPE_CHECKING:
    from pathlib import Path

    from newsclf.cli.console import Output


@grouped
def teardown(
    *,
    name: Annotated[
        str | None, deployment_option("Name of the deployment to remove.", DEFAULT_DEPLOYMENT)
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Every deployment; with --region also those that are not recorded here."
        ),
    ] = False,
    place: RegionOptions,
    yes: YesOpt = False,
    general: StateOptions,
) -> None:
    """Remove a deployment and everything that is left of it, from any half-built state.

    A deployment on AWS that is not recorded here, such as after the loss of the state directory,
    is found with --region. Where there is nothing to remove, the command says so and succeeds.
    """
    output = general.start()
    from newsclf.common.errors import ConfigError, InterruptedRunError, NewsclfError
    from newsclf.deploy.target import target_to_clear

    if everything and name is not None:
        raise ConfigError("--all removes every deployment, so name none beside it")
    folder = general.settings().state_dir
    if everything:
        names = _all(output, folder, place, confirmed=yes)
    else:
        names = [name or _only_one(output, folder, confirmed=yes)]
    removed, failed = [], []
    for each in names:
        try:
            target = target_to_clear(
                each, folder, region=place.region, profile=place.profile, recorded_first=everything
            )
            if target.teardown(each):
                removed.append(each)
                output.note(f"{each}: removed, and nothing is left")
            else:
                _nothing_to_remove(output, folder, each)
        except InterruptedRunError:
            raise
        except NewsclfError as error:  # the others must not wait for it
            failed.append(error)
    output.data({"removed": removed})
    if not names:
        output.note("nothing is deployed")
    output.raise_all(failed)


def _only_one(output: Output, folder: Path, *, confirmed: bool) -> str:
    """The deployment to remove if none is named; prompts if there are several."""
    from newsclf.common.errors import ConfigError
    from newsclf.deploy.store import Deployments

    names = Deployments(folder).names()
    if len(names) > 1 and not confirmed:
        several = f"there are several deployments: {', '.join(names)}"
        try:
            agreed = DEFAULT_DEPLOYMENT in names and output.confirm(
                f"{several}. Remove {DEFAULT_DEPLOYMENT}?"
            )
        except ConfigError:  # cannot prompt: stdin is not a terminal
            agreed = False
        if not agreed:
            raise ConfigError(
                f"{several}; nothing was removed",
                hint="newsclf teardown --deployment NAME removes one of them, --all all of them",
            )
    return DEFAULT_DEPLOYMENT


def _nothing_to_remove(output: Output, folder: Path, name: str) -> None:
    """Say that there is nothing to remove, unless another name may have been meant.

    Raises:
        StateError: A deployment with a similar name is up, which the user may believe removed.
    """
    from newsclf.common.suggestions import closest
    from newsclf.deploy.store import Deployments

    recorded = Deployments(folder)
    names = recorded.names()
    if closest(name, names):
        raise recorded.unknown(name)
    others = f"; there are: {', '.join(names)}" if names else ""
    output.note(f"{name}: nothing to remove in {folder}{others}")


def _all(output: Output, folder: Path, place: RegionOptions, *, confirmed: bool) -> list[str]:
    """Names of what is recorded, and of what is found in the region that the user named."""
    from newsclf.common.errors import StateError
    from newsclf.deploy.store import Deployments
    from newsclf.deploy.target import aws_target

    deployments = Deployments(folder)
    for stray in deployments.strays():
        output.note(f"warning: {stray}: not the record of a deployment; passed over")
    names = deployments.names()
    if place.region is None and place.profile is None:
        return names
    target = aws_target(folder, place.region, place.profile)
    orphans = sorted(target.unrecorded())
    if orphans and not confirmed:
        output.note(f"in {target.region}, recorded elsewhere or not at all: {', '.join(orphans)}")
        if not output.confirm("Remove them too?"):
            raise StateError("nothing was removed")
    return [*names, *orphans]
