"""Responses and errors of AWS, in the form of each service."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from tests.support.fakeaws.requests import Call

_XML = {"s3", "iam", "sts"}


class RefusedError(Exception):
    """AWS refuses a call."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        """A JSON body, read."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    def with_document(self, document: dict[str, Any]) -> Answer:
        """The same with another JSON body."""
        kept = {k: v for k, v in self.headers.items() if k.lower() != "content-length"}
        return Answer(self.status, json.dumps(document).encode(), kept)


def ok(document: dict[str, Any], status: int = 200) -> Answer:
    """A JSON service's answer."""
    return Answer(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


def refusal(call: Call, error: RefusedError) -> Answer:
    """An error in the form of the service that was called."""
    if call.service in _XML:
        code, message = escape(error.code), escape(error.message)
        inner = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        if call.service != "s3":
            inner = f"<ErrorResponse>{inner}<RequestId>0</RequestId></ErrorResponse>"
        return Answer(error.status, inner.encode(), {"Content-Type": "text/xml"})
    document = {"__type": error.code, "message": error.message, "Message": error.message}
    headers = {"Content-Type": "application/json", "x-amzn-errortype": error.code}
    return Answer(error.status, json.dumps(document).encode(), headers)
