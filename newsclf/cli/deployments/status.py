"""The command `newsclf status`."""

from __future__ import annotations

from typing import Annotated

import typer

from newsclf.cli.option_groups import grouped
from newsclf.cli.options import RegionOptions, StateOptions, deployment_option


@grouped
def status(
    *,
    name: Annotated[
        str | None, deployment_option("Deployment to show on its own.", "all of them")
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Look again until Ctrl-C: every 2 s, or every 10 s if something is on AWS. Where"
            " stdout is not a terminal, changes are printed, with --json as one line each.",
        ),
    ] = False,
    place: RegionOptions,
    general: StateOptions,
) -> None:
    """Show everything that is deployed, its health, and what it costs.

    Looks on AWS where a deployment is recorded, and in the region named with --region. What can't
    be read is an error, after everything else was shown.
    """
    output = general.start()
    from newsclf.cli.deployments.status_view import Seen, view_of
    from newsclf.deploy.local.target import LocalTarget
    from newsclf.deploy.store import Deployments
    from newsclf.deploy.target import status_on_aws

    folder = general.settings().state_dir
    records = Deployments(folder)
    for stray in records.strays():
        output.note(f"warning: {stray}: not the record of a deployment; passed over")

    def look() -> Seen:
        recorded = records.load(name)
        here = [LocalTarget(folder).status(each) for each in recorded.local]
        if here and not watch:
            view_of(output, Seen(here)).show(output)  # whatever AWS says
        on_aws, problems = status_on_aws(
            folder, recorded.aws, region=place.region, profile=place.profile
        )
        named = [each for each in on_aws if name in (None, each.name)]
        seen = Seen(here, named, [*recorded.damaged.values(), *problems])
        if name is not None and seen.is_empty:
            raise records.unknown(name)
        return seen

    if watch:
        from newsclf.cli.deployments.status_watch import follow

        follow(output, look)
        return
    seen = look()
    output.data(seen.documents())
    if seen.on_aws or not seen.here:
        view_of(output, Seen((), seen.on_aws, seen.problems)).show(output)
    output.raise_all(seen.problems)
