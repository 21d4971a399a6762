"""`newsclf deploy` on AWS: the options, the plan, the question, the result."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsclf.cli.next_commands import after_deployment
from newsclf.cli.options import seconds
from newsclf.common.errors import ConfigError, CredentialsError, StateError
from newsclf.common.meant import instance_meant
from newsclf.deploy.records import AwsSpec, Serverless, Vpc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsclf.cli.console import Output
    from newsclf.common.settings import Settings
    from newsclf.costs.prices import PriceBook
    from newsclf.deploy.aws.walk.plan import Plan, Step
    from newsclf.deploy.aws.walk.resource import Remains

_LEAST_TTL_S = 15 * 60
_HOURS_PER_MONTH = 730


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user typed."""

    name: str
    instance: str | None
    serverless: bool
    memory_mb: int | None
    concurrency: int | None
    minimum: int
    maximum: int | None
    ttl: str | None
    budget_usd: float | None
    budget_email: str | None
    archive: Path | None
    image: str | None
    vpc: str | None
    kms_key: str | None
    region: str | None
    profile: str | None
    prices: Path | None
    force: bool


def deploy_on_aws(
    output: Output, settings: Settings, options: Options, *, dry_run: bool, confirmed: bool
) -> None:
    """Show the plan, ask, and carry it out."""
    from newsclf.cli.targets import aws_target
    from newsclf.costs.prices import prices_at
    from newsclf.deploy.aws.bucket import Archive
    from newsclf.deploy.aws.target import Request
    from newsclf.deploy.package.build import packed

    target = aws_target(output, settings.state_dir, options.region, options.profile)
    spec = _spec(options, target.region, prices_at(settings.state_dir, options.prices))
    spec = spec.model_copy(update={"rules": settings.aws})
    try:
        target.check_credentials()  # before the archive, which takes a while
    except CredentialsError as error:
        if not dry_run:
            raise
        steps = target.unchecked_steps(options.name, spec)
        output.show(f"{options.name} in {target.region}, in an account that has nothing of it")
        _show_steps(output, steps, spec, named=False)
        output.data(_document(options.name, target.region, steps, checked=False))
        output.note(f"nothing was checked in an account, nor changed: {error.message}")
        return
    output.note("packing the model" if options.archive is None else f"checking {options.archive}")
    with packed(settings.model, options.archive, wheels=settings.state_dir / "wheels") as package:
        request = Request(
            name=options.name,
            model=options.archive or settings.model,
            model_digest=package.contents.model_digest,
            archive=Archive(package.path, package.sha256),
            spec=spec,
            force=options.force,
        )
        plan = target.plan(request)
        _show(output, plan)
        if dry_run:
            deleted = (*plan.removals, *plan.leftovers)
            output.data(_document(options.name, target.region, plan.steps, deleted))
            output.note("nothing was changed")
            return
        if plan.changes and not confirmed and not output.confirm("Do it?"):
            raise StateError("nothing was changed")
        deployment = target.apply(plan)
    output.data(deployment.model_dump(mode="json"))
    if not plan.changes:
        output.note("everything is already running; nothing changed")
    else:
        output.note(f"{deployment.name} is up and answering correctly")
    wired = deployment.api is not None
    output.note(after_deployment(deployment.name, settings.state_dir, wired=wired))


def _spec(options: Options, region: str, prices: PriceBook) -> AwsSpec:
    """Raises ConfigError: options contradict each other, or there is no price."""
    from newsclf.deploy.aws.images import repository_arn, stock_image

    if options.serverless:
        serverless, usd_per_hour = _serverless(options), None
        prices.serverless_price(region)
    else:
        serverless, usd_per_hour = None, _usd_per_hour(options, region, prices)
    maximum = options.maximum or options.minimum
    if maximum < options.minimum:
        raise ConfigError(f"--max {maximum} is less than --min {options.minimum}")
    if (options.budget_usd is None) != (options.budget_email is None):
        raise ConfigError("--budget and --budget-email go together")
    image = options.image or stock_image(region, options.instance)
    if (there := repository_arn(image).split(":")[3]) != region:
        raise ConfigError(
            f"--image {image}: it is in {there}, and SageMaker takes images of {region} only",
            hint=f"copy it into a repository of {region}, or add --region {there}",
        )
    return AwsSpec(
        image=image,
        instance=options.instance,
        serverless=serverless,
        min_instances=options.minimum,
        max_instances=maximum,
        vpc=_vpc(options.vpc),
        kms_key=checked_kms_key(options.kms_key, region),
        ttl_s=_ttl(options.ttl),
        budget_usd=options.budget_usd,
        budget_email=options.budget_email,
        usd_per_hour=usd_per_hour,
    )


def _usd_per_hour(options: Options, region: str, prices: PriceBook) -> float:
    instance = options.instance or ""
    if not re.fullmatch(r"ml\.[a-z0-9-]+\.[a-z0-9]+", instance):
        meant = instance_meant(instance, prices.instances())
        raise ConfigError(
            f"--instance {instance}: "
            + (f"did you mean {meant}?" if meant else "expected a name such as ml.c5.large"),
            hint="newsclf prices show lists instances; without --instance it runs on this machine",
        )
    if options.memory_mb or options.concurrency:
        raise ConfigError("--memory and --concurrency go with --serverless")
    return prices.hosting_usd_per_hour(instance, region)


