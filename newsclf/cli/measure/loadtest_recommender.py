"""`newsclf loadtest --recommender`: what SageMaker's Inference Recommender is asked to try."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsclf.cli.measure.loadtest_instances import OnAws
from newsclf.cli.measure.loadtest_subjects import Where, aws_of, instances_of
from newsclf.common.errors import ConfigError
from newsclf.deploy.records import AwsSpec
from newsclf.deploy.store import Deployments
from newsclf.deploy.target import aws_target
from newsclf.loadtest.recommender import Recommend

if TYPE_CHECKING:
    from newsclf.deploy.aws.jobs.recommender import RecommenderRequest, StartedJob

_OTHERWISE = "newsclf loadtest --instances ml.c5.large --recommender"


@dataclass(frozen=True, slots=True)
class Recommender:
    """A job that can be started, and what it costs."""

    recommend: Recommend
    usd_per_hour: float
    words: str
    """What it will do, for the question."""


def find_recommender(where: Where) -> Recommender:
    """The job for what is measured.

    Raises:
        ConfigError: it is not on instances of AWS, or an instance has no price.
    """
    if where.url is not None:
        raise ConfigError("--recommender needs a model on AWS, which --url is not", hint=_OTHERWISE)
    if where.instances is not None:
        wanted = aws_of(where)
        instances = instances_of(where)
        if wanted is None:
            raise ConfigError(
                "--recommender tries instances of AWS, and these are of this machine",
                hint=_OTHERWISE,
            )
        return _recommender(
            where, wanted.target.region, instances, lambda bodies: _held(wanted, instances, bodies)
        )
    deployment = Deployments(where.settings.state_dir).get(where.name)
    if deployment.target == "local":
        raise ConfigError(
            f"--recommender needs a model on AWS, and '{where.name}' is deployed on this machine",
            hint=_OTHERWISE,
        )
    spec = deployment.spec
    if spec.instance is None:
        raise ConfigError(
            f"--recommender tries instances, and '{where.name}' is serverless", hint=_OTHERWISE
        )
    target = aws_target(where.settings.state_dir, deployment.region, deployment.profile)
    only = [spec.instance]
    return _recommender(
        where,
        target.region,
        only,
        lambda bodies: target.recommending(
            deployment.name, _request(only, bodies, in_use=spec.max_instances)
        ),
    )


def _recommender(
    where: Where, region: str, instances: Sequence[str], recommend: Recommend
) -> Recommender:
    from newsclf.deploy.aws.jobs.recommender import check_instances

    check_instances(instances)
    prices = {each: where.prices.hosting_usd_per_hour(each, region) for each in instances}
    billed = ", ".join(f"{each} ${price:.3f}/h" for each, price in prices.items())
    return Recommender(
        recommend,
        sum(prices.values()),
        "beside it runs a job of SageMaker's Inference Recommender, up to 45 minutes, on instances"
        f" of its own: {billed}",
    )


def _request(
    instances: Sequence[str], bodies: Sequence[bytes], *, in_use: int
) -> RecommenderRequest:
    from newsclf.deploy.aws.jobs.recommender import RecommenderRequest

    return RecommenderRequest(instances=instances, bodies=bodies, in_use=in_use)


@contextmanager
def _held(wanted: OnAws, instances: Sequence[str], bodies: Sequence[bytes]) -> Iterator[StartedJob]:
    """A job on a model that is put on AWS for it, without an endpoint, and taken away again."""
    from newsclf.deploy.aws.images import stock_image
    from newsclf.deploy.aws.target import Request
    from newsclf.deploy.package.build import packed
    from newsclf.deploy.run import temporary_deployment

    target = wanted.target
    name = f"recommender-{os.getpid()}"  # unique on this machine
    (image,) = {stock_image(target.region, instance) for instance in instances}
    with packed(wanted.model, wanted.archive, wheels=wanted.wheels) as package:
        spec = AwsSpec(image=image, rules=wanted.rules)
        request = Request(name=name, package=package, spec=spec, endpoint=False)
        with (
            temporary_deployment(target, request),
            target.recommending(name, _request(instances, bodies, in_use=1)) as job,
        ):
            yield job
