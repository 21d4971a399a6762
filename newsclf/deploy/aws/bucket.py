"""The bucket of an account and region, and in it the archives of a deployment's models."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newsclf.common.errors import TargetError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.walk.resource import Look

_CLOSED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_TAKEN_S = 20 * 60
"""So long a new bucket is tried for while S3 still deletes an older one of its name: mostly seconds
or minutes, up to an hour (aws-cli#2593)."""
_DELETED_AT_ONCE = 1000
"""Keys that one DeleteObjects takes (its API reference)."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Private and encrypted; shared by all deployments, so it goes with the last of them.

    Every call names the account that must own it: bucket names are global, and somebody else's
    bucket of this name must not get our model.
    """

    clients: Clients
    names: Names
    kind: str = "bucket"
    say: Callable[[str], None] = field(default=lambda _: None)
    """Is told that it takes a while."""

    @property
    def name(self) -> str:  # noqa: D102 - see Remains, here and below
        return self.names.bucket

    def look(self) -> Look:  # noqa: D102
        if not self._is_there():
            return Look("create")
        closed = self._find("get_public_access_block", "looking at who may read the bucket")
        if closed is None or closed["PublicAccessBlockConfiguration"] != _CLOSED:
            return Look("update", "close it to the public")
        return Look("keep")

    def ensure(self) -> Mapping[str, str]:  # noqa: D102
        if not self._is_there():
            self._create()
        self._call(
            "put_public_access_block",
            "closing the bucket to the public",
            PublicAccessBlockConfiguration=_CLOSED,
        )
        encrypted = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        self._call(
            "put_bucket_encryption",
            "having the bucket encrypted",
            ServerSideEncryptionConfiguration={"Rules": [encrypted]},
        )
        self._call("put_bucket_tagging", "tagging the bucket", Tagging={"TagSet": self._tags})
        return {}

    def _create(self) -> None:
        region = self.clients.region
        # us-east-1 has no constraint, and refuses one of its own name.
        wanted: dict[str, Any] = {} if region == "us-east-1" else {"LocationConstraint": region}
        if self.names.rules.tags:  # an account that demands tags demands them in this very call
            wanted["Tags"] = self._tags
        told = False

        def is_taken(error: RefusedError) -> bool:
            nonlocal told
            taken = error.code == "OperationAborted"
            if taken and not told:
                self.say(
                    f"S3 still deletes an older {self.name}; trying for {_TAKEN_S // 60} minutes"
                )
                told = True
            return taken

        try:
            self.clients.create(
                "s3",
                "create_bucket",
                doing=f"creating the bucket {self.name}",
                Bucket=self.name,
                not_yet=is_taken,
                at_most_s=_TAKEN_S,
                **({"CreateBucketConfiguration": wanted} if wanted else {}),
            )
        except RefusedError as error:
            if error.code != "OperationAborted":
                raise
            hint = "the name is free again within an hour; then the same command goes on"
            raise TargetError(error.message, hint=hint) from error

    def delete(self) -> bool:
        """Delete it if it is empty; False if it was not there or others still use it."""
        if not self._is_there() or any(self._versions()):
            return False
        try:
            return self._find("delete_bucket", "deleting the bucket") is not None
        except RefusedError as error:
            if error.code != "BucketNotEmpty":
                raise
            return False  # another deployment has just begun

    def exists(self) -> bool:
        """Whether it is there for nobody."""
        return self._is_there() and not any(self._versions())

    @property
    def _tags(self) -> list[dict[str, str]]:
        tags = {**self.names.rules.tags, "newsclf:managed": "true"}
        return [{"Key": key, "Value": value} for key, value in tags.items()]

    def _is_there(self) -> bool:
        return self._find("head_bucket", "looking for the bucket") is not None

    def _versions(self) -> Iterator[Any]:
        return versions(self.clients, self.names, prefix="")

    def _call(self, operation: str, doing: str, **arguments: Any) -> None:
        self.clients.call(
            "s3",
            operation,
            doing=f"{doing} {self.name}",
            Bucket=self.name,
            ExpectedBucketOwner=self.names.account,
            **arguments,
        )

    def _find(self, operation: str, doing: str) -> dict[str, Any] | None:
        return self.clients.find(
            "s3",
            operation,
            doing=f"{doing} {self.name}",
            Bucket=self.name,
            ExpectedBucketOwner=self.names.account,
        )


@dataclass(frozen=True, slots=True)
class Archive:
    """A checked `model.tar.gz`."""

    path: Path
    sha256: str
    """Of the file, in hex."""


@dataclass(frozen=True, slots=True)
class ModelArchive:
    """The archive of one model, under a key that its contents decide."""

    clients: Clients
    names: Names
    archive: Archive | None = None
    """None: only to remove what is there."""
    kms_key: str | None = None
    kind: str = "archive"

    @property
    def name(self) -> str:  # noqa: D102
        return f"s3://{self.names.bucket}/{self._prefix}"

    @property
    def _prefix(self) -> str:
        return f"{self.names.deployment}/"

    def look(self) -> Look:  # noqa: D102
        archive = _wanted(self.archive)
        there = self.clients.find(
            "s3",
            "head_object",
            doing="looking for the archive",
            Bucket=self.names.bucket,
            Key=key_of(self.names, archive),
            ExpectedBucketOwner=self.names.account,
        )
        size = archive.path.stat().st_size
        detail = f"{size / 1e6:.0f} MB, {archive.sha256[:12]}"
        return Look("create" if there is None or there["ContentLength"] != size else "keep", detail)

    def ensure(self) -> Mapping[str, str]:  # noqa: D102
        archive = _wanted(self.archive)
        encryption = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key} if self.kms_key else {}
        )
        with archive.path.open("rb") as body:
            # In one piece, so that nothing is there until all of it is; S3 compares the digest.
            self.clients.call(
                "s3",
                "put_object",
                doing=f"uploading {archive.path}",
                Bucket=self.names.bucket,
                Key=key_of(self.names, archive),
                Body=body,
                ChecksumSHA256=base64.b64encode(bytes.fromhex(archive.sha256)).decode(),
                ExpectedBucketOwner=self.names.account,
                **encryption,
            )
        return {}

    def delete(self) -> bool:
        """Delete the archives of all the deployment's models, in every version."""
        return delete_below(self.clients, self.names, prefix=self._prefix)

    def exists(self) -> bool:  # noqa: D102
        return any(versions(self.clients, self.names, prefix=self._prefix))


