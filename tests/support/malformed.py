"""Malformed requests, generated from a seed, and a client that sends them raw."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

_TIMEOUT_S = 40
"""No answer within this is a hang; what the server itself waits for is shorter."""
_IN_FLIGHT = 16


class Malformed(NamedTuple):
    """Bytes of a request, and the answers that are allowed."""

    kind: str
    raw: bytes
    statuses: frozenset[int]
    """What it may be answered with; 0 stands for a connection that is closed without an answer."""
    abandon: bool = False
    """Whether the client goes away when it has sent this."""


class Endpoint(NamedTuple):
    """Path and form of requests with headlines."""

    path: str
    field: str
    """Of the body, that takes one headline."""
    field_of_many: str

    def good(self) -> bytes:
        """A request that must be answered with 200."""
        return self.post(json.dumps({self.field: "Profit rose"}).encode())

    def post(self, body: bytes, *headers: bytes, line: bytes = b"") -> bytes:
        """A request with this body and these headers more."""
        line = line or b"POST " + self.path.encode() + b" HTTP/1.1"
        length = b"Content-Length: %d" % len(body)
        lines = [line, b"Host: 127.0.0.1", b"Content-Type: application/json", length, *headers]
        return b"\r\n".join([*lines, b"", body])


def large(endpoint: Endpoint) -> list[Malformed]:
    """Large malformed requests; a few, since each takes long."""
    many = json.dumps({endpoint.field_of_many: ["a"] * 513}).encode()
    long = json.dumps({endpoint.field: "long " * 20_000}).encode()
    bomb = endpoint.post(gzip.compress(b" " * 100_000_000), b"Content-Encoding: gzip")
    nested = b'{"%s": ' % endpoint.field.encode() + b"[" * 100_000
    return [
        Malformed("7 MB", endpoint.post(b" " * 7_000_000), frozenset({0, 413})),
        Malformed("513 headlines", endpoint.post(many), frozenset({400})),
        Malformed("100,000 characters", endpoint.post(long), frozenset({200})),
        Malformed("100 MB in 100 kB", bomb, frozenset({400})),
        Malformed("deep nesting", endpoint.post(nested), frozenset({400})),
        Malformed(
            "a header of 100 kB",
            endpoint.post(b"", b"X-Long: " + b"a" * 100_000),
            frozenset({0, 400}),
        ),
        Malformed("10,000 headers", endpoint.post(b"", *[b"X-A: b"] * 10_000), frozenset({0, 400})),
    ]


def small(endpoint: Endpoint, seed: int) -> Iterator[Malformed]:
    """Endless malformed requests of every kind in turn, reproducible by seed."""
    rng = random.Random(seed)  # noqa: S311 - nothing is secret
    makers: list[Callable[[Endpoint, random.Random], Malformed]] = [
        _wrong_json,
        _wrong_value,
        _odd_headline,
        _wrong_type_or_coding,
        _wrong_line,
        _wrong_length,
        _wrong_chunks,
        _cut_off,
        _garbage,
        _flipped,
        _of_a_page,
    ]
    while True:
        for make in makers:
            yield make(endpoint, rng)


def _wrong_json(endpoint: Endpoint, rng: random.Random) -> Malformed:
    good = json.dumps({endpoint.field: "Profit rose"}).encode()
    name = endpoint.field.encode()
    body = rng.choice(
        [
            b"",
            b"{",
            b"nul",
            b"[" * rng.randrange(1, 3000),
            good[: rng.randrange(len(good))],
            good + b"}",
            b"\xef\xbb\xbf" + good,
            good.decode().encode("utf-16"),
            b"\xff\xfe" + good,
            b'{"%s": NaN}' % name,
            b'{"%s": -Infinity}' % name,
            b'{"%s": "\xc3"}' % name,
            b'{"%s": "\\ud800"}' % name,
            b'{"%s": 1%s}' % (name, b"0" * 5000),
            b'{"%s": "a\x01"}' % name,
            rng.randbytes(rng.randrange(200)),
        ]
    )
    return Malformed("wrong JSON", endpoint.post(body), frozenset({400}))


def _wrong_value(endpoint: Endpoint, rng: random.Random) -> Malformed:
    one, many = endpoint.field, endpoint.field_of_many
    wrong: object = rng.choice(
        [None, True, 0, -1.5, 10**30, {}, {"a": []}, [[]], "", " \t\n", "\u2003"]
    )
    bodies: list[object] = [
        {one: wrong},
        {many: [wrong]},
        {many: ["a", wrong]},
        {many: []},
        {one.upper(): "a"},
        {},
        [],
        wrong,
        "a",
        [{one: "a"}],
    ]
    body = json.dumps(rng.choice(bodies)).encode()
    return Malformed("wrong value", endpoint.post(body), frozenset({400}))


def _odd_headline(endpoint: Endpoint, rng: random.Random) -> Malformed:
    headline = rng.choice(
        ["\0", "a\0b", "\u202e\u0000", "🙂" * 50, "\x7f\x1b[31m", "\ufeff", "ﷺ" * 20]
    )
    body = json.dumps({endpoint.field: headline}, ensure_ascii=rng.random() < 0.5).encode()
    return Malformed("odd headline", endpoint.post(body), frozenset({200}))


def _wrong_type_or_coding(endpoint: Endpoint, rng: random.Random) -> Malformed:
    good = endpoint.good()
    new = rng.choice(
        [
            b"Content-Type: text/csv",
            b"Content-Type: ;;=",
            b"Content-Type: \xff/\xfe",
            b"Content-Type: application/json; charset=utf-16",
            b"Content-Type: ",
            b"Content-Type: application/json\r\nContent-Encoding: gzip",
            b"Content-Type: application/json\r\nContent-Encoding: br",
            b"Content-Type: application/json\r\nContent-Encoding: deflate",
            b"Content-Type: application/json\r\nContent-Encoding: x-unknown",
        ]
    )
    raw = good.replace(b"Content-Type: application/json", new)
    return Malformed("wrong type or coding", raw, frozenset({0, 200, 400, 415}))


def _wrong_line(endpoint: Endpoint, rng: random.Random) -> Malformed:
    path = endpoint.path.encode()
    line = rng.choice(
        [
            b"GET " + path,
            b"PUT " + path,
            b"DELETE " + path,
            b"BREW " + path,
            b"HEAD " + path,
            b"POST /nothing",
            b"POST /%00",
            b"POST /%ff%fe",
            b"POST /../../etc/passwd",
            b"POST *",
            b"POST //" + path,
            b"POST " + path + b"/%2e%2e",
            b"POST /" + b"a" * 5000,
            b"POST " + path + b"?" + b"a=%zz&" * 50,
            b"POST http://[",
            b"CONNECT x:1",
            b"post " + path,
        ]
    )
    version = rng.choice([b" HTTP/1.1", b" HTTP/1.0", b" HTTP/9.9", b"", b" SMTP/1"])
    raw = endpoint.post(b'{"a": 1}', line=line + version)
    return Malformed("wrong line", raw, frozenset({0, 400, 404, 405, 415}))


def _wrong_length(endpoint: Endpoint, rng: random.Random) -> Malformed:
    header = rng.choice(
        [
            b"Content-Length: -1",
            b"Content-Length: ten",
            b"Content-Length: 1e3",
            b"Content-Length: 99999999999999999999",
            b"Content-Length: 5\r\nContent-Length: 6",
            b"Content-Length: 5\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: unknown",
            b"Content-Length : 5",
            b"NoColon",
            b": empty",
            b"A\0: b",
            b"A: b\0c",
            b" folded: x",
        ]
    )
    raw = endpoint.good()
    start = raw.index(b"Content-Length")
    raw = raw[:start] + header + raw[raw.index(b"\r\n", start) :]
    return Malformed("wrong length", raw, frozenset({0, 400, 413}), abandon=rng.random() < 0.5)


def _wrong_chunks(endpoint: Endpoint, rng: random.Random) -> Malformed:
    good = json.dumps({endpoint.field: "Profit rose"}).encode()
    head = endpoint.post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    size = b"%x\r\n" % len(good)
    body, statuses = rng.choice(
        [
            (size + good + b"\r\n0\r\n\r\n", {200}),
            (size + good + b"0\r\n\r\n", {400}),
            (b"zz\r\n" + good + b"\r\n0\r\n\r\n", {400}),
            (b"-5\r\n" + good, {400}),
            (b"fffffffffffffffff\r\n" + good, {0, 400, 413}),
            (b"5" * 100 + b"\r\n", {0, 400, 413}),
            (size + good + b"\r\n0\r\nTrailer: x\r\n\r\n", {0, 200, 400}),
        ]
    )
    return Malformed("wrong chunks", head + body, frozenset(statuses), abandon=0 in statuses)


def _cut_off(endpoint: Endpoint, rng: random.Random) -> Malformed:
    good = endpoint.good()
    return Malformed("cut off", good[: rng.randrange(1, len(good))], frozenset(), abandon=True)


def _garbage(_: Endpoint, rng: random.Random) -> Malformed:
    raw = rng.choice(
        [
            rng.randbytes(rng.randrange(1, 400)),
            b"\x16\x03\x01\x02\x00\x01\x00",
            b"\r\n" * 50 + b"x",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"SSH-2.0-x\r\n",
            b"GET\r\n\r\n",
            b"\0" * 100,
        ]
    )
    return Malformed("no HTTP", raw + b"\r\n\r\n", frozenset({0, 400, 404, 405}))


def _flipped(endpoint: Endpoint, rng: random.Random) -> Malformed:
    raw = bytearray(endpoint.good())
    # Not where it says how long it is: then the server would rightly wait for more.
    places = [*range(raw.index(b"Content-Length: ")), *range(raw.index(b"{"), len(raw))]
    for _ in range(rng.randrange(1, 4)):
        raw[rng.choice(places)] = rng.randrange(256)
    return Malformed("flipped bytes", bytes(raw), frozenset({0, 200, 400, 403, 404, 405, 415}))


def _of_a_page(endpoint: Endpoint, rng: random.Random) -> Malformed:
    good = endpoint.good()
    host = b"Host: 127.0.0.1\r\n"
    new = rng.choice(
        [
            b"Host: rebound.example\r\n",
            b"Host: 127.0.0.1.rebound.example:80\r\n",
            host + b"Origin: https://a.example\r\n",
            host + b"Origin: null\r\n",
            host + b"Sec-Fetch-Site: cross-site\r\n",
            host + b"Sec-Fetch-Site: same-site\r\n",
        ]
    )
    return Malformed("of a web page", good.replace(host, new), frozenset({403}))


async def send_all(port: int, requests: list[Malformed]) -> Counter[tuple[str, int]]:
    """Send requests, each on a connection of its own; returns how often each kind got a status.

    Raises:
        AssertionError: one got another status than it may.
        TimeoutError: one hung.
    """
    seen: Counter[tuple[str, int]] = Counter()
    waiting = iter(requests)

    async def client() -> None:
        for request in waiting:
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    status = await _send(port, request)
            except TimeoutError:
                raise TimeoutError(f"{request.kind}: {request.raw[:500]!r}") from None
            if not (request.abandon and status == 0):
                assert status in request.statuses, (status, request.kind, request.raw[:500])
            seen[request.kind, status] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(_IN_FLIGHT):
            group.create_task(client())
    return seen


async def _send(port: int, request: Malformed) -> int:
    """The status of the answer; 0 if there was none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request.raw)
        if request.abandon:
            if len(request.raw) % 2:  # half of them with a reset, the others with an orderly end
                reset = struct.pack("ii", 1, 0)
                raw_socket = writer.get_extra_info("socket")
                raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                return 0
            writer.write_eof()
        line = await reader.readline()
    except (ConnectionError, asyncio.IncompleteReadError):
        return 0
    finally:
        writer.close()
    return int(line.split()[1]) if line.startswith(b"HTTP/1.") else 0
