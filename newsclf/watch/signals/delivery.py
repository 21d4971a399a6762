"""Deliver alerts: as text for a terminal, to a webhook, or to a command.

A failed delivery delays nothing: `Outbox` runs each channel by itself and records what became of
each alert. The receiver of a webhook checks `Newsclf-Signature: v1=HEX`, the HMAC-SHA256 of
`TIMESTAMP.BODY` under the shared secret, where TIMESTAMP is the header `Newsclf-Timestamp`, in
seconds since 1970. It refuses timestamps that are minutes old, and an `Idempotency-Key` that it has
seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import urlsplit

from newsclf import __version__
from newsclf.common.errors import ConfigError, reason_of
from newsclf.common.files import read_regular
from newsclf.common.records import StrictRecord
from newsclf.common.urls import is_loopback
from newsclf.common.visible import visible
from newsclf.watch.signals.alerts import Alert

if TYPE_CHECKING:
    import httpx

_ATTEMPTS = 5
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
_ATTEMPT_LIMIT_S = 10.0
_TRY_AGAIN = frozenset((408, 425, 429, 500, 502, 503, 504))
_COMMAND_LIMIT_S = 30.0
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What a command gets of the environment: no API key of a source is among them."""
_LONGEST_SECRET_BYTES = 4096
_SHOWN_BYTES = 300
_LONGEST_QUEUE = 1000


class Delivery(StrictRecord):
    """What became of sending an alert to a channel."""

    alert: str
    """Its id."""
    channel: str
    delivered: bool
    attempts: int
    problem: str | None = None
    """Why the last attempt failed, without address, key or what the receiver wrote."""


class Channel(Protocol):
    """Where alerts go."""

    name: str

    async def deliver(self, alert: Alert) -> Delivery:
        """Send an alert and say what became of it."""


def alert_line(alert: Alert) -> str:
    """An alert on one line, safe for a terminal, with the headline that moved it most."""
    about = "all headlines" if alert.entity is None else alert.entity
    found = alert.signal
    score = "no news" if found.score is None else f"{found.score:+.2f}"
    moved = f": {alert.evidence[0].title}" if alert.evidence else ""
    return visible(
        f"{alert.at:%Y-%m-%d %H:%M:%S} UTC {alert.direction} alert {alert.kind} on {about}, "
        f"{score} ({found.events} events, {found.sources} sources){moved}"
    )


def alert_body(alert: Alert) -> bytes:
    """An alert as it is sent: JSON, of the published schema."""
    return alert.model_dump_json().encode()


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """The value of `Newsclf-Signature`."""
    digest = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256)
    return f"v1={digest.hexdigest()}"


def read_secret(
    environ: Mapping[str, str], *, variable: str | None = None, file: Path | None = None
) -> bytes:
    """The secret that signs webhooks, from an environment variable or a file.

    Raises:
        ConfigError: It is missing or empty, or the file can't be read.
    """
    if variable is not None:
        secret = environ.get(variable, "").strip().encode()
        where, hint = f"the environment variable {variable}", f"set {variable}"
    elif file is not None:
        where, hint = f"{file}", "write the secret to it"
        try:
            secret = read_regular(file, at_most_bytes=_LONGEST_SECRET_BYTES, follow=True).strip()
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read ({reason_of(error)})", hint=hint) from error
    else:
        raise ConfigError(
            "a webhook needs a secret to sign with", hint="name a variable or a file that holds it"
        )
    if not secret:
        raise ConfigError(f"the webhook's secret is missing: {where} is empty", hint=hint)
    return secret


