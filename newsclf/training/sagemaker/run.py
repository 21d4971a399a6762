"""Train in a job on SageMaker: the same training, the same model directory.

Every resource on AWS has a name that is recorded before it is created, and a resource of that name
is taken for the one that an earlier attempt created. So all steps can be repeated after an
interruption anywhere.
"""

from __future__ import annotations

import json
import logging
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from newsclf.common.account_rules import AccountRules
from newsclf.common.errors import (
    ConfigError,
    DataError,
    InterruptedRunError,
    ModelError,
    NewsclfError,
)
from newsclf.common.files import write_text
from newsclf.common.records import write_record
from newsclf.common.settings import DistilSettings
from newsclf.data.examples import LabelledData, Split
from newsclf.data.labelled import audit_path, read_audit
from newsclf.data.sources import data_file
from newsclf.data.split import split
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint.quota import check_quota
from newsclf.deploy.aws.iam.role import check_rules
from newsclf.deploy.aws.images import repository_arn, training_image
from newsclf.deploy.aws.jobs.training import remove_training, training_resources
from newsclf.deploy.aws.jobs.training_job import TrainingJob
from newsclf.deploy.aws.price_list import job_usd_per_hour
from newsclf.deploy.aws.walk.apply import ensure
from newsclf.model.card import read_card
from newsclf.model.directory import ONNX_FILE, find_seeds, replace_directory
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
from newsclf.training.run import TrainResult, read_data, with_extra
from newsclf.training.sagemaker import container, source
from newsclf.training.sagemaker.create import create_job
from newsclf.training.sagemaker.fetch import MOST_BYTES, check_model, unpack
from newsclf.training.sagemaker.files import INPUTS, SOURCE, TrainingFiles
from newsclf.training.sagemaker.job import JobRecord
from newsclf.training.seen_texts import SEEN_FILE, seen_by_origin

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request whose data and base were checked."""

    request: TrainRequest
    data: LabelledData
    parts: Split


@dataclass(frozen=True, slots=True)
class JobResult:
    """A model that was fetched, with the job's times and cost."""

    result: TrainResult
    training_s: float | None
    billable_s: float | None
    """Less than `training_s` on spot capacity: the time that is billed at the on-demand price."""
    usd: float | None
    """None: the price is not known."""


def new_job(
    clients: Clients,
    *,
    instance: str,
    image: str | None = None,
    spot: bool = False,
    max_runtime_s: float,
    rules: AccountRules,
) -> JobRecord:
    """A job with a name that no other job has, in an account that is not known yet.

    Raises:
        ConfigError: there is no stock image for the region and instance.
        ValidationError: another field is not valid.
    """
    image = image or training_image(clients.region, instance)
    repository_arn(image)
    return JobRecord(
        name=f"train-{secrets.token_hex(6)}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        region=clients.region,
        profile=clients.profile,
        image=image,
        instance=instance,
        spot=spot,
        max_runtime_s=int(max_runtime_s),
        rules=rules,
    )


def checked_job(clients: Clients, job: JobRecord) -> JobRecord:
    """The job with its account and price, after a check of account rules and quota.

    Raises:
        CredentialsError: there are no usable credentials.
        TargetError: the quota is too small, or AWS refused.
        ServiceError: AWS can't be reached, is busy, or failed.
    """
    job = job.model_copy(update={"account": clients.account})
    try:
        usd = job_usd_per_hour(clients, job.instance, "Train")
        job = job.model_copy(update={"usd_per_hour": usd})
    except NewsclfError as error:
        log.info("the price is not known: %s", error.message)
    check_rules(_scope(clients, job).names)
    usage = "spot training job usage" if job.spot else "training job usage"
    if warning := check_quota(clients, job.instance, 1, usage=usage):
        log.info("%s", warning)
    return job


def _scope(clients: Clients, job: JobRecord) -> Scope:
    return Scope(clients, Names(job.name, job.account, job.region, job.rules))


def prepare(request: TrainRequest) -> Prepared:
    """Check everything that can be checked before anything is sent anywhere.

    Raises:
        ConfigError: the model directory or an interrupted run is in the way, there is no base, or
            it was trained on rows that are held out here.
        DataError, DownloadError: the data, or a labelled file, can't be used.
        CheckFailedError: the labels of the labelled file did not meet their gate.
    """
    settings = request.settings
    check_target(request, settings.model.resolve(), work_folder(settings.model), resume=False)
    data = read_data(request)
    parts = split(data, settings.data)
    data_file(settings.data)
    base = local_base(settings.train.base)
    if base is not None and (base.folder / SEEN_FILE).is_file():
        seen_by_origin(base.folder, parts.test, role="base")
    digests = {"data_digest": data.digest}
    if settings.labelled.file is not None:
        digests["extra_digest"] = with_extra(request, data, parts)[1].digest
    _check_lesson(settings.distil, parts)
    return Prepared(request.model_copy(update=digests), data, parts)


