"""A smoke test of an endpoint: the stock container reports a broken model as healthy."""

from __future__ import annotations

from typing import Any

from newsclf.common.errors import ServiceError, TargetError
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.smoke_test import REQUEST, is_classified

_MODEL_FAILED = "ModelError"
_STARTING = {"ModelNotReadyException", "ServiceUnavailable"}
_START_S = 90
"""A serverless endpoint starts its first container with the first request."""


class BadAnswerError(TargetError):
    """The model failed on a request or answered with other labels."""


def smoke_test(scope: Scope) -> None:
    """Classify two headlines.

    Raises:
        BadAnswerError: the model is to blame.
        TargetError: AWS refused the request.
        ServiceError: it can't be reached.
    """
    endpoint = scope.names.endpoint

    def ask() -> dict[str, Any] | None:
        try:
            return scope.clients.call(
                "sagemaker-runtime",
                "invoke_endpoint",
                doing=f"classifying with the endpoint {endpoint}",
                EndpointName=endpoint,
                ContentType="application/json",
                Accept="application/json",
                Body=REQUEST,
            )
        except (RefusedError, ServiceError) as error:
            if error.code in _STARTING:
                return None
            if error.code == _MODEL_FAILED:
                raise BadAnswerError(error.message) from error
            raise

    answer = scope.clock.until(ask, at_most_s=_START_S)
    if answer is None:
        raise TargetError(
            f"the endpoint {endpoint} is in service, but accepts no request",
            hint="newsclf deploy tries again",
        )
    body: bytes = answer["Body"].read()
    if not is_classified(body):
        start = body[:200].decode(errors="replace")
        raise BadAnswerError(
            f"the endpoint {endpoint} gives no valid answer: {start}",
            hint="newsclf package --check checks an archive",
        )
