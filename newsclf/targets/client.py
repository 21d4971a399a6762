"""Classify headlines over HTTP: through an API, or straight through a model server or endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from newsclf.core.contract import LABELS, MAX_HEADLINES, Form, Prediction
from newsclf.core.errors import RequestRejectedError, ServiceError

_TIMEOUT_S = 35
"""Longer than API Gateway's 30 s, so that the answer is its own and says what was slow."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where requests go, and what they must be and bring."""

    url: str
    form: Form
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: httpx.Auth | None = None


def classify(address: Address, texts: Sequence[str]) -> list[Prediction]:
    """Classify headlines, as many requests as it takes.

    Raises:
        RequestRejectedError: it does not take them.
        ServiceError: it can't be reached, fails, or answers with something else.
    """
    predictions: list[Prediction] = []
    with httpx.Client(auth=address.auth, headers=dict(address.headers), timeout=_TIMEOUT_S) as http:
        for start in range(0, len(texts), MAX_HEADLINES):
            headlines = list(texts[start : start + MAX_HEADLINES])
            field_name = "headlines" if address.form == "api" else "inputs"
            try:
                answer = http.post(address.url, json={field_name: headlines})
            except httpx.TransportError as error:
                raise ServiceError(
                    f"nothing answers at {address.url} ({type(error).__name__})",
                    hint="newsclf status; newsclf deploy starts it again",
                ) from error
            predictions += _predictions(_checked(answer), address, len(headlines))
    return predictions


def _predictions(document: Any, address: Address, count: int) -> list[Prediction]:
    try:
        rows = (
            [row["scores"] for row in document["predictions"]]
            if address.form == "api"
            else [{entry["label"]: entry["score"] for entry in row} for row in document]
        )
        found = [Prediction(tuple(float(row[label]) for label in LABELS)) for row in rows]
    except (KeyError, TypeError, ValueError):
        found = []
    if len(found) != count:
        raise ServiceError(
            f"{address.url} does not answer as a newsclf classifier does", hint="newsclf status"
        )
    return found


def _checked(answer: httpx.Response) -> Any:
    if answer.status_code == httpx.codes.OK:
        try:
            return answer.json()
        except ValueError:
            return None
    message = f"{answer.status_code}: {answer.text[:500]}"
    if httpx.codes.is_client_error(answer.status_code):
        raise RequestRejectedError(message)
    raise ServiceError(message, hint="newsclf status; newsclf logs")
