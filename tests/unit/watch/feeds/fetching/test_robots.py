"""Sources are asked only where robots.txt of their hosts allows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from newsclf.watch.feeds.fetching.answer import Failure, Fetched, Request
from newsclf.watch.feeds.fetching.connections import SystemResolver
from newsclf.watch.feeds.fetching.fetch import Fetcher, Limits, polite_fetcher, user_agent
from newsclf.watch.feeds.fetching.robots import Robots
from newsclf.watch.feeds.outcome import Outcome
from tests.support.feedserver import Reply, feed_server, redirect, reply

ROBOT = Request(url="", as_robot=True)
HOUR_S, DAY_S = 3_600.0, 86_400.0


def rules(text: str, **headers: str) -> Reply:
    return reply(text.encode(), Content_Type="text/plain", **headers)


class Asking:
    """A feed that is asked for again and again, with a clock to set."""

    def __init__(self, replies: Mapping[str, Reply], path: str = "/feed?key=s3cret") -> None:
        self.replies = {path: reply(), **replies}
        self.path = path
        self.paths: list[str] = []
        self.heads: list[str] = []

    def ask(
        self,
        *times_s: float,
        request: Request = ROBOT,
        before: Callable[[float], None] = lambda _: None,
    ) -> list[Fetched | Failure]:
        """The answers at some times; `before` is called with each, and may change the replies."""
        now_s = 0.0

        async def run() -> list[Fetched | Failure]:
            nonlocal now_s
            found = []
            async with feed_server(self.replies) as server:
                agent, resolver = user_agent("ops@example.com"), SystemResolver()
                limits = Limits(silence_s=0.2, whole_s=0.5)
                alone = Fetcher(agent, resolver=resolver, limits=limits, allow_private=True)
                robots = Robots(alone.fetch, monotonic=lambda: now_s)
                polite = Fetcher(agent, resolver=resolver, allow_private=True, robots=robots)
                for now_s in times_s:
                    before(now_s)
                    made = replace(request, url=f"{server.url}{self.path}")
                    found.append(await polite.fetch(made))
                resolver.close()
                self.paths, self.heads = server.paths, server.requests
            return found

        return asyncio.run(run())

    def ask_once(self, request: Request = ROBOT) -> Fetched | Failure:
        """The answer to one request."""
        [found] = self.ask(0, request=request)
        return found


def refused(text: str, path: str = "/feed") -> Failure:
    asking = Asking({"/robots.txt": rules(text)}, path)
    found = asking.ask_once()
    assert isinstance(found, Failure), found
    assert asking.paths == ["/robots.txt"]
    return found


ALLOWED = {
    "nothing said": "",
    "another path": "User-agent: *\nDisallow: /private\n",
    "another robot": "User-agent: otherbot\nDisallow: /\n",
    "an empty rule": "User-agent: *\nDisallow:\n",
    "a longer exception": "User-agent: *\nDisallow: /\nAllow: /feed\n",
    "a group of its own": "User-agent: *\nDisallow: /\n\nUser-agent: Newsclf\nDisallow: /private\n",
    "an end": "User-agent: *\nDisallow: /feed$\n",
    "a page": "<!DOCTYPE html><html><body>Not here</body></html>",
    "no text": "\x00\ufffd\x01",
}


@pytest.mark.parametrize("text", ALLOWED.values(), ids=ALLOWED)
def test_a_feed_that_no_rule_forbids_is_read(text: str) -> None:
    asking = Asking({"/robots.txt": rules(text)})

    assert isinstance(asking.ask_once(), Fetched)
    assert asking.paths == ["/robots.txt", asking.path]
    assert all("User-Agent: newsclf/" in head for head in asking.heads)


FORBIDDEN = {
    "Disallow: /": "User-agent: *\nDisallow: /\nAllow: /page\n",
    "Disallow: /fee": "User-agent: *\nDisallow: /f\nDisallow: /fee\nAllow: /fe\n",
    "Disallow: /*.xml$": "user-agent: *\nDisallow: /a\nDisallow: /*.xml$ # feeds\n",
    "Disallow: /f": "User-agent: other\nDisallow: /feed.xml\n\nUser-agent: newsclf\nDisallow: /f\n",
    "Disallow: /feed": "\ufeffUser-agent: a\nUser-agent: *\nCrawl-delay: 5\nDisallow: /feed\n",
}


@pytest.mark.parametrize(("rule", "text"), FORBIDDEN.items(), ids=FORBIDDEN)
def test_a_feed_that_a_rule_forbids_is_not_asked_for_and_the_rule_is_named(
    rule: str, text: str
) -> None:
    found = refused(text, "/feed.xml")

    assert found.outcome is Outcome.DISALLOWED
    assert f"robots.txt of 127.0.0.1 forbids this address ({rule})" in found.reason
    assert "ignore_robots = true" in found.reason


def test_a_rule_can_send_nothing_to_a_terminal() -> None:
    found = refused("User-agent: *\nDisallow: /\x1b]0;title\x07\n", "/%1B]0;title%07")

    assert found.outcome is Outcome.DISALLOWED
    assert "\x1b" not in found.reason
    assert "]0;title" in found.reason


def test_a_query_counts_and_no_key_of_it_is_told() -> None:
    found = refused("User-agent: *\nDisallow: /*?key=s3cret\n", "/feed?key=s3cret")
    request = replace(ROBOT, secrets=("s3cret",))
    asking = Asking({"/robots.txt": rules("User-agent: *\nDisallow: /*?key=s3cret\n")})
    hidden = asking.ask_once(request)

    assert found.outcome is Outcome.DISALLOWED
    assert isinstance(hidden, Failure)
    assert "s3cret" not in hidden.reason
    assert "Disallow: /*?key=***" in hidden.reason


def test_whoever_may_reads_a_feed_without_asking() -> None:
    asking = Asking({"/robots.txt": rules("User-agent: *\nDisallow: /\n")})

    assert isinstance(asking.ask_once(Request(url="")), Fetched)
    assert asking.paths == [asking.path]


@pytest.mark.parametrize(
    "status", ["404 Not Found", "401 Unauthorized", "403 Forbidden", "410 Gone"]
)
def test_without_robots_txt_all_is_allowed(status: str) -> None:
    assert isinstance(Asking({"/robots.txt": reply(b"no", status=status)}).ask_once(), Fetched)


UNREADABLE = {
    "error": (reply(b"", status="503 Service Unavailable"), Outcome.FAILED),
    "too many requests": (reply(b"", status="429 Too Many Requests"), Outcome.QUOTA),
    "silence": (Reply([], hang=True), Outcome.UNREACHABLE),
    "closed": (Reply([]), Outcome.UNREACHABLE),
}


@pytest.mark.parametrize(("robots", "outcome"), UNREADABLE.values(), ids=UNREADABLE)
def test_nothing_is_asked_for_while_robots_txt_cannot_be_read(
    robots: Reply, outcome: Outcome
) -> None:
    asking = Asking({"/robots.txt": robots})
    found = asking.ask_once()

    assert isinstance(found, Failure)
    assert found.outcome is outcome
    assert "when asked for robots.txt" in found.reason
    assert asking.paths == ["/robots.txt"]


def test_redirects_of_robots_txt_are_followed_and_those_into_nowhere_forbid_nothing() -> None:
    text = rules("User-agent: *\nDisallow: /feed\n")
    followed = Asking({"/robots.txt": redirect("/other"), "/other": text}).ask_once()
    circular = Asking({"/robots.txt": redirect("/robots.txt")}).ask_once()

    assert isinstance(followed, Failure)
    assert followed.outcome is Outcome.DISALLOWED
    assert isinstance(circular, Fetched)


def test_where_a_feed_is_redirected_to_the_rules_of_that_place_count() -> None:
    replies = {
        "/feed": redirect("/private/feed"),
        "/private/feed": reply(),
        "/robots.txt": rules("User-agent: *\nDisallow: /private\n"),
    }
    asking = Asking(replies, "/feed")
    asking.replies = replies
    found = asking.ask_once()

    assert isinstance(found, Failure)
    assert found.outcome is Outcome.DISALLOWED
    assert asking.paths == ["/robots.txt", "/feed"]


def test_a_redirect_to_an_address_that_is_refused_is_told_as_such() -> None:
    asking = Asking({"/feed": redirect("http://169.254.169.254/")}, "/feed")
    answer = asking.ask_once()

    assert isinstance(answer, Failure)
    assert answer.outcome is Outcome.MOVED
    assert "the address redirected to" in answer.reason


def test_a_copy_serves_for_a_day_and_is_then_asked_for_with_its_validators() -> None:
    asking = Asking({"/robots.txt": rules("User-agent: *\nDisallow: /x\n", ETag='"1"')})

    def change(now_s: float) -> None:
        if now_s == DAY_S:
            asking.replies["/robots.txt"] = reply(b"", status="304 Not Modified")
        if now_s > DAY_S:
            asking.replies["/robots.txt"] = rules("User-agent: *\nDisallow: /feed\n")

    found = asking.ask(0, DAY_S - 1, DAY_S, DAY_S + 1, 2 * DAY_S, before=change)

    assert [isinstance(each, Fetched) for each in found] == [True, True, True, True, False]
    asked_for_rules = [path == "/robots.txt" for path in asking.paths]
    assert asked_for_rules == [True, False, False, True, False, False, True]
    assert 'If-None-Match: "1"' in asking.heads[3]


@pytest.mark.parametrize(
    ("said", "kept_s"),
    [("max-age=60", HOUR_S), ("max-age=7200", 2 * HOUR_S), ("max-age=1000000", DAY_S)],
)
def test_a_copy_is_kept_for_as_long_as_the_server_says_from_an_hour_to_a_day(
    said: str, kept_s: float
) -> None:
    asking = Asking({"/robots.txt": rules("", Cache_Control=said)})
    asking.replies["/robots.txt"] = rules("User-agent: *\nDisallow: /x\n", Cache_Control=said)

    asking.ask(0, kept_s - 1, kept_s)

    assert asking.paths.count("/robots.txt") == 2


def test_an_old_copy_counts_while_there_is_no_newer_one() -> None:
    asking = Asking({"/robots.txt": rules("User-agent: *\nDisallow: /x\n")})

    def change(now_s: float) -> None:
        if now_s:
            asking.replies["/robots.txt"] = reply(b"", status="500 Internal Server Error")

    assert all(isinstance(each, Fetched) for each in asking.ask(0, DAY_S, before=change))


def test_a_server_that_asks_for_time_is_left_alone_for_it() -> None:
    asking = Asking({"/robots.txt": reply(b"", status="503 Busy", Retry_After="3000")})

    asking.ask(0, 299, 2999, 3000)

    assert asking.paths == ["/robots.txt", "/robots.txt"]


def test_the_delay_that_a_host_asks_for_is_told() -> None:
    text = "User-agent: *\nCrawl-delay: 30\n"
    asked = Asking({"/robots.txt": rules(text)}).ask_once()
    without = Asking({}).ask_once()
    ignored = Asking({}).ask_once(Request(url=""))
    endless = Asking({"/robots.txt": rules("User-agent: *\nCrawl-delay: 1e99\n")}).ask_once()

    told = [each.crawl_delay_s for each in (asked, without, ignored, endless)]
    assert told == [30.0, 0.0, None, DAY_S]


def test_thousands_of_rules_are_judged() -> None:
    text = "User-agent: *\n" + "".join(f"Disallow: /{'*' * (n % 50)}f{n}\n" for n in range(10_000))
    found = refused(f"{text}Disallow: /feed\n")

    assert "(Disallow: /feed)" in found.reason


def test_of_a_file_without_end_the_whole_lines_of_its_beginning_count() -> None:
    start = "User-agent: *\n"
    filled = start + "#" * ((500 << 10) - len(start) - len("Disallow: /\n"))
    asking = Asking({"/robots.txt": rules(f"{filled}\nDisallow: /other\nDisallow: /feed\n")})

    assert isinstance(asking.ask_once(), Fetched)


def test_requests_of_a_watch_are_polite() -> None:
    async def run() -> Fetched | Failure:
        resolver = SystemResolver()
        replies = {"/robots.txt": rules("User-agent: newsclf\nDisallow: /\n"), "/feed": reply()}
        async with feed_server(replies) as server:
            made = polite_fetcher("ops@example.com", resolver=resolver, allow_private=True)
            try:
                return await made.fetch(Request(url=f"{server.url}/feed", as_robot=True))
            finally:
                resolver.close()

    found = asyncio.run(run())
    assert isinstance(found, Failure)
    assert found.outcome is Outcome.DISALLOWED
