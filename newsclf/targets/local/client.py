"""Classify through a deployment."""

from __future__ import annotations

from collections.abc import Sequence

import httpx

from newsclf.core.contract import LABELS, MAX_HEADLINES, Prediction
from newsclf.core.deployment import Deployment
from newsclf.core.errors import RequestRejectedError, ServiceError

_TIMEOUT_S = 30


def classify(deployment: Deployment, texts: Sequence[str]) -> list[Prediction]:
    """Classify headlines with the model server of a deployment, in requests of at most 512.

    Raises:
        RequestRejectedError: the server does not take them.
        ServiceError: the server can't be reached, or fails.
    """
    predictions: list[Prediction] = []
    with httpx.Client(base_url=deployment.url, timeout=_TIMEOUT_S) as client:
        for start in range(0, len(texts), MAX_HEADLINES):
            inputs = list(texts[start : start + MAX_HEADLINES])
            try:
                answer = client.post("/invocations", json={"inputs": inputs})
            except httpx.TransportError as error:
                raise ServiceError(
                    f"the deployment '{deployment.name}' does not answer at {deployment.url}"
                    f" ({type(error).__name__})",
                    hint="newsclf status; newsclf deploy starts it again",
                ) from error
            predictions += _parse(answer)
    return predictions


def _parse(answer: httpx.Response) -> list[Prediction]:
    if answer.status_code == httpx.codes.OK:
        rows = ({entry["label"]: entry["score"] for entry in row} for row in answer.json())
        return [Prediction(tuple(row[label] for label in LABELS)) for row in rows]
    message = f"{answer.status_code}: {answer.text[:500]}"
    if httpx.codes.is_client_error(answer.status_code):
        raise RequestRejectedError(message)
    raise ServiceError(message, hint="newsclf status; newsclf logs")
