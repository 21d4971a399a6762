"""Sending one request, and the sample that records it."""

from __future__ import annotations

import asyncio
import time

import httpx

from newsclf.loadtest.generator.connection import Answer, Connection
from newsclf.loadtest.generator.messages import Target
from newsclf.loadtest.generator.outcome import outcome_of
from newsclf.loadtest.store.samples import Outcome, Sample

_now_ns = time.perf_counter_ns


class Sender:
    """Sends the requests of a target."""

    def __init__(self, target: Target, worker: int = 0) -> None:
        self._target = target
        self._worker = worker
        self._url = httpx.URL(target.url)
        self._headers = {"content-type": "application/json", **target.headers}
        self._timeout_ns = round(target.timeout_s * 1e9)
        # A signature holds the time of its request, so those are made one by one.
        self._messages = [] if target.auth else [self._message(body) for body in target.bodies]

    def connection(self, number: int = 0) -> Connection:
        """A connection to the target, not yet open."""
        return Connection(self._url, number)

    async def send(self, connection: Connection, payload: int, due_ns: int) -> Answer:
        """Send a payload on a connection that is not in use.

        Args:
            connection: Where.
            payload: Index of the body.
            due_ns: When the request was due, on time.perf_counter_ns; its time-out counts from it.
        """
        if self._messages:
            message = self._messages[payload]
        else:
            message = self._message(self._target.bodies[payload])
        return await connection.send(message, due_ns + self._timeout_ns)

    async def sample(self, connection: Connection, payload: int, due_ns: int) -> Sample:
        """Send a payload as `send` does, and record what came of it.

        Cancelled, it closes the connection and returns a sample with that outcome.
        """
        begun_ns = _now_ns()
        sample = Sample(
            due_ns,
            payload,
            Outcome.TIMEOUT,
            ended_ns=begun_ns,
            worker=self._worker,
            connection=connection.number,
        )
        if begun_ns >= due_ns + self._timeout_ns:  # while it was queued for a connection
            return sample
        try:
            answer = await self.send(connection, payload, due_ns)
        except asyncio.CancelledError:
            return sample._replace(outcome=Outcome.CANCELLED, sent_ns=begun_ns, ended_ns=_now_ns())
        sample = sample._replace(
            outcome=answer.failure,
            sent_ns=answer.sent_ns,
            first_byte_ns=answer.first_byte_ns,
            ended_ns=answer.ended_ns,
            reused=answer.reused,
        )
        if answer.response is None:
            return sample
        return sample._replace(
            outcome=outcome_of(
                answer.response, self._target.headlines_per_request, self._target.expected
            ),
            status=answer.response.status_code,
            response_bytes=len(answer.response.content),
        )

    def _message(self, body: bytes) -> bytes:
        request = httpx.Request("POST", self._url, headers=self._headers, content=body)
        if self._target.auth is not None:
            request = next(self._target.auth.auth_flow(request))
        lines = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
        lines += [b"%s: %s" % header for header in request.headers.raw]
        return b"\r\n".join(lines) + b"\r\n\r\n" + request.content
