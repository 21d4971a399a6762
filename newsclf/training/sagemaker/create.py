"""Creating a training job through the `sagemaker` package, with our bucket, role and files.

Its ModelTrainer uploads a few scripts of its own beside our files; in the container they install
our requirements and start our program. What of it would reach for more than this job needs is
turned off here: telemetry, its default bucket and role, and questions to IAM about the role.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import (
    RefusedError,
    aws_errors,
    is_already_there,
    is_not_yet_assumable,
)
from newsclf.deploy.aws.call.names import Names
from newsclf.training.sagemaker.files import TrainingFiles
from newsclf.training.sagemaker.job import ManagedJob

CHANNEL: Final = "inputs"
"""The job finds `inputs/` below SM_CHANNEL_INPUTS."""
METRICS: Final = ("training_loss", "validation_loss", "accuracy", "macro_f1", "rows_per_s")
"""Printed by the job as `name=0.123`, for CloudWatch to find."""
_CONFIG: Final = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}
_SPOT_WAIT_S: Final = 3600
"""For a spot machine, beyond the time of the training itself."""
_VOLUME_GB: Final = 30
_ASSUMABLE_AT_MOST_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class JobSource:
    """What the container is to run."""

    archive: str
    """File name below `source/`."""
    requirements: str
    """In the archive."""
    command: str


def create_job(clients: Clients, names: Names, job: ManagedJob, source: JobSource) -> None:
    """Create the job, unless it is there; its role and files must be.

    Raises:
        RefusedError: AWS refused.
        ServiceError: AWS can't be reached, is busy, or failed.
    """
    doing = f"creating the training job {names.training_job}"
    refusals: list[RefusedError] = []

    def attempt() -> bool | None:
        try:
            with aws_errors(doing, permission="sagemaker:CreateTrainingJob"), _alone():
                trainer = _trainer(clients, names, job, source)
                try:
                    trainer.train(wait=False, logs=False)
                finally:
                    trainer.__del__()  # it has a temporary folder
            # Its wrapper for telemetry returns in a `finally`, and so swallows Ctrl-C.
            if trainer._latest_training_job is None:  # noqa: SLF001 - as its documentation does
                raise KeyboardInterrupt
        except RefusedError as error:
            if is_already_there(error) or error.code == "ResourceInUse":
                return True
            if not is_not_yet_assumable(error):
                raise
            refusals.append(error)
            return None
        return True

    if clients.clock.until(attempt, at_most_s=_ASSUMABLE_AT_MOST_S) is None:
        raise refusals[-1]


@contextmanager
def _alone() -> Iterator[None]:
    """The package asks IAM's simulator about the role, which must be less than it wants."""
    variable = "SAGEMAKER_VALIDATE_ROLE"
    before = os.environ.get(variable)
    os.environ[variable] = "false"
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)  # its loggers have levels of their own; refusals are said by us
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its modules warn of one another
            yield
    finally:
        logging.disable(disabled)
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


def _trainer(clients: Clients, names: Names, job: ManagedJob, source: JobSource) -> Any:
    from sagemaker.core.training.configs import (
        CheckpointConfig,
        Compute,
        InputData,
        MetricDefinition,
        OutputDataConfig,
        SourceCode,
        StoppingCondition,
        Tag,
    )

    files = TrainingFiles(clients, names)
    wait_s = {"max_wait_time_in_seconds": job.max_runtime_s + _SPOT_WAIT_S} if job.spot else {}
    session = _session_class()(
        boto_session=clients.session,
        sagemaker_client=clients.client("sagemaker"),
        default_bucket=names.bucket,
        default_bucket_prefix=names.deployment,
        sagemaker_config=_CONFIG,
    )
    session.put = files.put
    trainer = _trainer_class()(
        sagemaker_session=session,
        role=names.role_arn(names.training_role),
        base_job_name=names.training_job,
        training_image=job.image,
        source_code=SourceCode(
            source_dir=files.uri(f"source/{source.archive}"),
            requirements=source.requirements,
            command=source.command,
        ),
        compute=Compute(
            instance_type=job.instance,
            instance_count=1,
            volume_size_in_gb=_VOLUME_GB,
            enable_managed_spot_training=job.spot,
        ),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=job.max_runtime_s, **wait_s),
        output_data_config=OutputDataConfig(
            s3_output_path=files.uri("output"), compression_type="GZIP"
        ),
        checkpoint_config=CheckpointConfig(s3_uri=files.uri("checkpoints")),
        input_data_config=[InputData(channel_name=CHANNEL, data_source=files.uri("inputs/"))],
        tags=[Tag(key=key, value=value) for key, value in names.tags.items()],
    )
    return trainer.with_metric_definitions(
        [MetricDefinition(name=name, regex=f"{name}=([0-9.]+)") for name in METRICS]
    )


def _session_class() -> type[Any]:
    from sagemaker.core.helper.session_helper import Session

    class OurSession(Session):  # type: ignore[misc]
        """Uploads like the rest of newsclf does, and knows no bucket but ours."""

        put: Callable[[str, Path], None]

        def default_bucket(self) -> str:
            return str(self._default_bucket_name_override)

        def upload_data(self, path: str, bucket: str, key_prefix: str, **_options: object) -> str:
            folder = Path(path)
            for file in sorted(folder.rglob("*.*")):
                if file.suffix == ".pyc" or not file.is_file():
                    continue
                self.put(f"{key_prefix}/{file.relative_to(folder).as_posix()}", file)
            return f"s3://{bucket}/{key_prefix}"

    return OurSession


def _trainer_class() -> type[Any]:
    from sagemaker.train import ModelTrainer

    class OurTrainer(ModelTrainer):  # type: ignore[misc]
        """Under a name that was told beforehand, so that a repeated call finds its own work."""

        def _create_training_job_args(self, *args: Any, **options: Any) -> Any:
            request = super()._create_training_job_args(*args, **options)
            request["training_job_name"] = self.base_job_name
            return request

        def _resolve_staging_bucket(self) -> tuple[str, None]:
            """Without asking IAM whether the role may write all over the bucket: it may not."""
            return self.sagemaker_session.default_bucket(), None

    return OurTrainer
