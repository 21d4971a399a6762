"""Training as a managed job on SageMaker: the same training, the same model directory.

Everything that is made on AWS has a name that is written down before, and a name that exists is
taken for what was made before. So the whole can be walked again after an interruption anywhere.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from newsclf.common.errors import InterruptedRunError, ModelError, NewsclfError
from newsclf.common.files import write_text
from newsclf.common.records import write_record
from newsclf.data.examples import LabelledData, Split
from newsclf.data.sources import data_file
from newsclf.data.split import split
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.jobs.training import remove_training, training_resources
from newsclf.deploy.aws.jobs.training_job import Follower, TrainingJob
from newsclf.deploy.aws.walk.apply import ensure
from newsclf.model.card import read_card
from newsclf.model.directory import find_seeds, replace_directory
from newsclf.training.base import base_files, local_base
from newsclf.training.folder import (
    ARCHIVE,
    FETCHED,
    FETCHED_NEW,
    JOB_FILE,
    REQUEST_FILE,
    TrainRequest,
    check_target,
    empty,
    locked,
    remove,
    work_folder,
)
from newsclf.training.run import TrainResult, read_data
from newsclf.training.sagemaker import container, source
from newsclf.training.sagemaker.create import create_job
from newsclf.training.sagemaker.fetch import MOST_BYTES, check_model, unpack
from newsclf.training.sagemaker.files import INPUTS, SOURCE, TrainingFiles
from newsclf.training.sagemaker.job import JobRecord


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request whose data and base were looked at."""

    request: TrainRequest
    data: LabelledData
    parts: Split


@dataclass(frozen=True, slots=True)
class JobResult:
    """A model that was fetched, and what it took."""

    result: TrainResult
    training_s: float | None
    billable_s: float | None
    """Less than `training_s` on a spot machine: what is paid for at the price on demand."""
    usd: float | None
    """None: AWS tells no price."""


def new_job_name() -> str:
    """A name that no other job has."""
    return f"train-{secrets.token_hex(6)}"


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def prepare(request: TrainRequest, *, resume: bool = False) -> Prepared:
    """Look at everything that can be wrong before anything is sent anywhere.

    Raises:
        ConfigError: the model directory or an interrupted run is in the way, or there is no base.
        DataError, DownloadError: the data can't be used.
    """
    settings = request.settings
    check_target(request, settings.model.resolve(), work_folder(settings.model), resume=resume)
    data = read_data(request)
    parts = split(data, settings.data)
    local_base(settings.train.base)
    return Prepared(request.model_copy(update={"data_digest": data.digest}), data, parts)


def train_on_sagemaker(
    clients: Clients, request: TrainRequest, job: JobRecord, follower: Follower
) -> JobResult:
    """Train in a job, fetch the model, and leave nothing of the job behind but its log.

    Also goes on with a job that was recorded and is no longer followed.

    Raises:
        ConfigError: another training is under way in the folder.
        TargetError: AWS refused, or the job failed; nothing is left of it.
        ServiceError: AWS can't be reached; what there is, is recorded.
        ModelError: what came is not the model that was asked for.
        InterruptedRunError: Ctrl-C; the job is stopped, and nothing is left of it.
    """
    names = Names(job.name, job.account, job.region, job.rules)
    run = _Run(clients, names, request, job, follower)
    work = run.work
    with locked(work):
        if not (work / JOB_FILE).exists():
            empty(work)
            write_record(work / REQUEST_FILE, request)
            write_record(work / JOB_FILE, job)
        if job.fetched:
            found = TrainingJob(run.scope).find() or {}
        else:
            found = run.train()
            run.fetch(found)
            write_record(work / JOB_FILE, job.model_copy(update={"fetched": True}))
        if (work / FETCHED).exists():  # else it was put in its place before an interruption
            replace_directory(work / FETCHED, request.settings.model.resolve())
        run.tidy_up()
    return _result(request.settings.model, job, found)


