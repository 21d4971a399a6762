"""The bucket of an account and region, and in it the archives of a deployment's models."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsclf.common.errors import TargetError
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.walk.resource import Deletable, Resource, SimpleResource

log = logging.getLogger(__name__)

_CLOSED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_TAKEN_S = 20 * 60
"""How long a new bucket is tried for while S3 still deletes an older one of its name: mostly
seconds or minutes, up to an hour (aws-cli#2593)."""
_DELETED_AT_ONCE = 1000
"""Keys that one DeleteObjects takes (its API reference)."""


class Bucket(Resource):
    """A private, encrypted bucket that all deployments share, so it goes with the last of them.

    Every call names the account that must own it: bucket names are global, and somebody else's
    bucket of this name must not get our model.
    """

    kind = "bucket"
    service = "s3"
    look_up = "head_bucket"

    @property
    def name(self) -> str:
        return self.names.bucket

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"Bucket": self.name, "ExpectedBucketOwner": self.names.account}

    def difference(self, found: object) -> str | None:  # noqa: ARG002 - there is nothing in it
        closed = self.ask("get_public_access_block")
        if closed is None or closed["PublicAccessBlockConfiguration"] != _CLOSED:
            return "close it to the public"
        return None

    def ensure(self) -> Mapping[str, str]:
        if self.found() is None:
            self.create()
        self.call("put_public_access_block", PublicAccessBlockConfiguration=_CLOSED)
        encrypted = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        self.call("put_bucket_encryption", ServerSideEncryptionConfiguration={"Rules": [encrypted]})
        self.call("put_bucket_tagging", Tagging={"TagSet": self._tags})
        return {}

    def create(self) -> None:
        region = self.names.region
        # us-east-1 has no constraint, and refuses one of its own name.
        settings: dict[str, Any] = {} if region == "us-east-1" else {"LocationConstraint": region}
        if self.names.rules.tags:  # an account that demands tags demands them in this very call
            settings["Tags"] = self._tags
        configuration: dict[str, Any] = {"CreateBucketConfiguration": settings} if settings else {}
        told = False

        def is_taken(error: RefusedError) -> bool:
            nonlocal told
            taken = error.code == "OperationAborted"
            if taken and not told:
                minutes = _TAKEN_S // 60
                log.info("S3 still deletes an older %s; trying for %d minutes", self.name, minutes)
                told = True
            return taken

        try:
            self.scope.clients.create(
                "s3",
                "create_bucket",
                Bucket=self.name,
                not_yet=is_taken,
                at_most_s=_TAKEN_S,
                **configuration,
            )
        except RefusedError as error:
            if error.code != "OperationAborted":
                raise
            hint = "the name is free again within an hour; then the same command continues"
            raise TargetError(error.message, hint=hint) from error

    def delete(self) -> bool:
        """Delete it if it is empty; False if it was not there or others still use it."""
        if not self.exists():
            return False
        try:
            return self.drop("delete_bucket")
        except RefusedError as error:
            if error.code != "BucketNotEmpty":
                raise
            return False  # another deployment has just begun

    def exists(self) -> bool:
        """Whether the bucket exists but holds no objects."""
        return self.find() is not None and not any(versions(self.scope, prefix=""))

    @property
    def _tags(self) -> list[dict[str, str]]:
        tags = {**self.names.rules.tags, "newsclf:managed": "true"}
        return [{"Key": key, "Value": value} for key, value in tags.items()]


@dataclass(frozen=True, slots=True)
class Archive:
    """A checked `model.tar.gz`."""

    path: Path
    sha256: str
    """Digest of the file, in hex."""


class ModelArchives(Deletable):
    """All files of a deployment in the bucket: the archives of its models, in every version."""

    kind = "archive"
    service = "s3"

    @property
    def name(self) -> str:
        return f"s3://{self.names.bucket}/{self._prefix}"

    @property
    def _prefix(self) -> str:
        return f"{self.names.deployment}/"

    def delete(self) -> bool:
        return delete_below(self.scope, prefix=self._prefix)

    def exists(self) -> bool:
        return any(versions(self.scope, prefix=self._prefix))


