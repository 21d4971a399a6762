"""One request before a load test, so that a wrong address or key is not tested for minutes."""

from __future__ import annotations

import asyncio
import time

import httpx

from newsclf.common.errors import RequestRejectedError, ServiceError
from newsclf.common.urls import without_secrets
from newsclf.loadtest.generator.connection import Connection, FailedRequestError
from newsclf.loadtest.generator.controller import Target
from newsclf.loadtest.generator.outcome import outcome_of
from newsclf.loadtest.store.samples import Outcome


def check(target: Target) -> None:
    """Send one request.

    Raises:
        RequestRejectedError: the credential is refused, or this is no classifier.
        ServiceError: it can't be reached, or fails.
    """
    answer = asyncio.run(_ask(target))
    outcome = outcome_of(answer, target.headlines_per_request)
    if outcome == Outcome.OK:
        return
    said = f"{without_secrets(target.url)} answered {answer.status_code}"
    if outcome == Outcome.AUTH:
        raise RequestRejectedError(
            said, hint="--header-file names a file with the header of your credential"
        )
    if outcome in (Outcome.BAD_BODY, Outcome.HTTP_3XX, Outcome.HTTP_4XX):
        raise RequestRejectedError(
            f"{said}, which is not the answer of a newsclf classifier",
            hint="the URL ends with /classify (API) or /invocations (model server)",
        )
    raise ServiceError(said, hint="newsclf status; newsclf logs")


def service_s(target: Target) -> float:
    """How long one request alone takes, as far as it is answered; raises ServiceError if not."""
    about = asyncio.run(_ask(target)).extensions
    return float(about["ended_ns"] - about["sent_ns"]) / 1e9


async def _ask(target: Target) -> httpx.Response:
    url = httpx.URL(target.url)
    tls = httpx.create_ssl_context() if url.scheme == "https" else None
    connection = Connection(url, tls=tls)
    deadline_ns = time.perf_counter_ns() + round(target.timeout_s * 1e9)
    headers = {"content-type": "application/json", **target.headers}
    request = httpx.Request("POST", url, headers=headers, content=target.bodies[0])
    if target.auth is not None:
        request = next(target.auth.auth_flow(request))
    request.extensions["deadline_ns"] = deadline_ns
    try:
        return await connection.handle_async_request(request)
    except FailedRequestError as error:
        why = error.outcome.name.lower().replace("_", " ")
        raise ServiceError(
            f"{without_secrets(target.url)}: no answer ({why})",
            hint="newsclf status shows what is up",
        ) from None
    finally:
        await connection.aclose()