@dataclass(frozen=True, slots=True)
class _Run:
    """One job, from its making to its model."""

    clients: Clients
    names: Names
    request: TrainRequest
    job: JobRecord
    follower: Follower

    @property
    def scope(self) -> Scope:
        return Scope(self.clients, self.names)

    @property
    def work(self) -> Path:
        return work_folder(self.request.settings.model)

    @property
    def _resume(self) -> str:
        return f"newsclf train --resume --out {self.request.settings.model}"

    @property
    def _teardown(self) -> str:
        return f"newsclf teardown --deployment {self.names.deployment} --region {self.names.region}"

    def train(self) -> dict[str, Any]:
        """Start the job, if it is not there, and wait for its end; what AWS says of it then."""
        training = TrainingJob(self.scope)
        try:
            try:
                self._start(training)
            except NewsclfError as error:
                raise self._given_up(error) from error
            try:
                found = training.follow(self.follower)
            except NewsclfError as error:
                error.message += f"\nthe training job {training.name} goes on, and bills"
                error.hint = f"{f'{error.hint}; then ' if error.hint else ''}{self._resume}"
                raise
            try:
                training.check_end(found)
            except NewsclfError as error:
                raise self._given_up(error) from error
        except KeyboardInterrupt:
            self.follower.say("stopping the job, and removing what it needed")
            stopped = InterruptedRunError(
                f"the training job {training.name} was stopped",
                hint="newsclf train … --on sagemaker starts again",
            )
            raise self._given_up(stopped) from None
        return found

    def _given_up(self, error: NewsclfError) -> NewsclfError:
        """The error to raise when all that was made has been removed again, or could not be."""
        try:
            remove_training(self.scope)
        except (NewsclfError, KeyboardInterrupt) as problem:
            said = problem.message if isinstance(problem, NewsclfError) else "interrupted"
            error.message += f"\nof the training job {self.names.deployment} is left: {said}"
            error.hint = f"{self._teardown}, or {self._resume}"
            return error
        remove(self.work)
        error.message += "\nnothing of it is left on AWS that bills"
        return error

    def _start(self, training: TrainingJob) -> None:
        if training.find() is not None:
            self.follower.say(f"the training job {training.name} was started before")
            return
        with tempfile.TemporaryDirectory(prefix="newsclf-") as scratch:
            uploads = _uploads(self.request, Path(scratch))
            size_mb = sum(path.stat().st_size for path in uploads.values()) / 1e6
            ensure(training_resources(self.scope, self.job.image))
            files = TrainingFiles(self.clients, self.names)
            self.follower.say(f"uploading {size_mb:.1f} MB to {files.uri('')}")
            files.upload(uploads)
        create_job(self.clients, self.names, self.job)
        self.follower.say(f"training job {training.name} on {self.job.instance}")

    def fetch(self, found: Mapping[str, Any]) -> None:
        """Fetch the model into the work folder, unpack it there, and check it."""
        archive, new = self.work / ARCHIVE, self.work / FETCHED_NEW
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(self.work / FETCHED, ignore_errors=True)
        try:
            uri = found["ModelArtifacts"]["S3ModelArtifacts"]
            files = TrainingFiles(self.clients, self.names)
            files.download(uri, archive, at_most_bytes=MOST_BYTES)
            unpack(archive, new)
            check_model(new, self.request)
        except OSError as error:
            raise ModelError(
                f"{self.work}: the model can't be written ({error})", hint=self._resume
            ) from error
        except NewsclfError as error:
            error.message += f"\nthe model of {self.names.training_job} is kept in S3"
            error.hint = f"{self._resume} fetches it again, {self._teardown} drops it"
            raise
        archive.unlink()
        new.rename(self.work / FETCHED)

    def tidy_up(self) -> None:
        """Leave nothing of the job but its record and its log."""
        try:
            remove_training(self.scope)
        except NewsclfError as error:
            error.message = (
                f"{self.request.settings.model} is finished, but of the training job"
                f" {self.names.deployment} is left: {error.message}"
            )
            error.hint = f"{f'{error.hint}; then ' if error.hint else ''}{self._resume}"
            raise
        remove(self.work)


def _uploads(request: TrainRequest, scratch: Path) -> dict[str, Path]:
    """What the job reads, by its place.

    Raises:
        DataError: the data are not those that the request was made for.
    """
    settings = request.settings
    uploads = {
        f"{SOURCE}/{source.ARCHIVE}": scratch / source.ARCHIVE,
        f"{INPUTS}/{container.REQUEST}": scratch / container.REQUEST,
    }
    source.write_source(scratch / source.ARCHIVE)
    write_text(scratch / container.REQUEST, request.model_dump_json())
    read_data(request)
    if (data := data_file(settings.data)) is not None:
        uploads[f"{INPUTS}/{container.DATA}/{data.name}"] = data
    if (base := local_base(settings.train.base)) is not None:
        record = scratch / container.BASE_RECORD
        write_text(record, json.dumps({"name": base.name, "revision": base.revision}))
        uploads[f"{INPUTS}/{container.BASE_RECORD}"] = record
        for path in base_files(base):
            uploads[f"{INPUTS}/{container.BASE}/{path.name}"] = path
    return uploads


def _result(model: Path, job: JobRecord, found: Mapping[str, Any]) -> JobResult:
    metrics = {each["MetricName"]: each["Value"] for each in found.get("FinalMetricDataList", [])}
    cards = [read_card(folder)[1] for folder in find_seeds(model)]
    billable_s = found.get("BillableTimeInSeconds")
    usd = (
        None
        if billable_s is None or job.usd_per_hour is None
        else billable_s / 3600 * job.usd_per_hour
    )
    return JobResult(
        result=TrainResult(model, cards, metrics.get("rows_per_s", 0.0)),
        training_s=found.get("TrainingTimeInSeconds"),
        billable_s=billable_s,
        usd=usd,
    )
