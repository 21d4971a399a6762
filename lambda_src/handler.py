"""Lambda function of the API: answers API Gateway events with an endpoint's predictions.

    POST /classify  {"headline": "…"} | {"headlines": ["…"]} | {"query": {"headline": "…"}}
                    → {"predictions": [{"label", "score", "scores"}], "model": "<digest>"}
                    with "min_confidence": 0.6 each prediction also has "uncertain": true or false,
                    with "explain": true "explanation": [{"word", "start", "end", "weight"}]
    GET  /health    → {"status": "ok", "model": "<digest>"}
    GET  /openapi.json → the OpenAPI document of the API

Errors are {"error": {"code", "message"}, "request_id"}. Reads events of payload format 2.0 (HTTP
APIs) and 1.0 (REST APIs). Imports only the standard library, boto3 and the contract, so its archive
has a few kilobytes. Each request is logged as one line of JSON, from which CloudWatch makes
metrics; no headline is ever logged.

Environment: ENDPOINT_NAME, MODEL_DIGEST, and API_AUTH (api-key, iam, jwt or none), which is only
for the OpenAPI document: API Gateway checks credentials before it invokes the handler.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import time
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from lambda_src import openapi
from newsclf.contract.answers import Prediction, read_endpoint_answer
from newsclf.contract.explanation import encode_answer, texts_of
from newsclf.contract.limits import MAX_API_BODY_BYTES
from newsclf.contract.requests import ContractError, parse_classify, parse_json

# API Gateway gives up after 30 s, the function after 29; a retry would double the load of an
# endpoint that is already slow, and the caller knows better whether to try again.
_ANSWER_WITHIN_S = 25
_CONFIG = Config(
    connect_timeout=2, read_timeout=_ANSWER_WITHIN_S, retries={"total_max_attempts": 1}
)
_client = boto3.client("sagemaker-runtime", config=_CONFIG)

_CLIENT_STATUSES = (400, 413, 415, 422)
_BUSY_STATUSES = (429, 503)
_PAUSED_RETRY_AFTER_S = 60
"""An endpoint takes minutes to come up."""
_METHODS = {"classify": "POST", "health": "GET", "openapi.json": "GET"}


@dataclass(eq=False)
class _ApiError(Exception):
    """An error answer."""

    status: int
    code: str
    message: str
    retry_after_s: int = 1
    """With a status that says that a later request may be answered."""
    allow: str | None = None
    """Method that the route takes."""


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one API Gateway event."""
    started = time.perf_counter()
    about = event.get("requestContext") or {}
    request_id = str(about.get("requestId") or getattr(context, "aws_request_id", ""))
    figures: dict[str, float] = {}
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    try:
        status, document = 200, _route(event, figures)
    except _ApiError as error:
        status = error.status
        problem = {"code": error.code, "message": error.message}
        document = {"error": problem, "request_id": request_id}
        if status in _BUSY_STATUSES:
            headers["retry-after"] = str(error.retry_after_s)
        if error.allow is not None:
            headers["allow"] = error.allow
    figures["LatencyMs"] = 1000 * (time.perf_counter() - started)
    _log(request_id, status, figures)
    return {
        "statusCode": status,
        "headers": headers,
        "body": json.dumps(document, ensure_ascii=False),
        "isBase64Encoded": False,
    }


def _route(event: dict[str, Any], figures: dict[str, float]) -> dict[str, Any]:
    http = (event.get("requestContext") or {}).get("http")
    method, path = (
        (http.get("method"), event.get("rawPath"))  # payload 2.0
        if isinstance(http, dict)
        else (event.get("httpMethod"), event.get("path"))  # payload 1.0
    )
    if not isinstance(method, str) or not isinstance(path, str):
        message = "the event is not one of API Gateway's, of payload format 1.0 or 2.0"
        raise _ApiError(400, "bad_event", message)
    route = path.rstrip("/").rpartition("/")[2]
    if route not in _METHODS:
        message = "no such route; use POST /classify, GET /health or GET /openapi.json"
        raise _ApiError(404, "not_found", message)
    if method.upper() != _METHODS[route]:
        allowed = _METHODS[route]
        raise _ApiError(405, "method_not_allowed", f"use {allowed}", allow=allowed)
    if route == "health":
        return {"status": "ok", "model": os.environ["MODEL_DIGEST"]}
    if route == "openapi.json":
        return openapi.document(os.environ.get("API_AUTH", "none"))
    try:
        return _classify(_body(event), figures)
    except ContractError as error:
        raise _ApiError(400, "bad_request", str(error)) from None


def _body(event: dict[str, Any]) -> bytes:
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(text).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ContractError("the body is not base64") from None


