"""Classify through a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx

from newsclf.core.contract import LABELS, MAX_HEADLINES, Prediction
from newsclf.core.deployment import LocalDeployment
from newsclf.core.errors import RequestRejectedError, ServiceError
from newsclf.targets.local.credentials import auth_of

_TIMEOUT_S = 30


def classify(deployment: LocalDeployment, texts: Sequence[str]) -> list[Prediction]:
    """Classify headlines through a deployment's API, if it has one, else its model server.

    Raises:
        RequestRejectedError: it does not take them.
        ServiceError: it can't be reached, or fails.
        StateError: the credential of its API is not there.
    """
    predictions: list[Prediction] = []
    with httpx.Client(auth=auth_of(deployment), timeout=_TIMEOUT_S) as client:
        for start in range(0, len(texts), MAX_HEADLINES):
            headlines = list(texts[start : start + MAX_HEADLINES])
            try:
                predictions += _ask(client, deployment, headlines)
            except httpx.TransportError as error:
                raise ServiceError(
                    f"the deployment '{deployment.name}' does not answer at {url_of(deployment)}"
                    f" ({type(error).__name__})",
                    hint="newsclf status; newsclf deploy starts it again",
                ) from error
    return predictions


def url_of(deployment: LocalDeployment) -> str:
    """Where `classify` sends headlines."""
    if deployment.api is not None:
        return f"{deployment.api.url}/classify"
    return f"{deployment.server.url}/invocations"


def _ask(
    client: httpx.Client, deployment: LocalDeployment, headlines: list[str]
) -> list[Prediction]:
    if deployment.api is not None:
        document = _checked(client.post(url_of(deployment), json={"headlines": headlines}))
        rows = [row["scores"] for row in document["predictions"]]
    else:
        document = _checked(client.post(url_of(deployment), json={"inputs": headlines}))
        rows = [{entry["label"]: entry["score"] for entry in row} for row in document]
    return [Prediction(tuple(row[label] for label in LABELS)) for row in rows]


def _checked(answer: httpx.Response) -> Any:
    if answer.status_code == httpx.codes.OK:
        return answer.json()
    message = f"{answer.status_code}: {answer.text[:500]}"
    if httpx.codes.is_client_error(answer.status_code):
        raise RequestRejectedError(message)
    raise ServiceError(message, hint="newsclf status; newsclf logs")
