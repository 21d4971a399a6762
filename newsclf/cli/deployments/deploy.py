"""The command `newsclf deploy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli import completion
from newsclf.cli.deployments.aws_options import AWS_PANEL, AwsOptions
from newsclf.cli.deployments.export import ExportedApiOptions, ExportOptions, export
from newsclf.cli.next_commands import after_deployment
from newsclf.cli.option_groups import grouped, options_given
from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    DeploymentOpt,
    ModelOpt,
    PricesOpt,
    RegionOptions,
    RuleOptions,
    StateOptions,
    YesOpt,
)

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.common.settings import Settings

_LOCAL = "On this machine"


@grouped
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
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Replace another model that is deployed under this name; its addresses and key"
            " stay, as on AWS.",
            rich_help_panel=_LOCAL,
        ),
    ] = False,
    instance: Annotated[
        str | None,
        typer.Option(
            metavar="ml.…",
            autocompletion=completion.instances,
            help="SageMaker instance type, such as ml.c5.large.",
            rich_help_panel=AWS_PANEL,
        ),
    ] = None,
    serverless: Annotated[
        bool,
        typer.Option(
            "--serverless", help="Serverless endpoint, billed by use.", rich_help_panel=AWS_PANEL
        ),
    ] = False,
    aws: AwsOptions,
    template: ExportOptions,
    api: ExportedApiOptions,
    rules: RuleOptions,
    place: RegionOptions,
    prices: PricesOpt = None,
    yes: YesOpt = False,
    general: StateOptions,
) -> None:
    """Serve a model on this machine, or on AWS with --instance or --serverless."""
    output = general.start()
    from newsclf.common.errors import ConfigError

    settings = general.settings(model=model, aws=rules.rules())
    if instance is None and not serverless:
        groups = (aws, place, rules, template, api)
        if only_aws := [each for group in groups for each in options_given(group)]:
            raise ConfigError(
                f"{', '.join(only_aws)}: only for a deployment on AWS",
                hint="add --instance ml.c5.large, or --serverless",
            )
        _deploy_here(output, settings, name, port=port, workers=workers, replace=replace)
        return
    from newsclf.cli.deployments.deploy_aws import deploy_on_aws

    if port or workers or replace:
        raise ConfigError(
            "--port, --workers and --replace are for a deployment on this machine",
            hint="on AWS deploy always replaces the model that is there" if replace else None,
        )
    fields = aws.spec(instance, serverless=serverless)
    if template.export is not None:
        export(
            output,
            settings,
            name,
            fields,
            options=template,
            api=api,
            archive=aws.archive,
            place=place,
            prices=prices,
        )
        return
    if only_export := [*options_given(template), *options_given(api)]:
        raise ConfigError(
            f"{', '.join(only_export)}: only with --export",
            hint="newsclf wire-api puts an API in front of a deployment",
        )
    deploy_on_aws(output, settings, name, fields, options=aws, place=place, prices=prices, yes=yes)


def _deploy_here(
    output: Output,
    settings: Settings,
    name: str,
    *,
    port: int,
    workers: int | None,
    replace: bool,
) -> None:
    from newsclf.deploy.local.target import LocalTarget

    deployment, started = LocalTarget(settings.state_dir).deploy(
        name, settings.model, port=port, workers=workers, replace=replace
    )
    output.data(deployment.model_dump(mode="json"))
    output.show(f"{name}: {deployment.model} on {deployment.server.url}")
    output.note(
        "started and answering correctly" if started else "already running; nothing changed"
    )
    output.note(after_deployment(name, settings.state_dir, wired=deployment.api is not None))