def _classify(body: bytes, figures: dict[str, float]) -> dict[str, Any]:
    if len(body) > MAX_API_BODY_BYTES:
        raise _ApiError(413, "too_large", f"the body is larger than {MAX_API_BODY_BYTES} bytes")
    request = parse_classify(parse_json(body))
    figures["Headlines"] = len(request.headlines)
    texts = texts_of(request)
    started = time.perf_counter()
    try:
        # As UTF-8, so that it does not grow: a serverless endpoint takes 4 MB.
        answer = _invoke(json.dumps({"inputs": texts}, ensure_ascii=False).encode())
    finally:
        figures["ModelLatencyMs"] = 1000 * (time.perf_counter() - started)
    predictions = _predictions(answer, len(texts))
    return {"predictions": encode_answer(request, predictions), "model": os.environ["MODEL_DIGEST"]}


def _invoke(body: bytes) -> bytes:
    try:
        response = _client.invoke_endpoint(
            EndpointName=os.environ["ENDPOINT_NAME"],
            ContentType="application/json",
            Accept="application/json",
            Body=body,
        )
        return bytes(response["Body"].read())
    except ReadTimeoutError:
        message = (
            f"the endpoint did not answer within {_ANSWER_WITHIN_S} s; a serverless one that has"
            " been idle may still be starting; try again"
        )
        raise _ApiError(503, "endpoint_timeout", message) from None
    except (ConnectTimeoutError, EndpointConnectionError):
        message = "the endpoint cannot be reached: it is paused, or down"
        raise _ApiError(503, "endpoint_unreachable", message) from None
    except ClientError as error:
        raise _translated(error.response) from None
    except BotoCoreError as error:
        raise _ApiError(502, "endpoint_failed", type(error).__name__) from None


def _translated(response: Any) -> _ApiError:
    """The answer for an error of InvokeEndpoint, whose shapes botocore's service model lists."""
    code = response["Error"]["Code"]
    if code in ("ThrottlingException", "Throttling", "TooManyRequestsException", "429"):
        return _ApiError(429, "throttled", "too many requests; try again later")
    # An answer without AWS's error type has its status for a code.
    if code in (
        "ModelNotReadyException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "503",
    ):
        return _ApiError(503, "endpoint_busy", "the endpoint is not ready; try again later")
    if code == "ModelError":
        return _translated_answer(response)
    said = str(response["Error"].get("Message", ""))
    # A real-time endpoint says "HTTP content length exceeded … bytes", a serverless one "Request …
    # has oversize body" (amazon-sagemaker-examples#245, sagemaker-python-sdk#4271).
    if code == "413" or (code == "ValidationError" and "oversize" in said):
        limit = re.search(r"exceeded (\d+) bytes", said)
        most = f"{limit[1]} bytes" if limit else "4 MB if it is serverless, else 6 MB"
        return _ApiError(413, "too_large", f"the endpoint takes requests of at most {most}")
    # "Endpoint newsclf-news of account 123456789012 not found.", also while it is created.
    if code == "ValidationError" and said.endswith("not found."):
        message = "the endpoint is paused, or is still starting; try again later"
        return _ApiError(503, "endpoint_paused", message, _PAUSED_RETRY_AFTER_S)
    return _ApiError(502, "endpoint_failed", f"the endpoint refused the request ({code})")


def _translated_answer(response: Any) -> _ApiError:
    """The answer for an error of the container."""
    status = int(response.get("OriginalStatusCode") or 500)
    message = str(response.get("OriginalMessage") or "")
    if status in _BUSY_STATUSES:
        return _ApiError(503, "endpoint_busy", "the endpoint is overloaded; try again later")
    # The stock Hugging Face container can turn a failure into 400; its message names the side at
    # fault, see newsclf/serving/sagemaker_hooks.py.
    if status in _CLIENT_STATUSES and "internal:" not in message:
        return _ApiError(
            413 if status == 413 else 400, "bad_request", "the model refused the input"
        )
    return _ApiError(502, "model_failed", "the model failed on this request")


def _predictions(answer: bytes, count: int) -> list[Prediction]:
    try:
        return read_endpoint_answer(parse_json(answer), count)
    except ContractError:
        raise _ApiError(502, "bad_answer", "the endpoint's answer is not of the contract") from None


def _log(request_id: str, status: int, figures: dict[str, float]) -> None:
    """Write one line in CloudWatch's embedded metric format."""
    units = {"LatencyMs": "Milliseconds", "ModelLatencyMs": "Milliseconds", "Headlines": "Count"}
    metrics = [{"Name": name, "Unit": units[name]} for name in figures]
    line = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": "newsclf",
                    "Dimensions": [["Endpoint"], ["Endpoint", "Status"]],
                    "Metrics": metrics,
                }
            ],
        },
        "Endpoint": os.environ.get("ENDPOINT_NAME", ""),
        "Status": str(status),
        "request_id": request_id,
        **{name: round(value, 3) for name, value in figures.items()},
    }
    print(json.dumps(line), flush=True)  # noqa: T201 - Lambda's log
