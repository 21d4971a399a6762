"""One request to a source, against a server on loopback that does everything wrong."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import itertools
import logging
import zlib
from collections.abc import Mapping
from dataclasses import replace

import httpcore
import pytest

from newsclf.common.errors import ConfigError
from newsclf.watch.feeds.fetching.answer import Failure, Fetched, Request, Validators
from newsclf.watch.feeds.fetching.fetch import Fetcher, Limits, user_agent
from newsclf.watch.feeds.outcome import Outcome
from tests.support.feedserver import RSS, FeedServer, Reply, feed_server, redirect, reply

AGENT = user_agent("ops@example.com")
QUICK = Limits(connect_s=0.2, silence_s=0.2, whole_s=0.5)
HTML = b"<!DOCTYPE html><html><title>Just a moment...</title></html>"
KEY = "s3cret/key+1"


async def unresolved(host: str, port: int) -> list[str]:
    raise OSError(host, port)


def fetcher(limits: Limits | None = None, *, allow_private: bool = True) -> Fetcher:
    return Fetcher(AGENT, resolver=unresolved, limits=limits, allow_private=allow_private)


def ask(
    replies: Mapping[str, Reply] | Reply,
    request: Request | None = None,
    *,
    path: str = "/feed",
    limits: Limits | None = None,
) -> tuple[Fetched | Failure, FeedServer]:
    """Answer of a server to a request for one of its paths, and the server as it was left."""

    async def run() -> tuple[Fetched | Failure, FeedServer]:
        asked = {path: replies} if isinstance(replies, Reply) else replies
        async with feed_server(asked) as server:
            made = replace(request or Request(url=""), url=f"{server.url}{path}")
            return await fetcher(limits).fetch(made), server

    return asyncio.run(run())


def document(replies: Mapping[str, Reply] | Reply, request: Request | None = None) -> Fetched:
    answer, _ = ask(replies, request)
    assert isinstance(answer, Fetched), answer
    return answer


def failure(
    replies: Mapping[str, Reply] | Reply,
    request: Request | None = None,
    *,
    limits: Limits | None = None,
) -> Failure:
    answer, _ = ask(replies, request, limits=limits)
    assert isinstance(answer, Failure), answer
    return answer


# --- what is sent ---------------------------------------------------------------------------------


def test_a_request_says_who_asks_and_what_it_can_read() -> None:
    _, server = ask(reply())

    (request,) = server.requests
    assert "ops@example.com" in request
    assert "User-Agent: newsclf/" in request
    assert "Accept-Encoding: gzip, deflate\r\n" in request
    assert "Host: 127.0.0.1:" in request
    assert "If-None-Match" not in request


@pytest.mark.parametrize("contact", ["", "  ", "a\nX-Evil: 1", "grüße@example.com", "x" * 300])
def test_a_contact_that_no_header_can_hold_is_refused(contact: str) -> None:
    with pytest.raises(ConfigError, match="contact"):
        user_agent(contact)


def test_validators_are_sent_back_word_for_word() -> None:
    etag, date = 'W/"\xe9 odd, not quoted', "Sat, 31 Dec 2041 25:61:00 GMT"
    first = document(reply(ETag=etag, Last_Modified=date))

    assert first.validators == Validators(etag, date)
    _, server = ask(reply(), Request(url="", validators=first.validators))
    assert f"If-None-Match: {etag}\r\n" in server.requests[0]
    assert f"If-Modified-Since: {date}\r\n" in server.requests[0]


def test_validators_are_kept_and_renewed_by_an_answer_that_nothing_changed() -> None:
    known = Request(url="", validators=Validators('"a"', "Mon"))

    kept = document(reply(b"", status="304 Not Modified"), known)
    renewed = document(reply(b"", status="304 Not Modified", ETag='"b"'), known)

    assert kept.not_modified
    assert kept.body == b""
    assert kept.validators == known.validators
    assert renewed.validators == Validators('"b"', "Mon")


def test_a_new_document_without_validators_forgets_the_old_ones() -> None:
    known = Request(url="", validators=Validators('"a"', "Mon"))

    assert document(reply(), known).validators == Validators()


def test_unchanged_though_not_asked_is_an_error() -> None:
    assert failure(reply(b"", status="304 Not Modified")).outcome is Outcome.FAILED


# --- what is told of an answer --------------------------------------------------------------------


def test_an_answer_tells_when_it_came_by_both_clocks() -> None:
    noon = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)

    async def run() -> Fetched | Failure:
        async with feed_server({"/": reply(Date="Thu, 26 Nov 2026 11:59:00 GMT", Age="20")}) as s:
            clocked = Fetcher(AGENT, resolver=unresolved, allow_private=True, now=lambda: noon)
            return await clocked.fetch(Request(url=s.url + "/"))

    answer = asyncio.run(run())

    assert isinstance(answer, Fetched)
    assert answer.body == RSS
    assert answer.ended_at == noon
    assert answer.server_date == noon - dt.timedelta(minutes=1)


@pytest.mark.parametrize("status", ["200 OK", "429 Too Many Requests", "503 Service Unavailable"])
@pytest.mark.parametrize("text", ["120", "Thu, 26 Nov 2026 12:02:00 GMT"])
def test_any_answer_may_ask_to_be_left_alone(status: str, text: str) -> None:
    date = "Thu, 26 Nov 2026 12:00:00 GMT"

    answer, _ = ask(reply(status=status, Retry_After=text, Date=date))

    assert answer.retry_after_s == 120


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("204 No Content", Outcome.MALFORMED),
        ("206 Partial Content", Outcome.MALFORMED),
        ("400 Bad Request", Outcome.FAILED),
        ("401 Unauthorized", Outcome.CREDENTIALS),
        ("402 Payment Required", Outcome.QUOTA),
        ("403 Forbidden", Outcome.BLOCKED),
        ("404 Not Found", Outcome.GONE),
        ("410 Gone", Outcome.GONE),
        ("429 Too Many Requests", Outcome.QUOTA),
        ("451 Unavailable", Outcome.BLOCKED),
        ("500 Internal Server Error", Outcome.FAILED),
        ("503 Service Unavailable", Outcome.FAILED),
    ],
)
def test_statuses_have_their_class(status: str, outcome: Outcome) -> None:
    found = failure(reply(b"", status=status))

    assert found.outcome is outcome
    assert status[:3] in found.reason
    assert found.status == int(status[:3])


def test_a_vendors_own_message_is_kept() -> None:
    said = b'{"code": "rateLimited"}'

    assert failure(reply(said, status="429 Too Many Requests")).body == said


def test_a_refusal_of_a_request_with_a_key_is_about_the_key() -> None:
    request = Request(url="", secrets=(KEY,))

    assert failure(reply(status="403 Forbidden"), request).outcome is Outcome.CREDENTIALS


@pytest.mark.parametrize(
    "blocked",
    [
        reply(HTML),
        reply(HTML, status="202 Accepted"),
        reply(b"", status="202 Accepted"),
        reply(HTML, status="403 Forbidden"),
        reply(HTML, status="503 Service Unavailable"),
        reply(b"", status="403 Forbidden", CF_Mitigated="challenge"),
        reply(b"<html><title>Home</title></html>", status="202 Accepted"),
        reply(b"\xef\xbb\xbf\n <!-- hello --> <HTML lang=en><p>Enable JavaScript</p></HTML>"),
        reply(b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD"><html>captcha</html>'),
    ],
)
def test_challenges_for_browsers_are_recognised(blocked: Reply) -> None:
    assert failure(blocked).outcome is Outcome.BLOCKED


def test_a_page_that_says_not_found_is_no_challenge() -> None:
    assert failure(reply(HTML, status="404 Not Found")).outcome is Outcome.GONE


def test_other_web_pages_are_left_to_the_reader() -> None:
    page = b"<html><title>Home</title></html>"

    assert document(reply(page)).body == page


def test_html_inside_a_feed_is_a_feed() -> None:
    feed = b"<rss><channel><title>&lt;html> captcha</title></channel></rss>"

    assert document(reply(feed)).body == feed


def test_interim_answers_are_passed_over_but_not_without_end() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
    ordinary = Reply([interim * 3, *reply().pieces])

    assert document(ordinary).body == RSS
    found = failure(Reply(itertools.repeat(interim * 100)))
    assert found.outcome is Outcome.TOO_LARGE
    assert "headers" in found.reason


def test_a_large_body_is_no_long_header() -> None:
    body = b"<rss>" + b" " * 500_000 + b"</rss>"

    assert document(reply(body)).body == body


# --- redirects ------------------------------------------------------------------------------------


def test_redirects_are_followed_and_an_answer_has_the_last_address() -> None:
    found, server = ask(
        {
            "/feed": redirect("/a/b?x=1#top"),
            "/a/b?x=1": redirect("../c", "303 See Other"),
            "/c": reply(),
        }
    )

    assert isinstance(found, Fetched)
    assert found.url == f"{server.url}/c"
    assert found.moved_to is None
    assert server.paths == ["/feed", "/a/b?x=1", "/c"]


def test_only_what_is_permanent_from_the_start_has_moved_for_good() -> None:
    for_good, temporary = "301 Moved Permanently", "302 Found"
    replies = {"/b": redirect("/c", temporary), "/c": redirect("/d", for_good), "/d": reply()}

    found, server = ask({"/feed": redirect("/b", "308 Permanent Redirect"), **replies})
    other, _ = ask({"/feed": redirect("/b", temporary), **replies})

    assert found.moved_to == f"{server.url}/b"
    assert other.moved_to is None


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("/feed", "in a circle"),
        ("", "without an address"),
        ("http://[half/", "not a URL"),
        ("ftp://127.0.0.1/", "scheme is 'ftp'"),
        ("http://127.0.0.1:25/", "port 25"),
        ("http://169.254.169.254/latest/meta-data/", "metadata"),
        ("http://[::ffff:127.0.0.1]/", "inside IPv6"),
    ],
)
def test_redirects_that_must_not_be_followed(to: str, words: str) -> None:
    found = failure(redirect(to))

    assert found.outcome is Outcome.MOVED
    assert words in found.reason


def test_the_sixth_redirect_is_one_too_many() -> None:
    chain = {f"/{n}": redirect(f"/{n + 1}") for n in range(9)}

    found, server = ask({"/feed": redirect("/0"), **chain})

    assert isinstance(found, Failure)
    assert found.outcome is Outcome.MOVED
    assert len(server.requests) == 6


class Detour(httpcore.AsyncNetworkBackend):
    """Connects to one port of loopback, whatever public address is asked for."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.asked: list[tuple[str, int]] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        *_: object,
        **__: object,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to loopback."""
        self.asked.append((host, port))
        return await httpcore.AnyIOBackend().connect_tcp("127.0.0.1", self._port)


HOSTS = {"public.example": ["93.184.215.14"], "inside.example": ["10.0.0.7"]}


async def public_and_private(host: str, _port: int) -> list[str]:
    return HOSTS[host]


def from_outside(
    replies: Mapping[str, Reply], request: Request
) -> tuple[Fetched | Failure, FeedServer, list[tuple[str, int]]]:
    async def run() -> tuple[Fetched | Failure, FeedServer, list[tuple[str, int]]]:
        async with feed_server(replies) as server:
            network = Detour(server.port)
            made = Fetcher(AGENT, resolver=public_and_private, network=network)
            return await made.fetch(request), server, network.asked

    return asyncio.run(run())


@pytest.mark.parametrize("to", ["http://inside.example/", "http://127.0.0.1/", "http://[::1]:81/"])
def test_a_public_source_cannot_redirect_to_a_private_address(to: str) -> None:
    found, _, asked = from_outside({"/": redirect(to)}, Request(url="http://public.example/"))

    assert isinstance(found, Failure)
    assert found.outcome is Outcome.MOVED
    assert found.reason.startswith("the address redirected to: the address ")
    assert asked == [("93.184.215.14", 80)]


def test_a_source_with_a_private_address_is_refused() -> None:
    found, server, _ = from_outside({"/": reply()}, Request(url="http://inside.example/"))

    assert isinstance(found, Failure)
    assert found.outcome is Outcome.UNREACHABLE
    assert found.reason == "the source's address: the address 10.0.0.7 is private"
    assert server.requests == []


def test_keys_go_to_the_source_and_to_no_other_host() -> None:
    HOSTS["other.example"] = ["93.184.215.15"]
    replies = {
        "/": redirect("http://public.example:8080/a"),
        "/a": redirect("http://other.example/b"),
        "/b": redirect("http://public.example/c"),
        "/c": reply(),
    }
    request = Request(
        url="http://jane:pass@public.example/", headers={"X-Api-Key": KEY}, secrets=(KEY,)
    )

    _, server, _ = from_outside(replies, request)

    assert ["X-Api-Key" in r for r in server.requests] == [True, False, False, True]
    assert ["Authorization: Basic amFuZTpwYXNz" in r for r in server.requests] == [
        True,
        False,
        False,
        True,
    ]
    assert "Host: other.example\r\n" in server.requests[2]


# --- limits ---------------------------------------------------------------------------------------


def head(*headers: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *headers, "", ""]).encode()


@pytest.mark.parametrize(
    "slow",
    [
        Reply([], hang=True),
        Reply([head()[:-4]], hang=True),
        Reply([head("Content-Length: 100"), b"<rss>"], hang=True),
        Reply([head(), RSS[:20]], hang=True),
    ],
    ids=["silent", "half a header", "half a body", "no length"],
)
def test_a_server_that_hangs_is_left(slow: Reply) -> None:
    assert failure(slow, limits=QUICK).outcome is Outcome.UNREACHABLE


def test_a_server_that_drips_is_left_when_the_whole_time_is_over() -> None:
    drops = itertools.chain([head()], itertools.repeat(b" "))
    limits = replace(QUICK, silence_s=60, whole_s=0.2)

    assert "no complete answer within 0.2 s" in failure(Reply(drops), limits=limits).reason


@pytest.mark.parametrize("headers", [(), ("Content-Length: 99999999999",)])
def test_an_endless_body_is_cut_off(headers: tuple[str, ...]) -> None:
    flood = itertools.chain([head(*headers)], itertools.repeat(b"<item/>" * 1000))
    limits = Limits(wire_bytes=100_000)

    answer, server = ask(Reply(flood), limits=limits)

    assert isinstance(answer, Failure)
    assert answer.outcome is Outcome.TOO_LARGE
    assert "100,000 bytes" in answer.reason
    assert server.sent_bytes < 50_000_000  # what fits into the buffers of two sockets


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_a_bomb_is_too_large(pack: object) -> None:
    assert callable(pack)
    bomb = reply(
        pack(b" " * 20_000_000), Content_Encoding=pack.__module__.replace("zlib", "deflate")
    )

    found = failure(bomb, limits=Limits(decoded_bytes=1_000_000))

    assert found.outcome is Outcome.TOO_LARGE
    assert len(found.body) <= 64 << 10


@pytest.mark.parametrize("encoding", ["br", "zstd", "rot13"])
def test_an_encoding_that_was_not_asked_for_is_malformed(encoding: str) -> None:
    found = failure(reply(Content_Encoding=encoding))

    assert found.outcome is Outcome.MALFORMED
    assert encoding in found.reason


# --- broken HTTP ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cut",
    [
        Reply([]),
        Reply([b"HTTP/1.1 200 OK\r\nContent-Le"]),
        Reply([b"ICY 200 OK\r\n\r\n"]),
        Reply([b"\x16\x03\x01\x02\x00"]),
        Reply([head("Content-Length: 500"), RSS[:40]]),
        Reply([head("Transfer-Encoding: chunked"), b"5\r\n<rss>\r\n", b"9999"]),
        Reply([head("Transfer-Encoding: chunked"), b"zz\r\n<rss>\r\n"]),
        Reply([head("X-Long: " + "x" * 200_000), RSS]),
        reply(gzip.compress(RSS * 9)[:-20], Content_Encoding="gzip"),
    ],
)
def test_answers_that_are_cut_short_or_are_not_http(cut: Reply) -> None:
    found = failure(cut)

    assert found.outcome is Outcome.UNREACHABLE
    assert "cut short" in found.reason


@pytest.mark.parametrize(
    "wrong",
    [
        Reply([head(), RSS]),
        Reply([head("Content-Length: 500"), RSS]),
        Reply([head("Transfer-Encoding: chunked"), b"%x\r\n" % len(RSS), RSS, b"\r\n"]),
        Reply([head("Content-Encoding: gzip"), gzip.compress(RSS)[:-8]]),
        Reply([head(f"Content-Length: {len(RSS)}"), RSS, b"HTTP/1.1 500 Oops\r\n\r\n"]),
        Reply([head(f"Content-Length: {len(RSS)}", "Connection: keep-alive"), RSS], hang=True),
        Reply([b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", head(), RSS]),
        Reply([b"HTTP/1.0 200\r\nConnection: keep-alive\r\n\r\n", RSS]),
    ],
    ids=[
        "no length",
        "length too great",
        "no last chunk",
        "no checksum",
        "a second answer",
        "kept open",
        "early hints",
        "HTTP/1.0 without a reason",
    ],
)
def test_a_whole_document_in_a_faulty_answer_is_read(wrong: Reply) -> None:
    assert document(wrong).body == RSS


def test_a_port_where_nothing_listens_is_unreachable() -> None:
    async def run() -> Fetched | Failure:
        async with feed_server({}) as server:
            url = server.url
        return await fetcher().fetch(Request(url=url))

    answer = asyncio.run(run())

    assert isinstance(answer, Failure)
    assert answer.outcome is Outcome.UNREACHABLE
    assert answer.status is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://nowhere.example/", "its host name is unknown"),
        ("nonsense", "not a URL"),
        ("http://x:99999999/", "not a URL"),
        ("http://exa mple/", "not a URL"),
        ("http://127.0.0.1:70000/", "not a URL"),
    ],
)
def test_addresses_that_lead_nowhere(url: str, words: str) -> None:
    answer = asyncio.run(fetcher().fetch(Request(url=url)))

    assert isinstance(answer, Failure)
    assert answer.outcome is Outcome.UNREACHABLE
    assert words in answer.reason


# --- secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        reply(),
        reply(b"", status="500 Oops"),
        redirect("/feed?apikey=s3cret%2Fkey%2B1&page=2", "301 Moved Permanently"),
        redirect("http://jane:pa55word@127.0.0.1:25/?token=s3cret/key+1"),
        Reply([], hang=True),
        Reply([b"nonsense s3cret/key+1\r\n\r\n"]),
    ],
)
def test_keys_and_passwords_are_in_no_answer_and_no_log(
    answer: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def run() -> tuple[Request, Fetched | Failure]:
        path = "/feed?apikey=s3cret%2Fkey%2B1"
        async with feed_server({path: answer, f"{path}&page=2": reply()}) as server:
            url = server.url.replace("//", "//jane:pa55word@") + path
            request = Request(url=url, headers={"X-Key": KEY}, secrets=(KEY,))
            return request, await fetcher(QUICK).fetch(request)

    request, found = asyncio.run(run())

    for text in (repr(request), repr(found), *caplog.messages):
        for secret in ("s3cret", "pa55word", "jane"):
            assert secret not in text
    assert found.moved_to is None


def test_a_key_that_is_no_header_is_not_repeated_by_the_error() -> None:
    answer = failure(reply(), Request(url="", headers={"X-Key": f"{KEY}\n"}))

    assert "s3cret" not in repr(answer)
    assert answer.outcome is Outcome.UNREACHABLE
