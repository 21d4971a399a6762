"""`newsclf train --on sagemaker`: the options, the price, the question, the job, the result."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from newsclf.cli.models.train_view import say_data, show_result
from newsclf.cli.options import seconds
from newsclf.common.errors import ConfigError, CredentialsError, NewsclfError, StateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsclf.cli.console import Output
    from newsclf.common.account_rules import AccountRules
    from newsclf.deploy.aws.call.clients import Clients
    from newsclf.training.folder import TrainRequest
    from newsclf.training.sagemaker.job import JobRecord
    from newsclf.training.sagemaker.run import JobResult

_DEFAULT_S = 3600
_NOBODY = "an unknown account"
"""Whose a job is until AWS was asked."""
_SHORTEST_S = 60
_LONGEST_S = 5 * 86_400
"""SageMaker's quota for a job, unless it is raised (its "endpoints and quotas" page)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user typed."""

    instance: str | None
    spot: bool
    max_runtime: str | None
    image: str | None
    region: str | None
    profile: str | None
    dry_run: bool
    confirmed: bool
    verbose: bool
    rules: Mapping[str, object]
    """What was given of --role, --permissions-boundary and --tag."""

    def check(self, on: str, *, resume: bool) -> None:
        """Raise ConfigError if they do not go together."""
        if on not in ("local", "sagemaker"):
            raise ConfigError(f"--on {on}: not a place to train; choose local or sagemaker")
        given = {
            "--instance": self.instance,
            "--spot": self.spot,
            "--max-runtime": self.max_runtime,
            "--image": self.image,
            "--region": self.region,
            "--profile": self.profile,
            "--dry-run": self.dry_run,
            "--role": self.rules["role"],
            "--permissions-boundary": self.rules["permissions_boundary"],
            "--tag": self.rules["tags"],
        }
        named = [name for name, value in given.items() if value]
        if resume and named:
            raise ConfigError(
                "--resume goes on with the settings of the interrupted run;"
                f" drop {', '.join(named)}"
            )
        if on == "local" and named:
            raise ConfigError(f"{', '.join(named)}: only with --on sagemaker")
        if on == "local" or resume:
            return
        if not re.fullmatch(r"ml\.[a-z0-9-]+\.[a-z0-9]+", self.instance or ""):
            raise ConfigError(
                f"--on sagemaker needs an --instance, such as ml.m5.xlarge, not {self.instance}",
                hint="--instance ml.m5.xlarge, or ml.g5.xlarge with a GPU",
            )
        if self.max_runtime_s < _SHORTEST_S:  # most likely a number that lacks its unit
            raise ConfigError(
                f"--max-runtime {self.max_runtime}: at least a minute",
                hint="name the unit, such as 90m, 2h or 3d",
            )
        if self.max_runtime_s > _LONGEST_S:
            raise ConfigError(f"--max-runtime {self.max_runtime}: SageMaker lets a job run 5 days")

    @property
    def max_runtime_s(self) -> int:
        """ConfigError if it can't be read."""
        return seconds(self.max_runtime, "--max-runtime") or _DEFAULT_S


def begin(output: Output, request: TrainRequest, options: Options) -> None:
    """Look at everything, show what it can cost, ask, and train."""
    from newsclf.common.extras import require_extra

    require_extra("boto3", "sagemaker", extra="sagemaker", purpose="training on SageMaker")
    from newsclf.deploy.aws.call.clients import Clients
    from newsclf.deploy.aws.call.names import Names
    from newsclf.deploy.aws.iam.role import check_rules
    from newsclf.training.sagemaker.run import prepare

    clients = Clients(options.region, options.profile)
    prepared = prepare(request)
    say_data(output, prepared.data, prepared.parts)
    hosting = _hosting_usd_per_hour(request, clients.region, options)
    job = _job(clients, options, request.settings.aws)
    try:
        job = job.model_copy(update={"account": clients.account})
    except CredentialsError as error:
        if not options.dry_run:
            raise
        _show_plan(output, job, hosting)
        output.data(_document(job) | {"account": None})
        output.note(f"nothing was checked in an account, nor changed: {error.message}")
        return
    job = _priced(output, clients, job)
    check_rules(Names(job.name, job.account, job.region, job.rules))
    _check_quota(output, clients, job)
    _show_plan(output, job, hosting)
    if options.dry_run:
        output.data(_document(job))
        output.note("nothing was changed")
        return
    output.approve(yes=options.confirmed)
    _train(output, clients, prepared.request, job, verbose=options.verbose)


