"""A real request to an endpoint: a stock container says Healthy of a broken model too."""

from __future__ import annotations

import json
from typing import Any

from newsclf.common.errors import TargetError
from newsclf.contract.labels import LABELS
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError

HEADLINES = ("Profit rose by a third", "The plant is closed and 240 people lose their jobs")
_MODEL_FAILED = "ModelError"
_STARTING = {"ModelNotReadyException", "ServiceUnavailable"}
_START_S = 90
"""A serverless endpoint starts its first container with the first request."""


class BadAnswerError(TargetError):
    """The model was asked, and failed or answered something else than our labels."""


def smoke_test(clients: Clients, endpoint: str) -> None:
    """Classify two headlines.

    Raises:
        BadAnswerError: the model is to blame.
        TargetError: AWS did not let the question through.
        ServiceError: it can't be reached.
    """

    def ask() -> dict[str, Any] | None:
        try:
            return clients.call(
                "sagemaker-runtime",
                "invoke_endpoint",
                doing=f"classifying with the endpoint {endpoint}",
                EndpointName=endpoint,
                ContentType="application/json",
                Accept="application/json",
                Body=json.dumps({"inputs": HEADLINES}).encode(),
            )
        except RefusedError as error:
            if error.code in _STARTING:
                return None
            if error.code == _MODEL_FAILED:
                raise BadAnswerError(error.message) from error
            raise

    answer = clients.clock.until(ask, at_most_s=_START_S)
    if answer is None:
        raise TargetError(
            f"the endpoint {endpoint} is in service, but takes no request",
            hint="newsclf deploy asks it again",
        )
    body: bytes = answer["Body"].read()
    if not _holds_our_labels(body):
        start = body[:200].decode(errors="replace")
        raise BadAnswerError(
            f"the endpoint {endpoint} does not answer as it should: {start}",
            hint="newsclf package --check looks at an archive",
        )


def _holds_our_labels(body: bytes) -> bool:
    try:
        labels = [{entry["label"] for entry in row} for row in json.loads(body)]
    except (ValueError, TypeError, KeyError):
        return False
    return labels == [set(LABELS)] * len(HEADLINES)
