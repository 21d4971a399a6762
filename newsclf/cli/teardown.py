"""The command `newsclf teardown`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    ConfigOpt,
    JsonOpt,
    ProfileOpt,
    QuietOpt,
    RegionOpt,
    StateDirOpt,
    VerboseOpt,
    YesOpt,
    settings_from,
    start,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from newsclf.cli.output import Output


def teardown(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Deployment.", show_default=DEFAULT_DEPLOYMENT),
    ] = None,
    *,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Every deployment; with --region also those that are not recorded here."
        ),
    ] = False,
    region: RegionOpt = None,
    profile: ProfileOpt = None,
    yes: YesOpt = False,
    state_dir: StateDirOpt = None,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Remove a deployment and all that is left of it, from any half-built state.

    One on AWS that is not recorded here, such as after the loss of the state directory, is found
    with --region.
    """
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.core.errors import ConfigError, NewsclfError

    if everything and name is not None:
        raise ConfigError("--all removes every deployment, so name none beside it")
    folder = settings_from(config, {"state_dir": state_dir}).state_dir
    if everything:
        removals = _all(output, folder, region, profile, confirmed=yes)
    else:
        one = name or DEFAULT_DEPLOYMENT
        removals = {one: _removal(output, folder, one, region, profile)}
    removed, failed = [], []
    for each, remove in removals.items():
        try:
            remove()
        except NewsclfError as error:  # the others must not wait for it
            failed.append(error)
            if len(removals) > 1:
                output.error(f"{each}: {error.message}", error.hint)
        else:
            removed.append(each)
            output.note(f"{each}: removed, and nothing is left")
    output.data({"removed": removed})
    if not removals:
        output.note("nothing is deployed")
    if failed:
        raise failed[0]


def _removal(
    output: Output, folder: Path, name: str, region: str | None, profile: str | None
) -> Callable[[], object]:
    """What removes a deployment; the record of it decides where it is, and without one --region."""
    from newsclf.cli.targets import aws_target
    from newsclf.core.deployment import AwsDeployment, Deployments
    from newsclf.core.errors import ConfigError
    from newsclf.targets.local.target import LocalTarget

    known = Deployments(folder).find(name)
    if isinstance(known, AwsDeployment):
        if region not in (None, known.region):
            raise ConfigError(f"'{name}' is in {known.region}, not in {region}")
        target = aws_target(output, folder, known.region, profile or known.profile)
        return lambda: target.teardown(name)
    if known is None and (region is not None or profile is not None):
        target = aws_target(output, folder, region, profile)
        return lambda: target.teardown(name)
    return lambda: LocalTarget(folder).teardown(name)


def _all(
    output: Output, folder: Path, region: str | None, profile: str | None, *, confirmed: bool
) -> dict[str, Callable[[], object]]:
    from newsclf.cli.targets import aws_target
    from newsclf.core.deployment import AwsDeployment, Deployments
    from newsclf.core.errors import StateError

    deployments = Deployments(folder)
    removals: dict[str, Callable[[], object]] = {}
    for name in deployments.names():
        known = deployments.find(name)
        where = (known.region, known.profile) if isinstance(known, AwsDeployment) else (None, None)
        removals[name] = _removal(output, folder, name, *where)
    if region is None and profile is None:
        return removals
    target = aws_target(output, folder, region, profile)
    strays = sorted(target.found() - removals.keys())
    if strays and not confirmed:
        output.note(
            f"in {target.region}, recorded by somebody else or nowhere: {', '.join(strays)}"
        )
        if not output.confirm("Remove them too?"):
            raise StateError("nothing was removed")
    for name in strays:
        removals[name] = _removal(output, folder, name, region, profile)
    return removals
