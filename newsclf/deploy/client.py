"""Classify headlines over HTTP: through an API, or straight through a model server or endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from newsclf.common.errors import RequestRejectedError, ServiceError
from newsclf.contract.answers import Prediction, read_api_answer, read_endpoint_answer
from newsclf.contract.limits import MAX_HEADLINES
from newsclf.contract.requests import ContractError, WireFormat
from newsclf.deploy.http_client import client_for

_TIMEOUT_S = 35
"""Longer than API Gateway's 30 s, so that the answer is its own and says what was slow."""
_MESSAGE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Address:
    """Where requests go, and what they must be and bring."""

    url: str
    form: WireFormat
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: httpx.Auth | None = None


def classify(
    address: Address, texts: Sequence[str], *, timeout_s: float = _TIMEOUT_S
) -> list[Prediction]:
    """Classify headlines, as many requests as it takes.

    Raises:
        RequestRejectedError: it does not take them.
        ServiceError: it can't be reached, fails, or answers with something else.
    """
    predictions: list[Prediction] = []
    with client_for(
        address.url, auth=address.auth, headers=address.headers, timeout_s=timeout_s
    ) as client:
        for start in range(0, len(texts), MAX_HEADLINES):
            headlines = list(texts[start : start + MAX_HEADLINES])
            field_name = "headlines" if address.form == "api" else "inputs"
            try:
                answer = client.post(address.url, json={field_name: headlines})
            except httpx.ReadTimeout:
                raise ServiceError(
                    f"{address.url} did not answer within {timeout_s} s",
                    hint=f"newsclf status; {_logs(address)}",
                ) from None
            except httpx.RequestError as error:
                raise ServiceError(
                    f"nothing answers at {address.url} ({type(error).__name__})",
                    hint="newsclf status; newsclf deploy starts it again",
                ) from error
            predictions += _predictions(_checked(answer, address), address, len(headlines))
    return predictions


def _predictions(document: object, address: Address, count: int) -> list[Prediction]:
    read = read_api_answer if address.form == "api" else read_endpoint_answer
    try:
        return read(document, count)
    except ContractError as error:
        raise ServiceError(
            f"{address.url} does not answer as a newsclf classifier does: {error}",
            hint="newsclf status",
        ) from None


def _checked(answer: httpx.Response, address: Address) -> Any:
    """The document of an answer, or the error that it stands for."""
    status = answer.status_code
    if status == httpx.codes.OK:
        return _document(answer)
    who = "the API" if address.form == "api" else "the endpoint"
    said = f"({status}): {_message(answer)}"
    if status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
        raise ServiceError(f"{who} is busy {said}", hint="try again in a moment; newsclf status")
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise RequestRejectedError(
            f"{who} refused the credential {said}",
            hint="newsclf wire-api shows which one it takes; --header-file sends a token",
        )
    if status == httpx.codes.NOT_FOUND:
        raise RequestRejectedError(
            f"{who} has no such address {said}", hint="newsclf status shows what is wired"
        )
    if answer.is_client_error:
        raise RequestRejectedError(f"{who} rejected the request {said}")
    raise ServiceError(f"{who} failed {said}", hint=f"newsclf status; {_logs(address)}")


def _logs(address: Address) -> str:
    return "newsclf logs --api" if address.form == "api" else "newsclf logs"


def _document(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None


def _message(answer: httpx.Response) -> str:
    """What an error says: ours, or those of AWS's front ends; never a page of a stranger's."""
    document = _document(answer)
    if isinstance(document, dict):
        error = document.get("error")
        places = [error, document] if isinstance(error, dict) else [document]
        for place in places:
            for name in ("message", "Message"):
                if isinstance(place.get(name), str):
                    return str(place[name])[:_MESSAGE_CHARACTERS]
    return answer.reason_phrase or "no reason given"
