"""One request before a load test, so that a wrong address or key is reported at once."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx

from newsclf.common.errors import RequestRejectedError, ServiceError
from newsclf.common.urls import without_secrets
from newsclf.common.visible import visible
from newsclf.loadtest.generator.messages import Target
from newsclf.loadtest.generator.outcome import outcome_of
from newsclf.loadtest.generator.sender import Sender
from newsclf.loadtest.store.samples import Outcome

_SHOWN_CHARACTERS = 200


def check(target: Target) -> None:
    """Send one request.

    Raises:
        RequestRejectedError: the credential is refused, or this is no classifier.
        ServiceError: it can't be reached, or fails.
    """
    response, _ = _sent(target)
    outcome = outcome_of(response, target.headlines_per_request, target.expected)
    if outcome == Outcome.OK:
        return
    said = f"{without_secrets(target.url)} answered {response.status_code}"
    if outcome == Outcome.AUTH:
        raise RequestRejectedError(
            said, hint="--header-file names a file with the header of your credential"
        )
    if outcome in (Outcome.BAD_BODY, Outcome.HTTP_3XX, Outcome.HTTP_4XX):
        if target.expected.kind != "newsclf":
            raise RequestRejectedError(
                f"{said}, without what --expect {target.expected} wants: {_beginning(response)}",
                hint="--body is the request, @FILE one that is in a file",
            )
        raise RequestRejectedError(
            f"{said}, which is not the answer of a newsclf classifier",
            hint="the URL ends with /classify (API) or /invocations (model server);"
            " of another API, --body and --expect describe requests and answers",
        )
    raise ServiceError(said, hint="newsclf status; newsclf logs")


def service_s(target: Target) -> float:
    """Measure the service time of one request alone; ServiceError if it is not answered."""
    return _sent(target)[1]


def _beginning(response: httpx.Response) -> str:
    """The first characters of an answer, for people."""
    return visible(response.text[:_SHOWN_CHARACTERS]) or "an empty answer"


def _sent(target: Target) -> tuple[httpx.Response, float]:
    """The answer to one request, and its service time in seconds.

    A notebook has an event loop of its own running in its thread, so this one gets another thread.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _send_one(target)).result()


async def _send_one(target: Target) -> tuple[httpx.Response, float]:
    """The response, and the seconds that it took."""
    sender = Sender(replace(target, bodies=target.bodies[:1]))
    connection = sender.connection()
    answer = await sender.send(connection, payload=0, due_ns=time.perf_counter_ns())
    connection.close()
    if answer.response is None:
        raise ServiceError(
            f"{without_secrets(target.url)}: no answer ({answer.failure.words})",
            hint="newsclf status shows what is up",
        )
    return answer.response, (answer.ended_ns - answer.sent_ns) / 1e9
