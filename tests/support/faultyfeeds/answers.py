"""Faults of servers: validators, refusals, redirects, compression, size and speed."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Iterator

from newsclf.watch.feeds.outcome import Outcome
from tests.support.faultyfeeds.fault import XML, Asked, Fault, Stage, story, told
from tests.support.feed_faults import rss
from tests.support.feedserver import Reply, redirect, reply

_CHALLENGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>"
_STRANGE_ETAG = 'W/"\xe9 not quoted,'
_STRANGE_DATE = "Sat, 31 Dec 2041 25:61:00 GMT"
_PROMISED_S = 60


def _feed(name: str, *titles: str) -> bytes:
    return rss(*(story(name, n, title) for n, title in enumerate(titles))).encode()


def _once(name: str, row: int | None, sent: Stage, *titles: str, **more: object) -> Fault:
    return Fault(name=name, row=row, stages=(sent,), headlines=told(*titles), **more)  # type: ignore[arg-type] # passed on


def _refused(name: str, row: int, sent: Reply, outcome: Outcome, title: str) -> Fault:
    """A feed that is refused, and comes back."""
    return Fault(
        name=name,
        row=row,
        stages=(sent, _feed(name, title)),
        outcomes=frozenset({outcome, Outcome.OK}),
        headlines=told(title),
    )


def _unchanged_for_ever(asked: Asked) -> Reply:
    if asked.headers.keys() & {"if-none-match", "if-modified-since"}:
        return reply(b"", status="304 Not Modified")
    return reply(
        _feed("304", "Ginger Biscuits snaps up a rival", "Ginger Biscuits crumbles"),
        ETag='"same"',
        Last_Modified=_STRANGE_DATE,
    )


def _validators(asked: Asked, etag: str, date: str | None) -> None:
    if asked.headers.get("if-none-match") != etag or asked.headers.get("if-modified-since") != date:
        asked.complain(f"does not send {etag!r} and {date!r} word for word")


_FIRST_VERSION = reply(
    _feed("validators", "Hazel Nuts cracks Asia"), ETag=_STRANGE_ETAG, Last_Modified=_STRANGE_DATE
)


def _renews_validators(asked: Asked) -> Reply:
    if "if-none-match" not in asked.headers:  # one who was killed since begins anew
        return _FIRST_VERSION
    _validators(asked, _STRANGE_ETAG, _STRANGE_DATE)
    return reply(b"", status="304 Not Modified", ETag='"second"')


def _knows_new_validators(asked: Asked) -> Reply:
    given = asked.headers.get("if-none-match")
    if given is not None and given != _STRANGE_ETAG:  # which is all that one who was killed knows
        _validators(asked, '"second"', _STRANGE_DATE)
    return reply(_feed("validators", "Hazel Nuts cracks Asia", "Hazel Nuts shells out"))


def _chain(asked: Asked) -> Reply:
    return redirect(f"{asked.folder}/1", "301 Moved Permanently")


def _to_key_thief(asked: Asked) -> Reply:
    given = base64.b64encode(b"reader:s3cret-passw0rd").decode()
    if asked.headers.get("authorization") != f"Basic {given}":
        asked.complain("lacks the password of the feed")
    return redirect(f"{asked.elsewhere}/steal?x=1")


def _gzipped(body: bytes, *, cut: int = 0) -> Reply:
    data = gzip.compress(body)
    return reply(data[: len(data) - cut], Content_Encoding="gzip", Content_Type=XML)


def _deflated(body: bytes, wbits: int) -> Reply:
    squeezer = zlib.compressobj(wbits=wbits)
    return reply(squeezer.compress(body) + squeezer.flush(), Content_Encoding="deflate")


def _claims_length(body: bytes, length: int) -> Reply:
    return reply(body, Content_Length=str(length))


def _flood(first: int, number: int) -> bytes:
    return _feed_of(range(first, first + number))


def _feed_of(numbers: range) -> bytes:
    return rss(
        *(story("flood", n, f"Ivory Coast lot {n} sold at auction {n}") for n in numbers)
    ).encode()


def _drip(body: bytes, pieces: int) -> Iterator[bytes]:
    step = -(-len(body) // pieces)
    return (body[start : start + step] for start in range(0, len(body), step))


def _slowly(_: Asked) -> Reply:
    body = _feed("slow", "Jasmine Tea brews slowly")
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return Reply([head, *_drip(body, 5)], every_s=0.01)


VALIDATORS = (
    Fault(
        name="304-for-ever",
        row=21,
        patience=True,
        stages=(
            reply(
                _feed("304", "Ginger Biscuits snaps up a rival"),
                ETag='"same"',
                Last_Modified=_STRANGE_DATE,
            ),
            _unchanged_for_ever,
        ),
        headlines=told("Ginger Biscuits snaps up a rival", "Ginger Biscuits crumbles"),
    ),
    Fault(
        name="validators-word-for-word",
        row=22,
        stages=(
            _FIRST_VERSION,
            _renews_validators,
            _knows_new_validators,
        ),
        headlines=told("Hazel Nuts cracks Asia", "Hazel Nuts shells out"),
    ),
    Fault(
        name="no-validators",
        row=23,
        stages=(
            *[reply(_feed("expires", "Iris Optics sees growth"), Expires="0")] * 3,
            reply(_feed("expires", "Iris Optics sees growth", "Iris Optics blinks"), Expires="0"),
        ),
        headlines=told("Iris Optics sees growth", "Iris Optics blinks"),
        rows=2,
    ),
)

REFUSALS = (
    _refused(
        "429-in-seconds",
        24,
        reply(b"", status="429 Too Many Requests", Retry_After=str(_PROMISED_S)),
        Outcome.QUOTA,
        "Jade Carvings breaks even",
    ),
    _refused(
        "503-with-a-date",
        24,
        reply(
            b"",
            status="503 Service Unavailable",
            Date="Thu, 26 Nov 2020 12:00:00 GMT",
            Retry_After="Thu, 26 Nov 2020 12:01:00 GMT",
        ),
        Outcome.FAILED,
        "Kelp Farms harvests early",
    ),
    _refused(
        "challenge-403",
        25,
        reply(_CHALLENGE, status="403 Forbidden", CF_Mitigated="challenge"),
        Outcome.BLOCKED,
        "Linden Honey spreads abroad",
    ),
    _refused(
        "challenge-202", 25, reply(b"", status="202 Accepted"), Outcome.BLOCKED, "Maple Syrup flows"
    ),
    _refused(
        "challenge-200",
        25,
        reply(_CHALLENGE, Content_Type="text/html"),
        Outcome.BLOCKED,
        "Nutmeg Spices heats up",
    ),
    _refused(
        "web-page",
        25,
        reply(b"<html><head><title>Markets</title></head><body>News</body></html>"),
        Outcome.BLOCKED,
        "Olive Presses runs dry",
    ),
    _once("dead-without-items", 26, reply(rss().encode()), outcomes=frozenset({Outcome.EMPTY})),
    _once("gone", 27, reply(b"", status="410 Gone"), outcomes=frozenset({Outcome.GONE})),
)

REDIRECTS = (
    Fault(
        name="moved",
        row=27,
        stages=(
            _feed("moved", "Poplar Matches strikes gold"),
            redirect("new", "301 Moved Permanently"),
        ),
        places={
            "new": _feed("moved", "Poplar Matches strikes gold", "Poplar Matches burns out"),
        },
        headlines=told("Poplar Matches strikes gold", "Poplar Matches burns out"),
        rows=2,
    ),
    _once(
        "redirects-in-a-circle",
        27,
        redirect("other"),
        places={"other": redirect("feed")},
        outcomes=frozenset({Outcome.MOVED}),
    ),
    _once(
        "redirects-too-often",
        27,
        _chain,
        places={str(n): redirect(str(n + 1)) for n in range(1, 6)},
        outcomes=frozenset({Outcome.MOVED}),
    ),
    _once(
        "redirects-nowhere", 27, reply(b"", status="302 Found"), outcomes=frozenset({Outcome.MOVED})
    ),
    _once(
        "redirects-to-metadata",
        None,
        redirect("http://169.254.169.254/latest/meta-data/"),
        outcomes=frozenset({Outcome.MOVED}),
    ),
    _once(
        "redirects-to-a-file",
        None,
        lambda asked: redirect(asked.file),
        outcomes=frozenset({Outcome.MOVED}),
    ),
    _once(
        "redirects-elsewhere-with-a-password",
        None,
        _to_key_thief,
        user="reader:s3cret-passw0rd",
        outcomes=frozenset({Outcome.EMPTY}),
    ),
)

_CUT = _feed("cut-gzip", "Quince Jam sets", "Quince Jam sticks " + " ".join(map(str, range(2000))))

COMPRESSION = (
    _once(
        "deflate-with-header",
        28,
        _deflated(_feed("zlib", "Reed Organs pumps up profit"), zlib.MAX_WBITS),
        "Reed Organs pumps up profit",
    ),
    _once(
        "deflate-without-header",
        28,
        _deflated(_feed("raw", "Sorrel Salads wilts in heat"), -zlib.MAX_WBITS),
        "Sorrel Salads wilts in heat",
    ),
    _once(
        "gzip-without-checksum",
        28,
        _gzipped(_feed("crc", "Teasel Brushes sweeps the board"), cut=8),
        "Teasel Brushes sweeps the board",
    ),
    _once(
        "gzip-cut-short", 28, _gzipped(_CUT, cut=2000), outcomes=frozenset({Outcome.UNREACHABLE})
    ),
    _once(
        "brotli-unasked",
        28,
        reply(b"\x0b\x02\x80", Content_Encoding="br"),
        outcomes=frozenset({Outcome.MALFORMED}),
    ),
    _once(
        "called-gzip-and-is-not",
        28,
        reply(_feed("plain", "Vetch Seeds takes root"), Content_Encoding="gzip"),
        "Vetch Seeds takes root",
    ),
)

_SHORT = _feed("short", "Yew Bows misses the target", "Yew Bows aims higher")

SIZES = (
    Fault(
        name="flood",
        row=29,
        stages=(_flood(0, 600), _flood(600, 600)),
        headlines=told(*(f"Ivory Coast lot {n} sold at auction {n}" for n in range(1200))),
        rows=1200,
    ),
    _once("slow", None, _slowly, "Jasmine Tea brews slowly"),
    _once(
        "length-too-long",
        None,
        _claims_length(_feed("long", "Walnut Desks clears the table"), 99_999),
        "Walnut Desks clears the table",
    ),
    _once(
        "length-too-short",
        None,
        _claims_length(_SHORT, _SHORT.index(b"</item>") + 20),
        "Yew Bows misses the target",
        outcomes=frozenset({Outcome.REPAIRED}),
    ),
    _once(
        "no-length",
        None,
        Reply([b"HTTP/1.0 200 OK\r\n\r\n", _feed("none", "Zinnia Seeds blooms late")]),
        "Zinnia Seeds blooms late",
    ),
)
