"""`newsclf deploy` on AWS: from the options to a plan, and from its approval to a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from newsclf.cli.deployments.deploy_view import plan_document, show_plan, show_steps
from newsclf.cli.next_commands import after_deployment
from newsclf.cli.option_values import naming_options
from newsclf.common.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from newsclf.cli.console import Output
    from newsclf.cli.deployments.aws_options import AwsOptions
    from newsclf.cli.options import RegionOptions
    from newsclf.common.settings import Settings
    from newsclf.deploy.aws.target import AwsTarget
    from newsclf.deploy.aws.walk.plan import Plan
    from newsclf.deploy.records import AwsSpec

_OPTIONS = {
    "serverless.memory_mb": "--memory",
    "serverless.max_concurrency": "--concurrency",
    "serverless": "--serverless, --memory, --concurrency",
    "min_instances": "--min",
    "max_instances": "--max",
    "ttl_s": "--ttl",
    "budget_usd": "--budget",
}
"""Field of the specification → the option that it comes from, if it has another name."""


def target_and_spec(
    settings: Settings, fields: Mapping[str, Any], place: RegionOptions, prices: Path | None
) -> tuple[AwsTarget, AwsSpec]:
    """Where the options deploy to, and what; ConfigError names the one that is wrong."""
    from newsclf.costs.prices import prices_at
    from newsclf.deploy.run import spec_for
    from newsclf.deploy.target import aws_target

    target = aws_target(settings.state_dir, place.region, place.profile)
    book = prices_at(settings.state_dir, prices)
    with naming_options(_OPTIONS):
        return target, spec_for(target.region, book, rules=settings.aws, **fields)


def deploy_on_aws(
    output: Output,
    settings: Settings,
    name: str,
    fields: Mapping[str, Any],
    *,
    options: AwsOptions,
    place: RegionOptions,
    prices: Path | None,
    yes: bool,
) -> None:
    """Show the plan, ask, and apply it.

    Args:
        fields: Fields of `AwsSpec` that were given.
        prices: A file with prices that take precedence.
        yes: Whether the plan is approved beforehand.
    """
    from newsclf.deploy.package.build import packed

    target, spec = target_and_spec(settings, fields, place, prices)
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
            output.approve(yes=yes)
        return not options.dry_run

    from newsclf.deploy.aws.target import Request

    output.note("packing the model" if options.archive is None else f"checking {options.archive}")
    wheels = settings.state_dir / "wheels"
    with packed(settings.model, options.archive, wheels=wheels, instance=spec.instance) as package:
        plan = target.plan(Request(name=name, package=package, spec=spec, force=options.force))
        deployment = target.apply(plan) if approve(plan) else None
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