def _check_lesson(distil: DistilSettings, parts: Split) -> None:
    """Check teacher and unlabelled texts as the job will.

    Raises:
        ConfigError: the teacher is no model directory, or knows labels of the test part.
        DataError: the unlabelled texts can't be read.
    """
    if distil.teacher is None:
        return
    from newsclf.training.distil.teacher import open_teacher, seen_by

    try:
        teacher = open_teacher(Path(distil.teacher))
    except ModelError as error:
        raise ConfigError(
            f"--teacher {error.message}",
            hint="a job takes a teacher that has been trained: newsclf train --on sagemaker"
            f" --instance ml.g5.xlarge --base {distil.teacher} --no-optimize --out teacher, then"
            " --teacher teacher",
        ) from error
    seen_by(teacher, parts.test)
    if distil.unlabelled is not None and not Path(distil.unlabelled).is_file():
        raise DataError(
            f"{distil.unlabelled}: not a file", hint="a job takes a file: --unlabelled FILE"
        )


def train_on_sagemaker(clients: Clients, request: TrainRequest, job: JobRecord) -> JobResult:
    """Train in a job, fetch the model, and delete all resources of the job but its log.

    A job that was recorded earlier is resumed.

    Raises:
        ConfigError: another training is running in the folder, or something is in the model's
            place; the model is kept until that is moved.
        TargetError: AWS refused, or the job failed; its resources are deleted.
        ServiceError: AWS can't be reached; the record keeps what exists.
        ModelError: what was fetched is not the requested model.
        InterruptedRunError: Ctrl-C; the job is stopped, and its resources are deleted.
    """
    run = _Run(_scope(clients, job), request, job)
    work = run.work
    with locked(work):
        is_resumed = (work / JOB_FILE).exists()
        if not is_resumed:
            empty(work)
            write_record(work / REQUEST_FILE, request)
            write_record(work / JOB_FILE, job)
        if job.fetched:
            found = TrainingJob(run.scope).find() or {}
        else:
            found = run.train(is_resumed=is_resumed)
            run.fetch(found)
            write_record(work / JOB_FILE, job.model_copy(update={"fetched": True}))
        if (work / FETCHED).exists():  # else an earlier attempt has already moved it
            target = request.settings.model.resolve()
            try:
                check_target(request, target, work, resume=True)  # it may have come meanwhile
            except ConfigError as error:
                error.message += f"\nthe trained model is kept in {work}"
                error.hint = f"move what is in its place, then {run.resume}"
                raise
            replace_directory(work / FETCHED, target)
        run.clean_up()
    return _result(request.settings.model, job, found)


