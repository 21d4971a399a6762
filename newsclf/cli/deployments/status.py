"""The command `newsclf status`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from newsclf.cli.option_groups import grouped
from newsclf.cli.options import RegionOptions, StateOptions, deployment_option

if TYPE_CHECKING:
    from pathlib import Path

    from newsclf.common.errors import NewsclfError
    from newsclf.deploy.aws.status import AwsStatus
    from newsclf.deploy.records import AwsDeployment


@grouped
def status(
    *,
    name: Annotated[
        str | None, deployment_option("Deployment to show on its own.", "all of them")
    ] = None,
    place: RegionOptions,
    general: StateOptions,
) -> None:
    """Show everything that is deployed, its health, and what it costs.

    Looks on AWS where a deployment is recorded, and in the region named with --region. What can't
    be read is an error, after everything else was shown.
    """
    output = general.start()
    from newsclf.cli.deployments.status_view import local_document, show_aws, show_local
    from newsclf.deploy.local.target import LocalTarget
    from newsclf.deploy.store import Deployments

    folder = general.settings().state_dir
    records = Deployments(folder)
    recorded = records.load(name)
    for stray in records.strays():
        output.note(f"warning: {stray}: not the record of a deployment; passed over")
    here = LocalTarget(folder)
    found = [here.status(each) for each in recorded.local]
    if found:
        show_local(output, found)  # whatever AWS says
    on_aws, problems = _on_aws(folder, recorded.aws, place)
    on_aws = [each for each in on_aws if name in (None, each.name)]
    problems = [*recorded.damaged.values(), *problems]
    if name is not None and not (found or on_aws or problems):
        raise records.unknown(name)
    output.data(
        [
            *(local_document(each) for each in found),
            *({"target": "aws", **asdict(each)} for each in on_aws),
        ]
    )
    if on_aws:
        show_aws(output, on_aws)
    elif not found and not problems:
        output.note("nothing is deployed")
    output.raise_all(problems)


def _on_aws(
    folder: Path, recorded: list[AwsDeployment], place: RegionOptions
) -> tuple[list[AwsStatus], list[NewsclfError]]:
    """Everything on AWS, as far as AWS answers, and the errors where it does not."""
    from newsclf.common.errors import NewsclfError
    from newsclf.costs.prices import prices_at
    from newsclf.deploy.target import aws_targets

    found: list[AwsStatus] = []
    problems: list[NewsclfError] = []
    try:
        prices = prices_at(folder)
        for target in aws_targets(folder, recorded, region=place.region, profile=place.profile):
            found += target.status(prices)
    except NewsclfError as error:
        problems.append(error)
    return found, problems