def check_webhook_url(url: str, *, allow_private: bool) -> None:
    """Raise ConfigError unless a URL is one that alerts may be sent to.

    That is https; http to this machine, or anywhere with `allow_private`.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if not host or parts.scheme not in ("http", "https"):
        raise ConfigError("the webhook's address is no URL", hint="write https://HOST/PATH")
    if parts.scheme == "http" and not (allow_private or is_loopback(host)):
        raise ConfigError(
            f"the webhook at {host} would get alerts without encryption",
            hint="write https://, or allow private addresses if it is in your own network",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """POSTs alerts to a URL, signed, again after a while where that may help."""

    name: str
    url: str
    secret: bytes
    client: httpx.AsyncClient
    """Its transport checks addresses; redirects are not followed, whatever it is set to."""
    now_s: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
    """Random number from 0 to 1."""

    def __repr__(self) -> str:
        """Without the address, which is often a secret by itself, and the secret."""
        return f"Webhook({self.name!r})"

    async def deliver(self, alert: Alert) -> Delivery:
        """Send an alert, in at most five attempts of at most ten seconds each."""
        body = alert_body(alert)
        attempt = 0
        while True:
            attempt += 1
            problem, wait_s = await self._attempt(alert.id, body, attempt)
            if problem is None or wait_s is None or attempt == _ATTEMPTS:
                return Delivery(
                    alert=alert.id,
                    channel=self.name,
                    delivered=problem is None,
                    attempts=attempt,
                    problem=problem,
                )
            await self.sleep(wait_s)

    async def _attempt(
        self, key: str, body: bytes, attempt: int
    ) -> tuple[str | None, float | None]:
        """Send once.

        Returns:
            The problem, if any, and after how many seconds to try again; None: not at all.
        """
        import httpx

        timestamp = str(int(self.now_s()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"newsclf/{__version__}",
            "Idempotency-Key": key,
            "Newsclf-Timestamp": timestamp,
            "Newsclf-Signature": signature(self.secret, timestamp, body),
        }
        back_off_s = self.jitter() * min(_FIRST_WAIT_S * 2**attempt, _LONGEST_WAIT_S)
        try:
            async with (
                asyncio.timeout(_ATTEMPT_LIMIT_S),
                self.client.stream(
                    "POST", self.url, content=body, headers=headers, follow_redirects=False
                ) as response,
            ):
                status = response.status_code
                asked = response.headers.get("Retry-After", "")
        except TimeoutError:
            return f"no answer within {_ATTEMPT_LIMIT_S:g} s", back_off_s
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # Its text may hold the address.
            return f"the connection failed ({type(error).__name__})", back_off_s
        if 200 <= status < 300:  # noqa: PLR2004 - success, in HTTP
            return None, None
        if status not in _TRY_AGAIN:
            return f"it answered {status}", None
        asked_s = float(asked) if asked.isascii() and asked.isdigit() else 0.0
        return f"it answered {status}", max(back_off_s, min(asked_s, _LONGEST_WAIT_S))


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Runs a command for each alert, which it gets as JSON on standard input."""

    name: str
    arguments: Sequence[str]
    """The program and its arguments; no shell reads them."""
    environ: Mapping[str, str]
    limit_s: float = _COMMAND_LIMIT_S

    async def deliver(self, alert: Alert) -> Delivery:
        """Run the command; after its time limit it is killed with all that it started."""
        problem = await self._problem(alert)
        return Delivery(
            alert=alert.id,
            channel=self.name,
            delivered=problem is None,
            attempts=1,
            problem=problem,
        )

    async def _problem(self, alert: Alert) -> str | None:
        kept = {name: self.environ[name] for name in _KEPT_VARIABLES if name in self.environ}
        try:
            process = await asyncio.create_subprocess_exec(
                *self.arguments,
                stdin=PIPE,
                stdout=DEVNULL,
                stderr=PIPE,
                env=kept | {"NEWSCLF_ALERT_ID": alert.id},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return f"it could not be started ({reason_of(error)})"
        try:
            async with asyncio.timeout(self.limit_s):
                _, said = await asyncio.gather(_feed(process, alert_body(alert)), _end_of(process))
                code = await process.wait()
        except TimeoutError:
            await _kill(process)
            return f"it took longer than {self.limit_s:g} s and was killed"
        except asyncio.CancelledError:
            await _kill(process)
            raise
        if code == 0:
            return None
        return f"it ended with {code}" + (f": {said}" if said else "")


class Outbox:
    """Queues of alerts, one for each channel, so that a slow channel delays no other.

    Use it as an asynchronous context manager; leaving it gives up what is still queued, on record.
    """

    def __init__(self, channels: Sequence[Channel], record: Callable[[Delivery], None]) -> None:
        """Take the channels, and what is called with what became of each alert."""
        self._channels = channels
        self._record = record
        self._queues: dict[str, asyncio.Queue[Alert]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Begin to deliver."""
        for channel in self._channels:
            queue = self._queues[channel.name] = asyncio.Queue(_LONGEST_QUEUE)
            self._tasks.append(asyncio.create_task(self._deliver_all(channel, queue)))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for name, queue in self._queues.items():
            while not queue.empty():
                self._fail(queue.get_nowait(), name, "the watch ended before its turn")

    def send(self, alert: Alert) -> None:
        """Queue an alert for each channel; returns at once."""
        for name, queue in self._queues.items():
            try:
                queue.put_nowait(alert)
            except asyncio.QueueFull:
                self._fail(alert, name, f"{_LONGEST_QUEUE} others are waiting")

    async def settle_of(self, channel: str) -> None:
        """Wait until everything queued so far for a channel was delivered or given up."""
        await self._queues[channel].join()

    async def _deliver_all(self, channel: Channel, queue: asyncio.Queue[Alert]) -> None:
        while True:
            alert = await queue.get()
            try:
                self._record(await channel.deliver(alert))
            except asyncio.CancelledError:
                self._fail(alert, channel.name, "the watch ended while it was sent")
                raise
            except Exception as error:  # noqa: BLE001 - one alert must not stop those behind it
                self._fail(alert, channel.name, f"an unexpected {type(error).__name__}")
            finally:
                queue.task_done()

    def _fail(self, alert: Alert, channel: str, problem: str) -> None:
        self._record(
            Delivery(alert=alert.id, channel=channel, delivered=False, attempts=0, problem=problem)
        )


async def _feed(process: Process, body: bytes) -> None:
    """Write an alert to a command, which may end without reading it."""
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(body)
            await process.stdin.drain()
        process.stdin.close()


async def _end_of(process: Process) -> str:
    """The last line that a command writes to standard error, which may be endless."""
    end = b""
    if process.stderr is not None:
        while chunk := await process.stderr.read(1 << 16):
            end = (end + chunk)[-_SHOWN_BYTES:]
    lines = end.decode(errors="replace").strip().splitlines()
    return visible(lines[-1]) if lines else ""


async def _kill(process: Process) -> None:
    """Kill a command and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
