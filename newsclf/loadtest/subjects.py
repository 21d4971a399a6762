"""Subjects of a load test: a deployment, a URL, or instances that are deployed only for it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from newsclf.common.errors import ConfigError, require_extra
from newsclf.common.machine import available_cores
from newsclf.common.settings import Settings
from newsclf.common.urls import is_loopback, without_secrets
from newsclf.costs.instances import has_gpu
from newsclf.costs.prices import PriceBook
from newsclf.deploy.client import Address
from newsclf.deploy.hosting import Hosting
from newsclf.deploy.records import AwsSpec, Deployment
from newsclf.deploy.store import Deployments, temporary_name
from newsclf.deploy.target import aws_target, read_headers, target_of
from newsclf.loadtest.recommender import Recommend
from newsclf.model.card import read_card
from newsclf.reporting.text import usd

if TYPE_CHECKING:
    import httpx

    from newsclf.deploy.aws.jobs.recommender import StartedJob
    from newsclf.deploy.aws.target import AwsTarget
    from newsclf.deploy.package.build import Package
    from newsclf.deploy.records import AwsDeployment

_AWS = "ml."
_CORES = re.compile(r"local:([1-9][0-9]*)")
_TTL = timedelta(hours=12)
"""AWS deletes an endpoint by itself after this time, should this machine not come back to it."""
_RECOMMENDER_HINT = "newsclf loadtest --instances ml.c5.large --recommender"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRequest:
    """What to measure, as the user named it."""

    settings: Settings
    prices: PriceBook
    deployment: str
    direct: bool = False
    """Whether to measure the endpoint of the deployment instead of its API."""
    url: str | None = None
    header_file: Path | None = None
    owned_host: str | None = None
    """Host on which the user may put load."""
    sign: Literal["execute-api", "sagemaker"] | None = None
    """AWS service for which requests to `url` are signed."""
    instances: str | None = None
    """Names with commas between, such as `ml.c5.large,ml.c5.xlarge` or `local:1`."""
    archive: Path | None = None
    """Packed model, instead of the model directory of the settings."""
    region: str | None = None
    profile: str | None = None
    recommender: bool = False
    """Whether SageMaker's Inference Recommender is to run beside the load test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One thing to measure."""

    hosting: Hosting
    identity: str
    """Its name in the report; the same at the next run, unlike a port."""
    model_digest: str | None
    shares_host: bool = False
    """Whether it runs on this machine."""
    open: Callable[[], AbstractContextManager[Address]]
    """Deploys it, if need be, and removes what it has deployed."""
    hosted_now: Callable[[], Hosting] | None = None
    """Looks again at what serves it; None where that can't change."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """Everything that a load test measures, and what runs beside it."""

    found: Sequence[Subject]
    recommend: Recommend | None = None
    recommender_usd_per_hour: float = 0.0
    cost_notes: Sequence[str] = ()
    """What is deployed on AWS for this load test, with its price, in words."""


@contextmanager
def find_subjects(request: SubjectRequest) -> Iterator[Subjects]:
    """Find what to measure; a model is packed at most once until the block ends.

    Raises:
        ConfigError: The options contradict each other, a host is not known to be the user's, or an
            instance is not available or has no price.
        StateError: There is no such deployment.
        ModelError: There is no model, or the archive is damaged.
    """
    if request.archive is not None and _AWS not in (request.instances or ""):
        raise ConfigError(
            "--archive is for endpoints on AWS that are deployed for the load test",
            hint="add --instances ml.c5.large, or leave it out",
        )
    with ExitStack() as kept:
        yield _find(request, kept)


def _find(request: SubjectRequest, kept: ExitStack) -> Subjects:
    if request.url is not None:
        if request.instances is not None or request.direct:
            raise ConfigError("--url is measured as it is, without --instances or --direct")
        if request.recommender:
            raise _not_on_aws("which --url is not")
        return Subjects([_at_url(request, request.url)])
    if request.owned_host is not None or request.sign is not None:
        raise ConfigError("--i-own-this and --sign go with --url")
    if request.instances is None:
        deployment = Deployments(request.settings.state_dir).get(request.deployment)
        if request.recommender:
            return _with_recommender(request, deployment)
        return Subjects([_deployed(request, deployment)])
    if request.header_file is not None:
        raise ConfigError("--header-file goes with a deployment's API or with --url")
    instances = [each.strip() for each in request.instances.split(",")]
    if any(each.startswith(_AWS) for each in instances):
        return _TemporaryModel(request, kept).subjects(instances)
    if request.recommender:
        raise _not_on_aws("and these instances are of this machine")
    return Subjects([_on_this_machine(request, each) for each in instances])


def _not_on_aws(what: str) -> ConfigError:
    return ConfigError(
        f"--recommender needs a model on AWS, {what}",
        hint=_RECOMMENDER_HINT,
    )


def _deployed(request: SubjectRequest, deployment: Deployment) -> Subject:
    target = target_of(deployment, request.settings.state_dir)
    direct = request.direct
    address = target.address(deployment, direct=direct, headers=read_headers(request.header_file))
    hosting = target.hosting(deployment, direct=direct)
    api = None if direct else deployment.api
    return Subject(
        hosting=hosting,
        identity=f"{deployment.name} ({f'API, {api.auth}' if api else 'endpoint'})",
        model_digest=deployment.model_digest,
        shares_host=hosting.kind == "local",
        open=lambda: nullcontext(address),
        hosted_now=lambda: target.hosting(deployment, direct=direct),
    )


def _at_url(request: SubjectRequest, url: str) -> Subject:
    import httpx

    shown = without_secrets(url)
    try:
        parts = urlsplit(url)
        _ = parts.port  # a wrong one raises
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as error:
        raise ConfigError(f"--url {shown}: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"--url {shown}: expected http://host/path or https://host/path")
    if parts.username is not None:
        raise ConfigError(
            "--url must not hold a password: it is written into the report",
            hint="put the header into a file and name it with --header-file",
        )
    if not is_loopback(parts.hostname) and request.owned_host != parts.hostname:
        raise ConfigError(
            f"{parts.hostname} is neither this machine nor a deployment of yours",
            hint=f"if you may put load on it: --i-own-this {parts.hostname}",
        )
    address = Address(
        url,
        "endpoint" if parts.path.endswith("/invocations") else "api",
        read_headers(request.header_file),
        _signature(request, request.sign) if request.sign else None,
    )
    return Subject(
        hosting=Hosting(kind="url", instance="url"),
        identity=shown,
        model_digest=None,
        shares_host=is_loopback(parts.hostname),
        open=lambda: nullcontext(address),
    )


def _signature(request: SubjectRequest, service: Literal["execute-api", "sagemaker"]) -> httpx.Auth:
    require_extra("boto3", extra="aws", purpose="signing for AWS")
    from newsclf.deploy.aws.address import signature_for
    from newsclf.deploy.aws.call.clients import Clients

    return signature_for(Clients(request.region, request.profile), service)


def _on_this_machine(request: SubjectRequest, instance: str) -> Subject:
    """A server on some cores of this machine."""
    from newsclf.deploy.local.target import LocalTarget

    found = _CORES.fullmatch(instance)
    if found is None:
        raise ConfigError(
            f"--instances {instance}: there is no such instance",
            hint="local:1 is one core of this machine, local:2 two; on AWS, ml.c5.large",
        )
    cores, model = int(found[1]), request.settings.model
    if cores > available_cores():
        raise ConfigError(f"--instances {instance}: this machine has {available_cores()} cores")

    @contextmanager
    def deployed() -> Iterator[Address]:
        target = LocalTarget(request.settings.state_dir)
        name = temporary_name(f"loadtest-{cores}")
        deployment, _ = target.deploy(name, model, workers=cores, cores=cores)
        try:
            yield target.address(deployment, direct=True)
        finally:
            target.teardown(name)

    return Subject(
        hosting=Hosting(kind="local", instance=instance),
        identity=instance,
        model_digest=read_card(model)[1].digest,
        shares_host=True,
        open=deployed,
    )


@dataclass(frozen=True)
class _TemporaryModel:
    """A model that is on AWS only while it is measured."""

    request: SubjectRequest
    kept: ExitStack
    """Removes the packed model in the end."""

    @cached_property
    def target(self) -> AwsTarget:
        request = self.request
        return aws_target(request.settings.state_dir, request.region, request.profile)

    @cached_property
    def packages(self) -> dict[bool, Package]:
        """Packages that were made so far, by whether they are for a GPU."""
        return {}

    def package(self, instance: str | None) -> Package:
        """The model, packed for an instance."""
        from newsclf.deploy.package.build import packed

        settings, gpu = self.request.settings, instance is not None and has_gpu(instance)
        if gpu not in self.packages:
            wheels = settings.state_dir / "wheels"
            self.packages[gpu] = self.kept.enter_context(
                packed(settings.model, self.request.archive, wheels=wheels, instance=instance)
            )
        return self.packages[gpu]

    def subjects(self, instances: Sequence[str]) -> Subjects:
        """An endpoint on each instance, one after the other, and Inference Recommender."""
        found = [self._subject(each) for each in instances]
        prices = {each.hosting.instance: each.hosting.usd_per_hour for each in found}
        cost_notes = [f"deploys, measures and removes, one after the other: {_listed(prices)}"]
        if not self.request.recommender:
            return Subjects(found, cost_notes=cost_notes)
        cost_notes.append(_recommender_cost_note(prices))
        recommend = functools.partial(self._recommending, instances)
        return Subjects(found, recommend, sum(prices.values()), cost_notes)

    def _subject(self, instance: str) -> Subject:
        from newsclf.deploy.run import spec_for

        if not instance.startswith(_AWS):
            raise ConfigError(f"--instances {instance}: there is no such instance")
        target, region = self.target, self.target.region
        name = temporary_name(f"loadtest-{instance.removeprefix('ml.').replace('.', '-')}")
        spec = spec_for(
            region,
            self.request.prices,
            instance=instance,
            ttl_s=int(_TTL.total_seconds()),
            rules=self.request.settings.aws,
        )

        @contextmanager
        def deployed() -> Iterator[Address]:
            with self._deployed(name, spec) as deployment:
                yield target.address(deployment, direct=True)

        return Subject(
            hosting=Hosting(
                kind="sagemaker",
                instance=instance,
                region=region,
                usd_per_hour=spec.usd_per_hour or 0.0,
                figures=target.metrics(name).read,
            ),
            identity=f"{instance} in {region}",
            model_digest=self._digest(instance),
            open=deployed,
        )

    def _digest(self, instance: str) -> str:
        if self.request.archive is not None:
            return self.package(instance).contents.model_digest
        return read_card(self.request.settings.model)[1].digest

    def _deployed(
        self, name: str, spec: AwsSpec, *, endpoint: bool = True
    ) -> AbstractContextManager[AwsDeployment]:
        from newsclf.deploy.aws.target import Request
        from newsclf.deploy.run import temporary_deployment

        package = self.package(spec.instance)
        request = Request(name=name, package=package, spec=spec, endpoint=endpoint)
        return temporary_deployment(self.target, request)

    @contextmanager
    def _recommending(
        self, instances: Sequence[str], bodies: Sequence[bytes]
    ) -> Iterator[StartedJob]:
        """A job on a model without an endpoint."""
        from newsclf.deploy.aws.images import stock_image
        from newsclf.deploy.aws.jobs.recommender import RecommenderRequest

        name = temporary_name("recommender")
        (image,) = {stock_image(self.target.region, each) for each in instances}
        request = RecommenderRequest(instances=instances, bodies=bodies, in_use=1)
        spec = AwsSpec(image=image, rules=self.request.settings.aws)
        with (
            self._deployed(name, spec, endpoint=False),
            self.target.recommending(name, request) as job,
        ):
            yield job


def _with_recommender(request: SubjectRequest, deployment: Deployment) -> Subjects:
    """A deployment with Inference Recommender beside it, on instances of the same type."""
    if deployment.target == "local":
        raise _not_on_aws(f"and '{deployment.name}' is deployed on this machine")
    spec, instance = deployment.spec, deployment.spec.instance
    if instance is None:
        raise ConfigError(
            f"--recommender tries instances, and '{deployment.name}' is serverless",
            hint=_RECOMMENDER_HINT,
        )
    target = aws_target(request.settings.state_dir, deployment.region, deployment.profile)

    def recommend(bodies: Sequence[bytes]) -> AbstractContextManager[StartedJob]:
        from newsclf.deploy.aws.jobs.recommender import RecommenderRequest

        asked = RecommenderRequest(instances=[instance], bodies=bodies, in_use=spec.max_instances)
        return target.recommending(deployment.name, asked)

    price = request.prices.hosting_usd_per_hour(instance, deployment.region)
    subject = _deployed(request, deployment)
    return Subjects([subject], recommend, price, [_recommender_cost_note({instance: price})])


def _recommender_cost_note(prices: Mapping[str, float]) -> str:
    from newsclf.deploy.aws.jobs.recommender import check_instances

    check_instances(list(prices))
    return (
        "a job of SageMaker's Inference Recommender runs beside it, for up to 45 minutes, on"
        f" instances of its own: {_listed(prices)}"
    )


def _listed(prices: Mapping[str, float]) -> str:
    return ", ".join(f"{instance} {usd(price)}/h" for instance, price in prices.items())
