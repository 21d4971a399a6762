"""Files of a training job in S3: source, inputs, checkpoints and model.

    s3://BUCKET/train-0123456789ab/source/source.tar.gz     newsclf and its requirements
    s3://BUCKET/train-0123456789ab/inputs/…                 the request, the data, the base
    s3://BUCKET/train-0123456789ab/checkpoints/…            written by the job
    s3://BUCKET/train-0123456789ab/output/JOB/output/…      model.tar.gz

All files of a job are below its name, where `ModelArchives.delete` deletes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from newsclf.common.errors import TargetError
from newsclf.common.files import file_digest
from newsclf.deploy.aws.bucket import upload
from newsclf.deploy.aws.call.errors import aws_errors
from newsclf.deploy.aws.call.scope import Scope

SOURCE: Final = "source"
"""Channel, and folder in S3, of newsclf itself."""
INPUTS: Final = "inputs"
"""Channel, and folder in S3, of the request, the data and the base."""
_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TrainingFiles:
    """The files of one job."""

    scope: Scope

    def uri(self, part: str) -> str:
        """S3 URI of a part of the job's files, such as `inputs/`."""
        return f"s3://{self.scope.names.bucket}/{self.scope.names.deployment}/{part}"

    def upload(self, files: Mapping[str, Path]) -> None:
        """Upload files below the job's name, each whole or not at all.

        Args:
            files: Key below the job's name, such as `inputs/request.json`, → local file.
        """
        for place, path in files.items():
            key = f"{self.scope.names.deployment}/{place}"
            upload(self.scope, path, key, sha256=file_digest(path))

    def download(self, uri: str, target: Path, *, at_most_bytes: int) -> None:
        """Fetch a file of the job.

        Raises:
            TargetError: it is not one of the job's, or too large, or AWS refuses.
            ServiceError: AWS can't be reached, is busy, or failed.
        """
        if not uri.startswith(self.uri("")):
            raise TargetError(f"{self.scope.names.endpoint}: its model lies elsewhere, at {uri}")
        doing = f"fetching {uri}"
        answer = self.scope.clients.call(
            "s3",
            "get_object",
            doing=doing,
            Bucket=self.scope.names.bucket,
            Key=uri.removeprefix(f"s3://{self.scope.names.bucket}/"),
            ExpectedBucketOwner=self.scope.names.account,
        )
        if answer["ContentLength"] > at_most_bytes:
            raise TargetError(
                f"{uri} has {answer['ContentLength']:,} bytes, more than any model here",
                hint=self.scope.names.teardown,
            )
        with aws_errors(doing, permission="s3:GetObject"), target.open("wb") as file:
            for block in answer["Body"].iter_chunks(_BLOCK_BYTES):
                file.write(block)