def _serverless(options: Options) -> Serverless:
    from pydantic import ValidationError

    if options.instance or options.minimum > 1 or options.maximum or options.vpc:
        raise ConfigError("--serverless goes without --instance, --min, --max and --vpc")
    given = {"memory_mb": options.memory_mb, "max_concurrency": options.concurrency}
    try:
        return Serverless.model_validate({k: v for k, v in given.items() if v is not None})
    except ValidationError:
        raise ConfigError(
            f"--memory {options.memory_mb}: there are 1024, 2048, 3072, 4096, 5120 and 6144"
        ) from None


def _vpc(text: str | None) -> Vpc | None:
    if text is None:
        return None
    subnets, colon, groups = text.partition(":")
    vpc = Vpc(subnets=tuple(subnets.split(",")), security_groups=tuple(groups.split(",")))
    named = [each.startswith("subnet-") for each in vpc.subnets]
    named += [each.startswith("sg-") for each in vpc.security_groups]
    if not colon or not all(named):
        raise ConfigError(f"--vpc {text}: expected subnet-1,subnet-2:sg-1")
    if len(set(vpc.subnets)) < 2:  # noqa: PLR2004 - SageMaker's guide on endpoints in a VPC
        raise ConfigError(
            f"--vpc {text}: SageMaker wants two subnets at least, in different availability zones"
        )
    return vpc


def checked_kms_key(text: str | None, region: str) -> str | None:
    """Require the id or ARN of a key: the role's policy cannot name an alias."""
    arn = rf"(arn:aws:kms:{region}:\d{{12}}:key/)?"
    if text is not None and not re.fullmatch(rf"{arn}(mrk-)?[0-9a-f-]{{32,36}}", text):
        raise ConfigError(
            f"--kms-key {text}: expected the id or the ARN of a key in {region}",
            hint=f"aws kms describe-key --key-id {text} --query KeyMetadata.Arn --region {region}",
        )
    return text


def _ttl(text: str | None) -> int | None:
    ttl_s = seconds(text, "--ttl")
    if ttl_s is not None and ttl_s < _LEAST_TTL_S:
        raise ConfigError(
            f"--ttl {text}: AWS deletes no endpoint while it comes up, which takes minutes",
            hint=f"{_LEAST_TTL_S // 60}m is the least; name the unit, such as 90m, 2h or 3d",
        )
    return ttl_s


_STYLES = {"create": "green", "update": "yellow", "replace": "red", "delete": "red"}


def _show(output: Output, plan: Plan) -> None:
    from rich.text import Text

    title = f"{plan.deployment.name} in {plan.deployment.region} of {plan.deployment.account}"
    output.show(Text(title, style="bold"))
    for each in (*plan.removals, *plan.leftovers):
        output.show(Text(f"{'delete':8}{each.kind:23} {each.name}", style=_STYLES["delete"]))
    _show_steps(output, plan.steps, plan.deployment.spec)


def _show_steps(
    output: Output, steps: Sequence[Step], spec: AwsSpec, *, named: bool = True
) -> None:
    """What is done to each resource, and what they cost.

    Args:
        named: Whether the names of the resources are known.
    """
    from rich.text import Text

    for step in steps:
        name = f"{step.resource.name}  " if named else ""
        row = f"{step.look.action:8}{step.resource.kind:23} {name}{step.look.detail}"
        output.show(Text(row, style=_STYLES.get(step.look.action, "dim")))
    if spec.usd_per_hour is None:
        output.show("It bills by use, and nothing while it is idle.")
        return
    usd = _usd_per_hour_of(steps)
    month = f"${usd * _HOURS_PER_MONTH:,.0f} a month"
    output.show(f"While it is up: ${usd:.4f} an hour, ${usd * 24:.2f} a day, {month}.")
    if spec.max_instances > spec.min_instances:
        most = spec.usd_per_hour * spec.max_instances
        output.show(f"With all {spec.max_instances} instances: ${most:.4f} an hour.")


def _usd_per_hour_of(steps: Sequence[Step]) -> float:
    return sum(step.look.usd_per_hour or 0.0 for step in steps)


def _document(
    name: str,
    region: str,
    steps: Sequence[Step],
    removals: Sequence[Remains] = (),
    *,
    checked: bool = True,
) -> dict[str, Any]:
    return {
        "name": name,
        "region": region,
        "checked": checked,
        "usd_per_hour": _usd_per_hour_of(steps),
        "removals": [{"kind": each.kind, "name": each.name} for each in removals],
        "steps": [
            {
                "action": step.look.action,
                "kind": step.resource.kind,
                "name": step.resource.name if checked else None,
                "detail": step.look.detail,
                "usd_per_hour": step.look.usd_per_hour,
            }
            for step in steps
        ],
    }
