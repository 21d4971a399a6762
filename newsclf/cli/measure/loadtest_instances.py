"""`newsclf loadtest --instances`: what it deploys, measures and removes again, one by one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from newsclf.common.errors import ConfigError
from newsclf.common.machine import available_cores
from newsclf.deploy.client import Address
from newsclf.loadtest.run import Subject
from newsclf.model.card import read_card

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.common.account_rules import AccountRules
    from newsclf.deploy.aws.target import AwsTarget
    from newsclf.deploy.local.target import LocalTarget
    from newsclf.deploy.records import AwsSpec

_LOCAL = "local:"
_AWS = "ml."
_TTL = timedelta(hours=12)
"""AWS deletes an endpoint by itself after this time, should this machine not come back to it."""


def is_on_aws(instances: Sequence[str]) -> bool:
    """Whether any of the instances is AWS's."""
    return any(each.startswith(_AWS) for each in instances)


def local_instance(target: LocalTarget, model: Path, instance: str) -> Subject:
    """So many cores of this machine.

    Raises:
        ConfigError: there is no such instance, or this machine has fewer cores.
    """
    cores = instance.removeprefix(_LOCAL)
    if not instance.startswith(_LOCAL) or not cores.isdigit() or int(cores) < 1:
        raise ConfigError(
            f"--instances {instance}: there is no such instance",
            hint="local:1 is one core of this machine, local:2 two; on AWS, ml.c5.large",
        )
    if int(cores) > available_cores():
        raise ConfigError(f"--instances {instance}: this machine has {available_cores()} cores")
    _, card = read_card(model)
    _, card = read_card(model)

    @contextmanager
    def brought_up() -> Iterator[Address]:
        name = f"loadtest-{cores}-{os.getpid()}"  # unique on this machine
        deployment, _ = target.deploy(name, model, port=0, workers=int(cores), cores=int(cores))
        try:
            yield target.address(deployment, direct=True)
        finally:
            target.teardown(name)

    return Subject(
        instance=instance,
        kind="local",
        identity=instance,
        model_digest=card.digest,
        shares_host=True,
        open=brought_up,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OnAws:
    """What is deployed to be measured, wherever it runs."""

    target: AwsTarget
    model: Path
    archive: Path | None
    """Instead of the model directory."""
    wheels: Path
    """A folder that keeps downloaded wheels."""
    rules: AccountRules
    """What the account demands of all that is made."""
    usd_per_hour: Callable[[str], float]
    """The price of an instance; ConfigError if it is not known."""


def aws_instance(wanted: OnAws, instance: str) -> Subject:
    """An endpoint on an instance of AWS, of its own name, removed again whatever happens.

    Raises:
        ConfigError: there is no such instance, no price for it, or no image.
        ModelError: there is no model, or the archive is damaged.
    """
    from newsclf.deploy.aws.images import stock_image
    from newsclf.deploy.records import AwsSpec

    if not instance.startswith(_AWS):
        raise ConfigError(f"--instances {instance}: there is no such instance")
    kind = instance.removeprefix("ml.").replace(".", "-")
    name = f"loadtest-{kind}-{os.getpid()}"  # unique on this machine
    spec = AwsSpec(
        image=stock_image(wanted.target.region, instance),
        instance=instance,
        ttl_s=int(_TTL.total_seconds()),
        usd_per_hour=wanted.usd_per_hour(instance),
        rules=wanted.rules,
    )
    return Subject(
        instance=instance,
        kind="sagemaker",
        identity=f"{instance} in {wanted.target.region}",
        model_digest=_digest(wanted),
        shares_host=False,
        open=_endpoint(wanted, name, spec),
        figures=wanted.target.metrics(name).read,
        region=wanted.target.region,
        usd_per_hour=spec.usd_per_hour or 0.0,
    )


def _digest(wanted: OnAws) -> str:
    from newsclf.deploy.package.build import check

    if wanted.archive is not None:
        return check(wanted.archive).contents.model_digest
    return read_card(wanted.model)[1].digest


def _endpoint(
    wanted: OnAws, name: str, spec: AwsSpec
) -> Callable[[], AbstractContextManager[Address]]:
    @contextmanager
    def brought_up() -> Iterator[Address]:
        from newsclf.deploy.aws.target import Request
        from newsclf.deploy.package.build import packed
        from newsclf.deploy.run import temporary_deployment

        target = wanted.target
        with packed(wanted.model, wanted.archive, wheels=wanted.wheels) as package:
            request = Request(name=name, package=package, spec=spec)
            with temporary_deployment(target, request) as deployment:
                yield target.address(deployment, direct=True)

    return brought_up


def billed(subjects: Sequence[Subject]) -> list[str]:
    """What deploying the subjects bills, for the question; nothing for those of this machine."""
    prices = [f"{s.instance} ${s.usd_per_hour:.3f}/h" for s in subjects if s.usd_per_hour]
    joined = ", ".join(prices)
    return [f"deploys, measures and removes, one after the other: {joined}"] if prices else []


def ask(output: Output, bills: Sequence[str], *, yes: bool) -> None:
    """Say what will be done that costs money, and ask before it is.

    Raises:
        StateError: the answer was no.
        ConfigError: no terminal to ask on.
    """
    for line in bills:
        output.note(line)
    if bills:
        output.approve(yes=yes)
