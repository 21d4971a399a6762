"""Settings file of the gateway of a deployment, which it reads when it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field

from newsclf.common.errors import StateError
from newsclf.common.files import write_private
from newsclf.common.records import StrictRecord
from newsclf.common.state_dir import (
    GATEWAY_LOG,
    KEY_FILE,
    OLD_GATEWAY_LOG,
    SETTINGS_FILE,
    writing,
)
from newsclf.deploy.credentials import kept_key, key_digest
from newsclf.deploy.local.credentials import kept_signer
from newsclf.deploy.records import Api, LocalDeployment
from newsclf.deploy.sigv4 import Credentials
from newsclf.serving.playground.document import Subject, of_deployment

_ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    # boto3 signs with these; the model server ignores signatures.
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class GatewaySettings(StrictRecord):
    """Settings of the gateway of a deployment."""

    key_digest: str | None = None
    """SHA-256 of the required API key, hexadecimal."""
    signer: Credentials | None = None
    """Credentials that requests must be signed with; checking a signature needs the secret."""
    cors_origins: tuple[str, ...] = ()
    """Origins of the web pages that may call it from a browser; `*` stands for all."""
    runtimes: int
    """Requests that are handled at the same time."""
    rate_per_s: float
    """Sustained requests per second."""
    burst: int
    """Requests at once."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Environment variables of the Lambda handler."""
    subject: Subject | None = None
    """What the page to try headlines on tells of this API; None: the page is off."""
    log: Path | None = None
    """File of the gateway's output, which it rotates."""

    @classmethod
    def create(cls, deployment: LocalDeployment, api: Api) -> Self:
        """Settings for the API of a deployment, with the credential in its key file, or a new one.

        Raises:
            StateError: The credential cannot be written.
        """
        fields = {
            **api.model_dump(include={"cors_origins", "runtimes", "rate_per_s", "burst"}),
            "log": deployment.gateway_log,
            "subject": _subject(deployment, api),
            "environment": {
                **_ENVIRONMENT,
                "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": deployment.server.url,
                "ENDPOINT_NAME": deployment.name,
                "MODEL_DIGEST": deployment.model_digest,
                "API_AUTH": api.auth,
            },
        }
        if api.auth == "api-key":
            fields["key_digest"] = key_digest(kept_key(deployment.key_file))
        elif api.auth == "iam":
            fields["signer"] = kept_signer(deployment)
        return cls.model_validate(fields)

    @classmethod
    def kept(cls, deployment: LocalDeployment) -> Self:
        """The settings that a deployment's gateway has; StateError if they can't be read."""
        path = deployment.folder / SETTINGS_FILE
        try:
            return cls.read(path)
        except (OSError, ValueError):
            raise StateError(
                f"{path}: not what newsclf wire-api writes",
                hint="newsclf teardown, then newsclf deploy and newsclf wire-api",
            ) from None

    def of_model(self, digest: str) -> Self:
        """The same for another model."""
        environment = self.environment | {"MODEL_DIGEST": digest}
        return self.model_copy(update={"environment": environment})

    def write(self, folder: Path) -> Path:
        """Write the file, readable by the user alone; StateError if it can't be written."""
        path = folder / SETTINGS_FILE
        with writing(path):
            write_private(path, self.model_dump_json(indent=2) + "\n")
        return path

    @classmethod
    def read(cls, path: Path) -> Self:
        """The settings in a file."""
        return cls.model_validate_json(path.read_bytes())


def _subject(deployment: LocalDeployment, api: Api) -> Subject | None:
    """What the page tells; None without a page."""
    if not api.shows_page:
        return None
    key_file = deployment.key_file if api.auth == "api-key" else None
    return of_deployment(deployment.name, deployment.folder, key_file)


def remove_files(deployment: LocalDeployment) -> None:
    """Remove the credential, the settings and the log of a deployment's gateway."""
    names = (KEY_FILE, GATEWAY_LOG, OLD_GATEWAY_LOG, SETTINGS_FILE)
    for path in (deployment.folder / name for name in names):
        with writing(path):
            path.unlink(missing_ok=True)
