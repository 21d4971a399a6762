"""One request, from being due to being a Sample."""

from __future__ import annotations

import asyncio
import time

import httpx

from newsclf.loadtest.generator.connection import Connection, FailedRequestError
from newsclf.loadtest.generator.messages import Order
from newsclf.loadtest.generator.outcome import outcome_of
from newsclf.loadtest.store.samples import NEVER, Outcome, Sample


class Asker:
    """Sends the requests of an order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._url = httpx.URL(order.url)
        self._requests = [self._build(body) for body in order.bodies]
        self._timeout_ns = round(order.timeout_s * 1e9)

    async def ask(
        self, connection: Connection, intended_ns: int, payload: int, t0_ns: int
    ) -> Sample:
        """Send a payload on a connection; what became of it.

        Cancelled, it closes the connection and returns a sample that says so.

        Args:
            connection: Not in use.
            intended_ns: When the request was due, since t0.
            payload: Number of its body.
            t0_ns: Zero of the samples' clock, on time.perf_counter_ns.
        """
        begun_ns = time.perf_counter_ns() - t0_ns
        deadline_ns = intended_ns + self._timeout_ns
        sample = Sample(
            intended_ns,
            payload,
            Outcome.CANCELLED,
            worker=self._order.worker,
            connection=connection.number,
        )
        if begun_ns >= deadline_ns:  # its user has gone while it waited for a connection
            return sample._replace(outcome=Outcome.TIMEOUT, ended_ns=begun_ns)
        request = self._requests[payload]
        if self._order.auth is not None:  # a signature holds the time of its request
            request = self._build(self._order.bodies[payload])
            request = next(self._order.auth.auth_flow(request))
        request.extensions["deadline_ns"] = t0_ns + deadline_ns
        try:
            answer = await connection.handle_async_request(request)
        except FailedRequestError as error:
            return sample._replace(
                outcome=error.outcome,
                sent_ns=begun_ns if error.sent_ns == NEVER else error.sent_ns - t0_ns,
                first_byte_ns=_since(t0_ns, error.first_byte_ns),
                ended_ns=time.perf_counter_ns() - t0_ns,
                reused=error.reused,
            )
        except asyncio.CancelledError:
            return sample._replace(sent_ns=begun_ns, ended_ns=time.perf_counter_ns() - t0_ns)
        about = answer.extensions
        return sample._replace(
            outcome=outcome_of(answer, self._order.headlines),
            sent_ns=_since(t0_ns, about["sent_ns"]),
            first_byte_ns=_since(t0_ns, about["first_byte_ns"]),
            ended_ns=_since(t0_ns, about["ended_ns"]),
            status=answer.status_code,
            response_bytes=len(answer.content),
            reused=about["reused"],
        )

    def _build(self, body: bytes) -> httpx.Request:
        headers = {"content-type": "application/json", **self._order.headers}
        return httpx.Request("POST", self._url, headers=headers, content=body)


def _since(t0_ns: int, moment_ns: int) -> int:
    return moment_ns if moment_ns == NEVER else moment_ns - t0_ns
