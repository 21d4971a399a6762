"""What the gateway of a deployment is told."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from newsclf.common.files import write_private
from newsclf.common.state_dir import SETTINGS_FILE, writing
from newsclf.deploy.local import credentials
from newsclf.deploy.records import Api, LocalDeployment
from newsclf.deploy.sigv4 import Credentials


def remove_files(deployment: LocalDeployment) -> None:
    """Remove the credential, the settings and the log of a deployment's gateway."""
    for path in (deployment.key_file, deployment.gateway_log, _settings_file(deployment)):
        with writing(path):
            path.unlink(missing_ok=True)


def _settings_file(deployment: LocalDeployment) -> Path:
    return deployment.folder / SETTINGS_FILE


def write_settings(deployment: LocalDeployment, api: Api) -> Path:
    """Make the credential, and write what the gateway is told, for the user's eyes alone.

    Of an API key that is a digest; a signature can be checked only with the secret itself.
    """
    credential = credentials.create(deployment, api.auth)
    document = {
        "key_digest": hashlib.sha256(credential.encode()).hexdigest()
        if isinstance(credential, str)
        else None,
        "signer": credential if isinstance(credential, Credentials) else None,
        "cors_origins": api.cors_origins,
        "runtimes": api.runtimes,
        "rate_per_s": api.rate_per_s,
        "burst": api.burst,
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
            "API_AUTH": api.auth,
        },
    }
    path = _settings_file(deployment)
    with writing(path):
        write_private(path, json.dumps(document, indent=2) + "\n")
    return path