@dataclass(frozen=True, slots=True)
class _Run:
    """One job, from its creation to its model."""

    scope: Scope
    request: TrainRequest
    job: JobRecord

    @property
    def work(self) -> Path:
        return work_folder(self.request.settings.model)

    @property
    def resume(self) -> str:
        return f"newsclf train --resume --out {self.request.settings.model}"

    def train(self, *, is_resumed: bool) -> dict[str, Any]:
        """Start the job unless it exists, and wait for its end.

        Args:
            is_resumed: Whether the job was recorded before, and may exist.

        Returns:
            DescribeTrainingJob's answer.
        """
        training = TrainingJob(self.scope)
        try:
            with self._kept(f"the training job {training.name} may be running and billed"):
                is_there = is_resumed and training.find() is not None
            try:
                self._start(training, is_there=is_there)
            except NewsclfError as error:
                raise self._given_up(error) from error
            with self._kept(f"the training job {training.name} is still running and billed"):
                found = training.follow(_log_line)
            try:
                training.check_end(found)
            except NewsclfError as error:
                raise self._given_up(error) from error
        except KeyboardInterrupt:
            log.info("stopping the job and deleting its resources")
            stopped = InterruptedRunError(
                f"the training job {training.name} was stopped",
                hint="newsclf train … --on sagemaker starts again",
            )
            raise self._given_up(stopped) from None
        return found

    @contextmanager
    def _kept(self, state: str) -> Iterator[None]:
        """Add to an error what remains of the job, and how to go on with it."""
        try:
            yield
        except NewsclfError as error:
            error.message += f"\n{state}"
            error.hint = f"{f'{error.hint}; then ' if error.hint else ''}{self.resume}"
            raise

    def _given_up(self, error: NewsclfError) -> NewsclfError:
        """The error to raise after an attempt to delete the job's resources."""
        try:
            remove_training(self.scope)
        except (NewsclfError, KeyboardInterrupt) as problem:
            said = problem.message if isinstance(problem, NewsclfError) else "interrupted"
            error.message += f"\nresources of {self.scope.names.endpoint} remain: {said}"
            error.hint = f"{self.scope.names.teardown}, or {self.resume}"
            return error
        remove(self.work)
        error.message += "\nnothing that is billed remains of it on AWS"
        return error

    def _start(self, training: TrainingJob, *, is_there: bool) -> None:
        if is_there:
            log.info("the training job %s was started before", training.name)
            return
        with tempfile.TemporaryDirectory(prefix="newsclf-") as scratch:
            uploads = _uploads(self.request, Path(scratch))
            size_mb = sum(path.stat().st_size for path in uploads.values()) / 1e6
            ensure(training_resources(self.scope, self.job.image))
            files = TrainingFiles(self.scope)
            log.info("uploading %.1f MB to %s", size_mb, files.uri(""))
            files.upload(uploads)
        create_job(self.scope, self.job)
        log.info("training job %s on %s", training.name, self.job.instance)

    def fetch(self, found: Mapping[str, Any]) -> None:
        """Fetch the model into the work folder, unpack it there, and check it."""
        archive, new = self.work / ARCHIVE, self.work / FETCHED_NEW
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(self.work / FETCHED, ignore_errors=True)
        try:
            uri = found["ModelArtifacts"]["S3ModelArtifacts"]
            files = TrainingFiles(self.scope)
            files.download(uri, archive, at_most_bytes=MOST_BYTES)
            unpack(archive, new)
            check_model(new, self.request)
        except OSError as error:
            raise ModelError(
                f"{self.work}: the model can't be written ({error})", hint=self.resume
            ) from error
        except NewsclfError as error:
            error.message += f"\nthe model of {self.scope.names.endpoint} is kept in S3"
            error.hint = f"{self.resume} fetches it again, {self.scope.names.teardown} deletes it"
            raise
        archive.unlink()
        new.rename(self.work / FETCHED)

    def clean_up(self) -> None:
        """Delete the resources of the job, and the work folder."""
        try:
            remove_training(self.scope)
        except NewsclfError as error:
            error.message = (
                f"{self.request.settings.model} is finished, but resources of the training job"
                f" {self.scope.names.deployment} remain: {error.message}"
            )
            error.hint = f"{f'{error.hint}; then ' if error.hint else ''}{self.resume}"
            raise
        remove(self.work)


def _log_line(line: str) -> None:
    """Log a line of the container: newsclf's own as information, others for --verbose."""
    level = logging.INFO if line.startswith(container.LINE_START) else logging.DEBUG
    log.log(level, "  %s", line.removeprefix(container.LINE_START))


def _uploads(request: TrainRequest, scratch: Path) -> dict[str, Path]:
    """Files that the job reads: key below the job's name → local file.

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
    if settings.labelled.file is not None:
        labelled = Path(settings.labelled.file)
        if read_audit(labelled).file_sha256 != request.extra_digest:
            raise DataError(
                f"{labelled}: the labelled file has changed since the job was recorded",
                hint="start again with newsclf train --overwrite",
            )
        for path in (labelled, audit_path(labelled)):
            uploads[f"{INPUTS}/{container.LABELLED}/{path.name}"] = path
    return uploads | _lesson_uploads(settings.distil)


def _lesson_uploads(distil: DistilSettings) -> dict[str, Path]:
    """The teacher's float models, and the unlabelled headlines."""
    if distil.teacher is None:
        return {}
    uploads = {}
    teacher = Path(distil.teacher)
    for path in sorted(teacher.rglob("*")):
        place = path.relative_to(teacher)
        kept = path.is_file() and path.name != ONNX_FILE and "evaluation" not in place.parts
        if kept and len(place.parts) <= 2:  # noqa: PLR2004 - seed-0/card.json
            uploads[f"{INPUTS}/{container.TEACHER}/{place.as_posix()}"] = path
    if distil.unlabelled is not None:
        path = Path(distil.unlabelled)
        uploads[f"{INPUTS}/{container.UNLABELLED}/{path.name}"] = path
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
