"""Hostile sources: bombs, entities, depth, floods of headers, endless and silent answers."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator

from newsclf.watch.feeds.outcome import Outcome
from tests.support.faultyfeeds.fault import XML, Asked, Fault, Stage, item, told
from tests.support.feed_faults import rss
from tests.support.feedserver import Reply, reply

_HEAD = b"HTTP/1.1 200 OK\r\n"
_BOMB = "".join(
    f'<!ENTITY {one} "{f"&{other};" * 10}">' for other, one in itertools.pairwise("abcdefghijk")
)
_ATTRIBUTES = " ".join(f'a{n}="{n}"' for n in range(50_000))
_NAME = f"{'a' * 500_000}@example.com"
_GML = 'xmlns:gml="http://www.opengis.net/gml"'
_NOT_READ = frozenset({Outcome.HOSTILE})
_UNREACHABLE = frozenset({Outcome.UNREACHABLE})
_TOO_LARGE = frozenset({Outcome.TOO_LARGE})


def _declares(declarations: str, title: str) -> str:
    prolog = f'<?xml version="1.0"?><!DOCTYPE rss [{declarations}]>'
    return rss(item(title, guid="1"), prolog=prolog)


def _external(kind: str, *, of_a_file: bool = False) -> Stage:
    def answer(asked: Asked) -> Reply:
        address = asked.file if of_a_file else f"{asked.elsewhere}/entity"
        declared = f'<!ENTITY {kind} SYSTEM "{address}">'
        use = "%x;" if kind.startswith("%") else ""
        return reply(_declares(declared + use, "Alder &x; bridges").encode(), Content_Type=XML)

    return answer


def _external_dtd(asked: Asked) -> Reply:
    prolog = f'<?xml version="1.0"?><!DOCTYPE rss SYSTEM "{asked.elsewhere}/rss.dtd">'
    prolog += f'<?xml-stylesheet type="text/xsl" href="{asked.elsewhere}/style.xsl"?>'
    body = rss(
        item("Bramble Fences holds the line", guid="1", link=f"{asked.elsewhere}/article"),
        f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{asked.file}"'
        ' parse="text"/><title>Bramble Fences includes nothing</title>',
        prolog=prolog,
    )
    return reply(body.encode(), Content_Type=XML)


def _gzip_bomb(_: Asked) -> Reply:
    one = gzip.compress(bytes(10_000_000), 9)
    return reply(one * 30, Content_Encoding="gzip", Content_Type=XML)


def _endless(_: Asked) -> Reply:
    def pieces() -> Iterator[bytes]:
        yield _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
        chunk = b"10000\r\n" + b"<item>" * 10_922 + b"    " + b"\r\n"
        yield from itertools.repeat(chunk)

    return Reply(pieces())


def _headers_for_ever(_: Asked) -> Reply:
    lines = (f"X-Flood-{n}: {'x' * 900}\r\n".encode() for n in itertools.count())
    return Reply(itertools.chain([_HEAD], lines))


def _interim_for_ever(_: Asked) -> Reply:
    return Reply(itertools.repeat(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 50))


def _drips_for_ever(_: Asked) -> Reply:
    return Reply(itertools.chain([_HEAD + b"\r\n"], itertools.repeat(b" ")), every_s=0.01)


def _once(name: str, stage: Stage, outcomes: frozenset[Outcome], row: int | None = None) -> Fault:
    return Fault(name=name, row=row, stages=(stage,), outcomes=outcomes)


HOSTILE = (
    _once("xml-bomb", _declares(f'<!ENTITY a "profit">{_BOMB}', "&k;"), _NOT_READ, 30),
    _once(
        "xml-bomb-in-utf-16",
        _declares(f'<!ENTITY a "profit">{_BOMB}', "&k;").encode("utf-16"),
        _NOT_READ,
        30,
    ),
    _once(
        "xml-bomb-in-ebcdic",
        _declares(f'<!ENTITY a "profit">{_BOMB}', "&k;").encode("cp037"),
        frozenset({Outcome.MALFORMED}),
        30,
    ),
    _once("file-as-an-entity", _external("x", of_a_file=True), _NOT_READ, 30),
    _once("address-as-an-entity", _external("x"), _NOT_READ, 30),
    _once("address-as-a-parameter-entity", _external("% x"), _NOT_READ, 30),
    Fault(
        name="declarations-elsewhere",
        row=30,
        stages=(_external_dtd,),
        headlines=told("Bramble Fences holds the line", "Bramble Fences includes nothing"),
    ),
    Fault(
        name="deep",
        stages=(
            rss(
                item("Clover Fields lies deep", guid="1", more="<a>" * 20_000 + "</a>" * 20_000),
                item("Clover Fields lies flat", guid="2"),
            ),
        ),
        headlines=told("Clover Fields lies deep", "Clover Fields lies flat"),
    ),
    Fault(
        name="costly",
        stages=(
            rss(
                item("Daisy Chains has attributes", guid="1", more=f"<a {_ATTRIBUTES}/>"),
                item("Daisy Chains has an author", guid="2", more=f"<author>{_NAME}</author>"),
                item("Daisy Chains has a place", guid="3", more=f"<gml:pos {_GML}>1 2</gml:pos>"),
            ),
        ),
        outcomes=frozenset({Outcome.REPAIRED}),
        headlines=told(
            "Daisy Chains has attributes", "Daisy Chains has an author", "Daisy Chains has a place"
        ),
    ),
    _once("millions-of-tags", rss("<a>" * 1_000_000), _TOO_LARGE),
    _once("deep-json", '{"items": ' + "[" * 200_000, frozenset({Outcome.MALFORMED})),
    _once(
        "json-of-one-number", '{"items": [' + "9" * 20_000 + "]}", frozenset({Outcome.MALFORMED})
    ),
    _once("gzip-bomb", _gzip_bomb, _TOO_LARGE, 29),
    _once("endless", _endless, _TOO_LARGE, 29),
    _once("headers-for-ever", _headers_for_ever, _UNREACHABLE),
    _once("interim-answers-for-ever", _interim_for_ever, _TOO_LARGE),
    Fault(name="drips-for-ever", stages=(_drips_for_ever,), outcomes=_UNREACHABLE, ends=False),
    Fault(name="silent", stages=(Reply([], hang=True),), outcomes=_UNREACHABLE, ends=False),
    Fault(
        name="silent-after-half",
        stages=(Reply([_HEAD + b"Content-Length: 900\r\n\r\n<rss>"], hang=True),),
        outcomes=_UNREACHABLE,
        ends=False,
    ),
    _once("hangs-up", Reply([]), _UNREACHABLE),
    _once("no-http", Reply([b"220 mail.example.com ESMTP\r\n"]), _UNREACHABLE),
)
