"""`newsclf train --on sagemaker`: options, price, approval and result of a training job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from newsclf.cli import completion
from newsclf.cli.durations import duration_from
from newsclf.cli.models.train_view import show_data, show_result
from newsclf.cli.option_values import naming_options
from newsclf.common.errors import ConfigError, CredentialsError, StateError

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.cli.options import RegionOptions
    from newsclf.deploy.aws.call.clients import Clients
    from newsclf.training.folder import TrainRequest
    from newsclf.training.sagemaker.job import JobRecord
    from newsclf.training.sagemaker.run import JobResult

_PANEL = "On SageMaker"
_PRICES_PAGE = "https://aws.amazon.com/sagemaker/pricing/"
_LEAST_S = 60
"""A shorter time is probably a number without its unit."""


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """Options for a training job on SageMaker."""

    PANEL: ClassVar = _PANEL
    instance: Annotated[
        str | None,
        typer.Option(
            metavar="ml.…",
            autocompletion=completion.instances,
            help="Instance type, such as ml.m5.xlarge.",
        ),
    ] = None
    spot: Annotated[
        bool,
        typer.Option("--spot", help="Train on spot capacity: cheaper, and may be interrupted."),
    ] = False
    max_runtime: Annotated[
        float,
        typer.Option(
            parser=duration_from(_LEAST_S),
            metavar="90m|2h|1d",
            autocompletion=completion.one_of("90m", "2h", "1d"),
            help="Time after which SageMaker ends the job.",
            show_default="1h",
        ),
    ] = 3600.0
    image: Annotated[
        str | None,
        typer.Option(
            metavar="URI", help="Container image to train in.", show_default="AWS's PyTorch"
        ),
    ] = None
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show the job and its maximum cost, and change nothing."),
    ] = False


def begin(
    output: Output, request: TrainRequest, options: JobOptions, place: RegionOptions, *, yes: bool
) -> None:
    """Check everything, show the maximum cost, ask for approval, and train."""
    clients = _clients(place.region, place.profile)
    from newsclf.training.sagemaker import run

    if options.instance is None:
        raise ConfigError(
            "--on sagemaker needs an --instance",
            hint="--instance ml.m5.xlarge, or ml.g5.xlarge with a GPU",
        )
    with naming_options({"max_runtime_s": "--max-runtime"}):
        job = run.new_job(
            clients,
            instance=options.instance,
            image=options.image,
            spot=options.spot,
            max_runtime_s=options.max_runtime,
            rules=request.settings.aws,
        )
    prepared = run.prepare(request)
    show_data(output, prepared.data, prepared.parts)
    note = "nothing was changed"
    try:
        job = run.checked_job(clients, job)
    except CredentialsError as error:
        if not options.dry_run:
            raise
        note = f"nothing was checked in an account, nor changed: {error.message}"
    _show_plan(output, request, job)
    if options.dry_run:
        output.data(_document(job))
        output.note(note)
        return
    output.approve(yes=yes)
    _train(output, clients, prepared.request, job)


def resume(output: Output, request: TrainRequest, job: JobRecord) -> None:
    """Follow a job that was started before, or start it if the start was interrupted."""
    clients = _clients(job.region, job.profile)
    if clients.account != job.account:
        raise StateError(
            f"the training job {job.name} is in the account {job.account}, and these are"
            f" credentials of {clients.account}",
            hint="set AWS_PROFILE to one of that account",
        )
    _train(output, clients, request, job)


def _clients(region: str | None, profile: str | None) -> Clients:
    from newsclf.common.errors import require_extra

    require_extra("boto3", "sagemaker", extra="sagemaker", purpose="training on SageMaker")
    from newsclf.deploy.aws.call.clients import Clients

    return Clients(region, profile)


def _document(job: JobRecord) -> dict[str, object]:
    document = job.model_dump(mode="json", exclude={"fetched"})
    return document | {"account": job.account or None, "most_usd": job.most_usd}


def _show_plan(output: Output, request: TrainRequest, job: JobRecord) -> None:
    """Show the job and its maximum cost."""
    from newsclf.costs.prices import prices_at
    from newsclf.reporting.text import usd

    output.show(
        f"{job.name} in {job.region} of {job.account or 'an unknown account'}:"
        f" {job.instance}{' (spot)' if job.spot else ''}, for at most"
        f" {job.max_runtime_s / 3600:g} h"
    )
    if job.usd_per_hour is not None and job.most_usd is not None:
        less = ", and less by what spot capacity saves" if job.spot else ""
        output.show(f"{usd(job.usd_per_hour)} an hour, so at most {usd(job.most_usd)}{less}.")
        return
    try:
        book = prices_at(request.settings.state_dir)
        hosting = book.hosting_usd_per_hour(job.instance, job.region)
    except ConfigError:
        output.show(
            f"The price of an hour of training on {job.instance} is not known: see {_PRICES_PAGE}"
        )
        return
    output.show(
        f"Hosting on {job.instance} costs {usd(hosting)} an hour, and training usually the same,"
        f" so at most about {usd(hosting * job.max_runtime_s / 3600)}."
    )


def _train(output: Output, clients: Clients, request: TrainRequest, job: JobRecord) -> None:
    from newsclf.training.sagemaker.run import train_on_sagemaker

    done = train_on_sagemaker(clients, request, job)
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
    from newsclf.common.intervals import percent
    from newsclf.reporting.text import usd

    if done.billable_s is None:
        return "AWS has not reported what was billed"
    bill = f"billed: {done.billable_s:.0f} s"
    if done.training_s and done.billable_s < done.training_s:
        saved = 1 - done.billable_s / done.training_s
        bill += f" of {done.training_s:.0f} s of training, so spot saved {percent(saved, 0)}"
    return bill if done.usd is None else f"{bill}: {usd(done.usd)}"
