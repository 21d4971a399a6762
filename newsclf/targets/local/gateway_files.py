"""What the gateway of a deployment is told, and the key to its API."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path

from newsclf.core.deployment import Api, Deployment
from newsclf.core.model_dir import write_text


def key_header(deployment: Deployment) -> dict[str, str]:
    """The header that the API of a deployment wants; empty if it wants none."""
    if deployment.api is None or deployment.api.auth == "none":
        return {}
    return {"x-api-key": deployment.key_file.read_text(encoding="utf-8").strip()}


def remove_files(deployment: Deployment) -> None:
    """Remove the key, the settings and the log of a deployment's gateway."""
    for path in (deployment.key_file, deployment.gateway_log, _settings_file(deployment)):
        path.unlink(missing_ok=True)


def _settings_file(deployment: Deployment) -> Path:
    return deployment.folder / "gateway.json"


def write_settings(
    deployment: Deployment, api: Api, runtimes: int, rate_per_s: float, burst: int
) -> Path:
    """Write what the gateway is told: a digest of the key, never the key itself."""
    key_digest = None
    if api.auth == "api-key":
        key = secrets.token_urlsafe(32)
        deployment.key_file.unlink(missing_ok=True)
        descriptor = os.open(deployment.key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(key + "\n")
        key_digest = hashlib.sha256(key.encode()).hexdigest()
    document = {
        "key_digest": key_digest,
        "runtimes": runtimes,
        "rate_per_s": rate_per_s,
        "burst": burst,
        "environment": {
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": deployment.server.url,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            # boto3 signs with these; the model server does not look at signatures.
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
            "ENDPOINT_NAME": deployment.name,
            "MODEL_DIGEST": deployment.model_digest,
        },
    }
    path = _settings_file(deployment)
    write_text(path, json.dumps(document, indent=2) + "\n")
    return path
