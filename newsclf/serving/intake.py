"""How the model server and the gateway take requests in.

Nothing that a client sends fills their logs, keeps them waiting for ever, or grows on the way in.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from newsclf.core.contract import ContractError

BODY_WITHIN_S = 30
"""What a client has to send a body; API Gateway gives it 30 s for the whole request."""

_LINGER_S = 1.0
"""How long the rest of a refused body is read and dropped, so that its client sees the answer."""


class _OwnFaultsOnly(logging.Filter):
    """Drops what aiohttp says of requests that are no HTTP: a traceback each, with their bytes."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError | RequestPayloadError | ConnectionError)


_log = logging.getLogger(__name__)
_log.addFilter(_OwnFaultsOnly())


def make_runner(app: web.Application, *, shutdown_timeout_s: float) -> web.AppRunner:
    """What serves an application; bodies are not decompressed, as in AWS."""
    return web.AppRunner(
        app, access_log=None, logger=_log, auto_decompress=False,
        lingering_time=_LINGER_S, shutdown_timeout=shutdown_timeout_s,
    )  # fmt: skip


async def read_body(request: web.Request) -> bytes:
    """Read the body of a request.

    Raises:
        ContractError: it is cut off, or its chunks are malformed.
        HTTPRequestEntityTooLarge: it is larger than the application's limit.
        HTTPRequestTimeout: it did not come within BODY_WITHIN_S.
    """
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            return await request.read()
    except RequestPayloadError:
        raise ContractError("the body is cut off or malformed") from None
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
