"""Create a training job through the public resource classes of the `sagemaker` package."""

from __future__ import annotations

import logging
from typing import Any, Final

from newsclf.deploy.aws.call.errors import (
    aws_errors,
    is_not_yet_assumable,
)
from newsclf.deploy.aws.call.scope import Scope
from newsclf.training.sagemaker import source
from newsclf.training.sagemaker.files import INPUTS, SOURCE, TrainingFiles
from newsclf.training.sagemaker.job import JobRecord

METRICS: Final = ("training_loss", "validation_loss", "accuracy", "macro_f1", "rows_per_s")
"""Printed by the job as `name=0.123`, for CloudWatch to find."""
_ROOT: Final = "/opt/ml"
_CODE: Final = f"{_ROOT}/code"
_COMMAND: Final = " && ".join(
    [
        f"mkdir -p {_CODE}",
        f"cd {_CODE}",
        f"tar -xzf {_ROOT}/input/data/{SOURCE}/{source.ARCHIVE}",
        f"python3 -m pip install -q -r {source.REQUIREMENTS}",
        f"exec python3 -m newsclf.training.sagemaker.container {_ROOT}",
    ]
)
"""What the container runs; CreateTrainingJob limits an argument to 256 characters on one line."""
_SPOT_WAIT_S: Final = 3600
"""Time to wait for a spot machine, beyond the time of the training itself."""
_VOLUME_GB: Final = 30


def create_job(scope: Scope, job: JobRecord) -> None:
    """Create the job unless it exists; its role and files must exist.

    Raises:
        RefusedError: AWS refused.
        ServiceError: AWS can't be reached, is busy, or failed.
    """
    # Set first: the package gives this logger the level INFO unless it has one.
    logging.getLogger("sagemaker.config").setLevel(logging.WARNING)
    from sagemaker.core.resources import TrainingJob

    clients = scope.clients
    doing = f"creating the training job {scope.names.endpoint}"

    def create() -> None:
        with aws_errors(doing, permission="sagemaker:CreateTrainingJob"):
            request = _request(scope, job)
            TrainingJob.create(**request, session=clients.session, region=clients.region)

    clients.created(create, not_yet=is_not_yet_assumable)


def _request(scope: Scope, job: JobRecord) -> dict[str, Any]:
    """The arguments of `TrainingJob.create`."""
    from sagemaker.core import shapes

    names, files = scope.names, TrainingFiles(scope)
    wait_s = {"max_wait_time_in_seconds": job.max_runtime_s + _SPOT_WAIT_S} if job.spot else {}
    return {
        "training_job_name": names.endpoint,
        "role_arn": names.role_arn(names.role("training")),
        "algorithm_specification": shapes.AlgorithmSpecification(
            training_image=job.image,
            training_input_mode="File",
            container_entrypoint=["/bin/bash", "-c"],
            container_arguments=[_COMMAND],
            metric_definitions=[
                shapes.MetricDefinition(name=name, regex=f"{name}=([0-9.]+)") for name in METRICS
            ],
        ),
        "input_data_config": [
            shapes.Channel(
                channel_name=name,
                data_source=shapes.DataSource(
                    s3_data_source=shapes.S3DataSource(
                        s3_data_type="S3Prefix",
                        s3_uri=files.uri(f"{name}/"),
                        s3_data_distribution_type="FullyReplicated",
                    )
                ),
            )
            for name in (SOURCE, INPUTS)
        ],
        "resource_config": shapes.ResourceConfig(
            instance_type=job.instance, instance_count=1, volume_size_in_gb=_VOLUME_GB
        ),
        "stopping_condition": shapes.StoppingCondition(
            max_runtime_in_seconds=job.max_runtime_s, **wait_s
        ),
        "enable_managed_spot_training": job.spot,
        "output_data_config": shapes.OutputDataConfig(
            s3_output_path=files.uri("output"), compression_type="GZIP"
        ),
        "checkpoint_config": shapes.CheckpointConfig(s3_uri=files.uri("checkpoints")),
        "tags": [{"key": key, "value": value} for key, value in names.tags.items()],
    }
