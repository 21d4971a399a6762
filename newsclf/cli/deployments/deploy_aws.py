"""`newsclf deploy` on AWS: from the options to a plan, and from its approval to a deployment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsclf.cli.deployments.deploy_view import plan_document, show_plan, show_steps
from newsclf.cli.next_commands import after_deployment
from newsclf.cli.options import naming_options
from newsclf.common.errors import CredentialsError

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.cli.deployments.aws_options import AwsOptions
    from newsclf.cli.options import RegionOptions
    from newsclf.common.settings import Settings
    from newsclf.deploy.aws.walk.plan import Plan

_OPTIONS = {
    "instance": "--instance",
    "serverless.memory_mb": "--memory",
    "serverless.max_concurrency": "--concurrency",
    "serverless": "--serverless, --memory, --concurrency",
    "min_instances": "--min",
    "max_instances": "--max",
    "vpc": "--vpc",
    "ttl_s": "--ttl",
    "budget_usd": "--budget",
    "budget_email": "--budget-email",
}
"""Field of the specification → the option that it comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsCommand:
    """The options of `newsclf deploy` that matter on AWS."""

    name: str
    instance: str | None
    serverless: bool
    options: AwsOptions
    place: RegionOptions
    prices: Path | None
    yes: bool

    def fields(self) -> dict[str, Any]:
        """The fields of the specification that were given."""
        options = self.options
        serverless = _given(memory_mb=options.memory, max_concurrency=options.concurrency)
        return _given(
            instance=self.instance,
            serverless=serverless if self.serverless or serverless else None,
            min_instances=options.minimum,
            max_instances=options.maximum,
            vpc=options.vpc,
            kms_key=options.kms_key,
            ttl_s=options.ttl,
            budget_usd=options.budget,
            budget_email=options.budget_email,
            image=options.image,
        )


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def deploy_on_aws(output: Output, settings: Settings, command: AwsCommand) -> None:
    """Show the plan, ask, and carry it out."""
    from newsclf.costs.prices import prices_at
    from newsclf.deploy import run
    from newsclf.deploy.target import aws_target

    name, options, place = command.name, command.options, command.place
    target = aws_target(settings.state_dir, place.region, place.profile)
    with naming_options(_OPTIONS):
        spec = run.spec_for(
            target.region,
            prices_at(settings.state_dir, command.prices),
            rules=settings.aws,
            **command.fields(),
        )
    try:
        target.check_credentials()  # before the archive, which takes a while
    except CredentialsError as error:
        if not options.dry_run:
            raise
        steps = target.unchecked_steps(name, spec)
        output.show(f"{name} in {target.region}, in an account that has nothing of it")
        show_steps(output, steps, spec, named=False)
        output.data(plan_document(name, target.region, steps, checked=False))
        output.note(f"nothing was checked in an account, nor changed: {error.message}")
        return

    def approve(plan: Plan) -> bool:
        show_plan(output, plan)
        if options.dry_run:
            deleted = (*plan.removals, *plan.orphans)
            output.data(plan_document(name, target.region, plan.steps, deleted))
            output.note("nothing was changed")
        elif plan.changes:
            output.approve(yes=command.yes)
        return not options.dry_run

    output.note("packing the model" if options.archive is None else f"checking {options.archive}")
    request = run.DeployRequest(
        name=name,
        model=settings.model,
        archive=options.archive,
        wheels=settings.state_dir / "wheels",
        spec=spec,
        force=options.force,
    )
    plan, deployment = run.deploy_on_aws(target, request, approve)
    if deployment is None:
        return
    output.data(deployment.model_dump(mode="json"))
    output.note(
        f"{name} is up and answering correctly"
        if plan.changes
        else "everything is already running; nothing changed"
    )
    wired = deployment.api is not None
    output.note(after_deployment(name, settings.state_dir, wired=wired))