def go_on(output: Output, request: TrainRequest, job: JobRecord, *, verbose: bool) -> None:
    """Follow a job again that was started before, or start it if that was cut off."""
    from newsclf.common.extras import require_extra

    require_extra("boto3", "sagemaker", extra="sagemaker", purpose="training on SageMaker")
    from newsclf.deploy.aws.call.clients import Clients

    clients = Clients(job.region, job.profile)
    if clients.account != job.account:
        raise StateError(
            f"the training job {job.name} is in the account {job.account}, and these are"
            f" credentials of {clients.account}",
            hint="set AWS_PROFILE to one of that account",
        )
    _train(output, clients, request, job, verbose=verbose)


def _document(job: JobRecord) -> dict[str, object]:
    return job.model_dump(mode="json", exclude={"fetched"}) | {"most_usd": job.most_usd}


def _hosting_usd_per_hour(request: TrainRequest, region: str, options: Options) -> float | None:
    """What hosting on the instance costs, which ships; AWS mostly asks the same for training."""
    from newsclf.costs.prices import prices_at

    try:
        book = prices_at(request.settings.state_dir)
        return book.hosting_usd_per_hour(options.instance or "", region)
    except ConfigError:
        return None


def _job(clients: Clients, options: Options, rules: AccountRules) -> JobRecord:
    """The job, as yet of no account. Raises ConfigError: there is no image for it."""
    from newsclf.deploy.aws.images import repository_arn, training_image
    from newsclf.training.sagemaker.job import JobRecord
    from newsclf.training.sagemaker.run import new_job_name, now

    instance = options.instance or ""
    image = options.image or training_image(clients.region, instance)
    repository_arn(image)
    return JobRecord(
        name=new_job_name(),
        created=now(),
        region=clients.region,
        profile=clients.profile,
        account=_NOBODY,
        image=image,
        instance=instance,
        spot=options.spot,
        max_runtime_s=options.max_runtime_s,
        rules=rules,
    )


def _priced(output: Output, clients: Clients, job: JobRecord) -> JobRecord:
    """The job with its price, or without one and the reason why."""
    from newsclf.deploy.aws.price_list import pricing_client, training_usd_per_hour

    try:
        usd = training_usd_per_hour(pricing_client(clients.session), job.region, job.instance)
    except NewsclfError as error:
        output.note(f"the price is not known: {error.message}")
        return job
    return job.model_copy(update={"usd_per_hour": usd})


def _check_quota(output: Output, clients: Clients, job: JobRecord) -> None:
    from newsclf.deploy.aws.endpoint.quota import check_quota

    usage = "spot training job usage" if job.spot else "training job usage"
    warning = check_quota(clients, job.instance, 1, usage=usage)
    if warning is not None:
        output.note(warning)


def _show_plan(output: Output, job: JobRecord, hosting_usd_per_hour: float | None) -> None:
    machine = f"{job.instance}{' (spot)' if job.spot else ''}"
    output.show(
        f"{job.name} in {job.region} of {job.account}: {machine}, for at most"
        f" {job.max_runtime_s / 3600:g} h"
    )
    if job.usd_per_hour is None and hosting_usd_per_hour is not None:
        most = hosting_usd_per_hour * job.max_runtime_s / 3600
        output.show(
            f"Hosting on {job.instance} costs ${hosting_usd_per_hour:.4f} an hour, and training"
            f" mostly the same, so at most about ${most:.2f}."
        )
        return
    if job.usd_per_hour is None or job.most_usd is None:
        output.show(
            f"What an hour of training on {job.instance} costs is not known here:"
            " see https://aws.amazon.com/sagemaker/pricing/"
        )
        return
    less = ", and less for what a spot machine saves" if job.spot else ""
    output.show(f"${job.usd_per_hour:.4f} an hour, so at most ${job.most_usd:.2f}{less}.")


def _train(
    output: Output, clients: Clients, request: TrainRequest, job: JobRecord, *, verbose: bool
) -> None:
    from newsclf.deploy.aws.jobs.training_job import Follower
    from newsclf.training.sagemaker.container import LINE_START
    from newsclf.training.sagemaker.run import train_on_sagemaker

    def log(line: str) -> None:
        if verbose or line.startswith(LINE_START):
            output.note(f"  {line.removeprefix(LINE_START)}")

    done = train_on_sagemaker(clients, request, job, Follower(say=output.note, log=log))
    output.note(_bill(done))
    show_result(
        output,
        done.result,
        request.settings.optimize,
        job=job.name,
        training_s=done.training_s,
        billable_s=done.billable_s,
        usd=done.usd,
    )
    done.result.check_int8()


def _bill(done: JobResult) -> str:
    if done.billable_s is None:
        return "AWS does not say what was billed"
    said = f"billed: {done.billable_s:.0f} s"
    if done.training_s and done.billable_s < done.training_s:
        saved = 1 - done.billable_s / done.training_s
        said += f" of {done.training_s:.0f} s of training, so spot saved {100 * saved:.0f} %"
    return said if done.usd is None else f"{said}: ${done.usd:.4f}"