def key_of(names: Names, archive: Archive) -> str:
    """The key of an archive in the bucket."""
    return f"{names.deployment}/{archive.sha256}/model.tar.gz"


def delete_below(clients: Clients, names: Names, *, prefix: str) -> bool:
    """Delete every version of everything under a prefix; False if there was nothing."""
    found = list(versions(clients, names, prefix=prefix))
    for i in range(0, len(found), _DELETED_AT_ONCE):
        answer = clients.call(
            "s3",
            "delete_objects",
            doing=f"deleting s3://{names.bucket}/{prefix}",
            Bucket=names.bucket,
            Delete={"Objects": found[i : i + _DELETED_AT_ONCE], "Quiet": True},
            ExpectedBucketOwner=names.account,
        )
        for error in answer.get("Errors", []):
            raise RefusedError(
                f"deleting {error['Key']}: AWS refused ({error['Code']}: {error['Message']})",
                code=error["Code"],
                said=error["Message"],
            )
    return bool(found)


def versions(clients: Clients, names: Names, *, prefix: str) -> Iterator[dict[str, str]]:
    """Every version and delete marker under a prefix, as DeleteObjects wants them."""
    for key in ("Versions", "DeleteMarkers"):
        for each in clients.listed(
            "s3",
            "list_object_versions",
            key,
            doing=f"listing s3://{names.bucket}/{prefix}",
            Bucket=names.bucket,
            Prefix=prefix,
            ExpectedBucketOwner=names.account,
        ):
            yield {"Key": each["Key"], "VersionId": each["VersionId"]}


def _wanted(archive: Archive | None) -> Archive:
    if archive is None:
        raise AssertionError  # made for a teardown
    return archive
