"""Refused requests, and the answers to them: JSON that quotes nothing of the request."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

RETRY_AFTER_S = 1
"""Retry-After of every 503 and 429."""


@dataclass(eq=False)
class RefusedError(Exception):
    """A request is refused."""

    status: int
    code: str
    message: str


def error_response(error: RefusedError, **more: object) -> web.Response:
    """Answer a refused request; 429 and 503 say when to try again.

    Args:
        error: Why it is refused.
        more: Further members of the document.
    """
    document = {"error": {"code": error.code, "message": error.message}, **more}
    again = {"Retry-After": str(RETRY_AFTER_S)} if error.status in (429, 503) else None
    return web.json_response(document, status=error.status, headers=again)
