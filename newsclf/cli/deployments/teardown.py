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
    deployment_option,
    settings_from,
    start,
)

if TYPE_CHECKING:
    from pathlib import Path

    from newsclf.cli.console import Output


def teardown(
    *,
    name: Annotated[
        str | None,
        deployment_option("Name of the deployment to remove.", DEFAULT_DEPLOYMENT),
    ] = None,
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
    with --region. Where there is nothing to remove, the command says so and succeeds.
    """
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.common.errors import ConfigError, InterruptedRunError, NewsclfError

    if everything and name is not None:
        raise ConfigError("--all removes every deployment, so name none beside it")
    folder = settings_from(config, {"state_dir": state_dir}).state_dir
    if everything:
        names = _all(output, folder, region, profile, confirmed=yes)
    else:
        names = [name or _only_one(output, folder, confirmed=yes)]
    removed, failed = [], []
    for each in names:
        try:
            if _remove(output, folder, each, region, profile, everything=everything):
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
    for other in failed[1:]:
        output.error(other.message, other.hint)
    if failed:
        raise failed[0]


def _only_one(output: Output, folder: Path, *, confirmed: bool) -> str:
    """The deployment that is meant where none is named; it is asked for if there are several."""
    from newsclf.common.errors import ConfigError
    from newsclf.deploy.store import Deployments

    names = Deployments(folder).names()
    if len(names) > 1 and not confirmed:
        several = f"there are several deployments: {', '.join(names)}"
        try:
            agreed = DEFAULT_DEPLOYMENT in names and output.confirm(
                f"{several}. Remove {DEFAULT_DEPLOYMENT}?"
            )
        except ConfigError:  # there is nobody to ask
            agreed = False
        if not agreed:
            raise ConfigError(
                f"{several}; nothing was removed",
                hint="newsclf teardown --deployment NAME removes one of them, --all all of them",
            )
    return DEFAULT_DEPLOYMENT


def _nothing_to_remove(output: Output, folder: Path, name: str) -> None:
    """Say that the wished end state holds, unless another name may have been meant.

    Raises:
        StateError: A deployment of a similar name is up, which the user may believe to be removed.
    """
    from newsclf.common.meant import closest
    from newsclf.deploy.store import Deployments

    recorded = Deployments(folder)
    if closest(name, recorded.names()):
        raise recorded.unknown(name)
    others = f"; there are: {', '.join(recorded.names())}" if recorded.names() else ""
    output.note(f"{name}: nothing to remove in {folder}{others}")


def _remove(
    output: Output,
    folder: Path,
    name: str,
    region: str | None,
    profile: str | None,
    *,
    everything: bool,
) -> bool:
    """Remove a deployment from where its record says that it is, and without one from --region.

    Returns:
        Whether there was anything to remove.
    """
    from newsclf.cli.targets import aws_target
    from newsclf.common.errors import ConfigError
    from newsclf.deploy.local.target import LocalTarget
    from newsclf.deploy.records import AwsDeployment
    from newsclf.deploy.store import Deployments

    known = Deployments(folder).find(name)
    if isinstance(known, AwsDeployment):
        if not everything and region not in (None, known.region):
            raise ConfigError(f"'{name}' is in {known.region}, not in {region}")
        profile = known.profile if everything else profile or known.profile
        aws_target(folder, known.region, profile).teardown(name)
        return True
    if known is None and (region is not None or profile is not None):
        return bool(aws_target(folder, region, profile).teardown(name))
    return LocalTarget(folder, say=output.note).teardown(name)


def _all(
    output: Output, folder: Path, region: str | None, profile: str | None, *, confirmed: bool
) -> list[str]:
    """What is recorded, and what is found in the region that the user named."""
    from newsclf.cli.targets import aws_target
    from newsclf.common.errors import StateError
    from newsclf.deploy.store import Deployments

    deployments = Deployments(folder)
    for stray in deployments.strays():
        output.note(f"warning: {stray}: not the record of a deployment; passed over")
    names = deployments.names()
    if region is None and profile is None:
        return names
    target = aws_target(folder, region, profile)
    strays = sorted(target.found() - set(names))
    if strays and not confirmed:
        output.note(
            f"in {target.region}, recorded by somebody else or nowhere: {', '.join(strays)}"
        )
        if not output.confirm("Remove them too?"):
            raise StateError("nothing was removed")
    return [*names, *strays]