@dataclass(frozen=True)
class ModelArchive(ModelArchives, SimpleResource):
    """The archive of one model, under a key that its contents decide."""

    archive: Archive
    kms_key: str | None = None

    @property
    def identity(self) -> Mapping[str, Any]:
        return {
            "Bucket": self.names.bucket,
            "Key": key_of(self.names, self.archive),
            "ExpectedBucketOwner": self.names.account,
        }

    @property
    def detail(self) -> str:
        return f"{self._bytes / 1e6:.0f} MB, {self.archive.sha256[:12]}"

    @property
    def _bytes(self) -> int:
        return self.archive.path.stat().st_size

    def find(self) -> dict[str, Any] | None:
        found = self.ask("head_object")
        return found if found and found["ContentLength"] == self._bytes else None

    def difference(self, found: Mapping[str, Any]) -> str | None:
        key: str = found.get("SSEKMSKeyId", "")
        if not (key and self.kms_key):
            return None if key == (self.kms_key or "") else "its encryption"
        # S3 tells the key's ARN, which does not show whether an alias is this key's.
        is_same = key.endswith(self.kms_key) or "alias/" in self.kms_key
        return None if is_same else "its encryption"

    def create(self) -> None:
        encryption = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key}
            if self.kms_key
            else {"ServerSideEncryption": "AES256"}
        )
        self.scope.forget((self.kind, self.name))
        upload(
            self.scope,
            self.archive.path,
            key_of(self.names, self.archive),
            sha256=self.archive.sha256,
            **encryption,
        )


def upload(scope: Scope, path: Path, key: str, *, sha256: str, **encryption: str) -> None:
    """Upload a file in one piece, so that nothing is there until all of it is.

    Args:
        key: The key in the bucket.
        sha256: Digest of the file, in hex, which S3 compares.
        encryption: Arguments of PutObject.
    """
    with path.open("rb") as body:
        scope.clients.call(
            "s3",
            "put_object",
            doing=f"uploading {path}",
            Bucket=scope.names.bucket,
            Key=key,
            Body=body,
            ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
            ExpectedBucketOwner=scope.names.account,
            **encryption,
        )


def key_of(names: Names, archive: Archive) -> str:
    """The key of an archive in the bucket."""
    return f"{names.deployment}/{archive.sha256}/model.tar.gz"


def delete_below(scope: Scope, *, prefix: str) -> bool:
    """Delete every version of everything under a prefix; False if there was nothing."""
    bucket = scope.names.bucket
    found = list(versions(scope, prefix=prefix))
    for i in range(0, len(found), _DELETED_AT_ONCE):
        answer = scope.clients.call(
            "s3",
            "delete_objects",
            doing=f"deleting s3://{bucket}/{prefix}",
            Bucket=bucket,
            Delete={"Objects": found[i : i + _DELETED_AT_ONCE], "Quiet": True},
            ExpectedBucketOwner=scope.names.account,
        )
        for error in answer.get("Errors", []):
            raise RefusedError(
                f"deleting {error['Key']}: AWS refused ({error['Code']}: {error['Message']})",
                code=error["Code"],
                said=error["Message"],
            )
    return bool(found)


def versions(scope: Scope, *, prefix: str) -> Iterator[dict[str, str]]:
    """Every version and delete marker under a prefix, as DeleteObjects takes them."""
    bucket = scope.names.bucket
    for key in ("Versions", "DeleteMarkers"):
        for each in scope.clients.listed(
            "s3",
            "list_object_versions",
            key,
            doing=f"listing s3://{bucket}/{prefix}",
            Bucket=bucket,
            Prefix=prefix,
            ExpectedBucketOwner=scope.names.account,
        ):
            yield {"Key": each["Key"], "VersionId": each["VersionId"]}
