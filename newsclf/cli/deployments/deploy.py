"""The command `newsclf deploy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli import completion
from newsclf.cli.next_commands import after_deployment
from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    BoundaryOpt,
    ConfigOpt,
    DeploymentOpt,
    JsonOpt,
    ModelOpt,
    PricesOpt,
    ProfileOpt,
    QuietOpt,
    RegionOpt,
    RoleOpt,
    StateDirOpt,
    TagOpt,
    VerboseOpt,
    YesOpt,
    rules_from,
    settings_from,
    start,
)

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.common.settings import Settings

_LOCAL, _AWS = "On this machine", "On AWS"


def deploy(
    *,
    name: DeploymentOpt = DEFAULT_DEPLOYMENT,
    model: ModelOpt = None,
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, help="Port to listen on; 0 takes a free one.", rich_help_panel=_LOCAL
        ),
    ] = 0,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Worker processes of the model server.",
            show_default="one per core",
            rich_help_panel=_LOCAL,
        ),
    ] = None,
    instance: Annotated[
        str | None,
        typer.Option(
            metavar="ml.…",
            autocompletion=completion.instances,
            help="SageMaker instance type, such as ml.c5.large.",
            rich_help_panel=_AWS,
        ),
    ] = None,
    serverless: Annotated[
        bool,
        typer.Option(
            "--serverless", help="Serverless endpoint, billed by use.", rich_help_panel=_AWS
        ),
    ] = False,
    memory: Annotated[
        int | None,
        typer.Option(
            metavar="MB",
            help="Memory of a serverless container.",
            show_default="3072",
            rich_help_panel=_AWS,
        ),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=200,
            help="Most serverless containers at once.",
            show_default="5",
            rich_help_panel=_AWS,
        ),
    ] = None,
    minimum: Annotated[
        int | None,
        typer.Option(
            "--min", min=1, help="Fewest instances.", show_default="1", rich_help_panel=_AWS
        ),
    ] = None,
    maximum: Annotated[
        int | None,
        typer.Option(
            "--max",
            min=1,
            help="Most instances; their number follows the load.",
            show_default="as --min",
            rich_help_panel=_AWS,
        ),
    ] = None,
    ttl: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Time after which AWS deletes the endpoint: 90m, 2h, 3d.",
            rich_help_panel=_AWS,
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            metavar="USD",
            help="Monthly SageMaker cost at which AWS sends an alert.",
            rich_help_panel=_AWS,
        ),
    ] = None,
    budget_email: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Address for the budget alert.", rich_help_panel=_AWS),
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Archive that newsclf package wrote, instead of --model.",
            rich_help_panel=_AWS,
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="Container image in ECR to serve with.",
            show_default="Amazon's Hugging Face container",
            rich_help_panel=_AWS,
        ),
    ] = None,
    vpc: Annotated[
        str | None,
        typer.Option(
            metavar="SUBNETS:GROUPS",
            help="Network of your own: subnet-1,subnet-2:sg-1.",
            rich_help_panel=_AWS,
        ),
    ] = None,
    kms_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="KMS key that encrypts volumes and archive.", rich_help_panel=_AWS
        ),
    ] = None,
    role: RoleOpt = None,
    permissions_boundary: BoundaryOpt = None,
    tag: TagOpt = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Update even if the new model fails on more than 5 % of the requests.",
            rich_help_panel=_AWS,
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show the plan and its price, and change nothing.",
            rich_help_panel=_AWS,
        ),
    ] = False,
    region: RegionOpt = None,
    profile: ProfileOpt = None,
    prices: PricesOpt = None,
    yes: YesOpt = False,
    state_dir: StateDirOpt = None,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Serve a model on this machine, or on AWS with --instance or --serverless."""
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.common.errors import ConfigError

    rules = rules_from(role, permissions_boundary, tag)
    settings = settings_from(config, {"model": model, "state_dir": state_dir, "aws": rules})
    if instance is None and not serverless:
        given = {
            "--memory": memory,
            "--concurrency": concurrency,
            "--min": minimum,
            "--max": maximum,
            "--ttl": ttl,
            "--budget": budget,
            "--budget-email": budget_email,
            "--archive": archive,
            "--image": image,
            "--vpc": vpc,
            "--kms-key": kms_key,
            "--force": force or None,
            "--dry-run": dry_run or None,
            "--region": region,
            "--profile": profile,
            "--role": role,
            "--permissions-boundary": permissions_boundary,
            "--tag": tag,
        }
        if only_aws := [option for option, value in given.items() if value is not None]:
            raise ConfigError(
                f"{', '.join(only_aws)}: only for a deployment on AWS",
                hint="add --instance ml.c5.large, or --serverless",
            )
        _deploy_here(output, settings, name, port=port, workers=workers)
        return
    from newsclf.cli.deployments.deploy_aws import Options, deploy_on_aws

    if port or workers:
        raise ConfigError("--port and --workers are for a deployment on this machine")
    options = Options(
        name=name,
        instance=instance,
        serverless=serverless,
        memory_mb=memory,
        concurrency=concurrency,
        minimum=minimum or 1,
        maximum=maximum,
        ttl=ttl,
        budget_usd=budget,
        budget_email=budget_email,
        archive=archive,
        image=image,
        vpc=vpc,
        kms_key=kms_key,
        region=region,
        profile=profile,
        prices=prices,
        force=force,
    )
    deploy_on_aws(output, settings, options, dry_run=dry_run, confirmed=yes)


def _deploy_here(
    output: Output, settings: Settings, name: str, *, port: int, workers: int | None
) -> None:
    from newsclf.deploy.local.target import LocalTarget

    deployment, started = LocalTarget(settings.state_dir, say=output.note).deploy(
        name, settings.model, port=port, workers=workers
    )
    output.data(deployment.model_dump(mode="json"))
    output.show(f"{name}: {deployment.model} on {deployment.server.url}")
    output.note(
        "started and answering correctly" if started else "already running; nothing changed"
    )
    output.note(after_deployment(name, settings.state_dir, wired=deployment.api is not None))
