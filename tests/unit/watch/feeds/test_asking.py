"""One source, asked again and again: what each request builds on."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

import pytest

from newsclf.watch.feeds.asking import Answered, Feed, NewsApi
from newsclf.watch.feeds.documents.vendors import Vendor, Wanted
from newsclf.watch.feeds.fetching.answer import Failure, Fetched, Request, Validators
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.item import Item, Stamp
from tests.support.newsrecord import HOUR, START, Clock

KEY = "s3cret-key-of-a-plan"
DAY_S = 86_400.0
SIZE = 3
"""Items of a full page."""


class Server:
    """Gives the answers that it was given, in their order, and keeps the requests."""

    def __init__(self, *answers: Fetched | Failure) -> None:
        self.requests: list[Request] = []
        self._answers = list(answers)

    async def fetch(self, request: Request) -> Fetched | Failure:
        """The next answer."""
        self.requests.append(request)
        return self._answers.pop(0)


def rss(*titles: str) -> bytes:
    items = "".join(f"<item><title>{title}</title></item>" for title in titles)
    return f"<rss version='2.0'><channel>{items}</channel></rss>".encode()


def document(body: bytes, etag: str | None = None) -> Fetched:
    return Fetched(
        url="https://news.example/",
        ended_at=START,
        status=200,
        body=body,
        validators=Validators(etag),
    )


def not_modified(etag: str) -> Fetched:
    return Fetched(
        url="https://news.example/",
        ended_at=START,
        status=304,
        body=b"",
        not_modified=True,
        validators=Validators(etag),
    )


def failure(outcome: Outcome, status: int | None = None, body: bytes = b"") -> Failure:
    return Failure(
        url="https://news.example/",
        ended_at=START,
        status=status,
        outcome=outcome,
        reason=f"the server answered {status}",
        body=body,
    )


# --- feeds


class Asking:
    """A feed that is asked, with a clock to set."""

    def __init__(self, *answers: Fetched | Failure) -> None:
        self.server = Server(*answers)
        self.now_s = 1000.0
        self.feed = Feed(
            "https://news.example/rss",
            self.server,
            host="news.example",
            zone=None,
            monotonic=lambda: self.now_s,
        )

    def ask(self, *, kept: bool = True) -> Answered:
        """Ask; `kept` says that the answer was recorded."""
        found = asyncio.run(self.feed.ask())
        if kept:
            found.kept()
        return found

    @property
    def sent(self) -> list[str | None]:
        """The validator of each request."""
        return [request.validators.etag for request in self.server.requests]


def titles(found: Answered) -> list[str]:
    return [item.title for item in found.items]


def test_validators_are_sent_only_once_the_items_were_recorded() -> None:
    asking = Asking(
        document(rss("One"), "a"),
        document(rss("One"), "a"),
        document(rss("Two"), "b"),
        not_modified("c"),
        not_modified("c"),
    )

    assert titles(asking.ask(kept=False)) == ["One"]
    assert titles(asking.ask()) == ["One"]
    assert titles(asking.ask()) == ["Two"]
    assert asking.ask().outcome is Outcome.OK
    asking.ask()
    assert asking.sent == [None, None, "a", "b", "c"]


def test_a_document_that_comes_again_without_validators_brings_nothing() -> None:
    asking = Asking(*[document(rss("One"))] * 2, document(rss("One", "Two")))

    first, second, third = (asking.ask() for _ in range(3))

    assert (titles(first), titles(second), titles(third)) == (["One"], [], ["One", "Two"])
    assert second.outcome is Outcome.OK
    assert second.body_digest == first.body_digest


def test_a_server_that_says_unchanged_for_ever_is_asked_in_full_once_a_day() -> None:
    asking = Asking(
        document(rss("One"), "a"),
        *[not_modified("a")] * 3,
        document(rss("One"), "a"),
        *[not_modified("a")] * 2,
        document(rss("Two"), "a"),
        not_modified("a"),
    )

    for wait_s in (0, 60, DAY_S - 120, 59, 60, 60, DAY_S - 120, 120, 60):
        asking.now_s += wait_s
        last = asking.ask()

    assert asking.sent == [None, "a", "a", "a", None, "a", "a", None, "a"]
    assert titles(last) == []


@pytest.mark.parametrize("body", [b"", b"<html><title>Sign in</title></html>", b"{]"])
def test_a_document_that_cannot_be_read_is_asked_for_again(body: bytes) -> None:
    asking = Asking(
        document(rss("One"), "a"), *[document(body, "broken")] * 2, document(rss("Two"), "b")
    )

    found = [asking.ask() for _ in range(4)]

    assert not found[1].outcome.delivers
    assert found[1].detail
    assert found[2].outcome is found[1].outcome
    assert titles(found[3]) == ["Two"]
    assert asking.sent == [None, "a", "a", "a"]


def test_a_failure_changes_nothing() -> None:
    asking = Asking(
        document(rss("One"), "a"), failure(Outcome.FAILED, 503), document(rss("One"), "a")
    )

    asking.ask()
    failed = asking.ask()
    asking.ask()

    assert (failed.outcome, failed.status) == (Outcome.FAILED, 503)
    assert failed.detail == "the server answered 503"
    assert asking.sent == [None, "a", "a"]


# --- news APIs


def vendor(*, oldest_first: bool = False, parameter: str | None = "page") -> Vendor:
    return Vendor.model_validate(
        {
            "schema_version": 1,
            "title": "Wire",
            "pages": ["https://news.example/docs"],
            "checked": "2026-03-02",
            "checked_by": "documentation",
            "terms": "",
            "request": {"url": "https://news.example/v1", "parameters": {"from": "{since}"}},
            "key": {"parameter": "token", "environment": "WIRE_KEY"},
            "items": ["articles"],
            "fields": {"title": "title", "id": "id", "published": "at"},
            "paging": {
                "kind": "page",
                "parameter": parameter,
                "size": SIZE,
                "end_status": 426,
                "oldest_first": oldest_first,
            },
        }
    )


def page(*numbers: int, at: dt.datetime = START) -> Fetched:
    articles = [{"id": n, "title": f"Number {n}", "at": at.isoformat()} for n in numbers]
    return document(json.dumps({"articles": articles}).encode())


class AskingApi:
    """A news API that is asked, with a clock to set."""

    def __init__(
        self,
        *answers: Fetched | Failure,
        oldest_first: bool = False,
        shown_by: Sequence[str] = (),
    ) -> None:
        self.server = Server(*answers)
        self.clock = Clock()
        self.api = NewsApi(
            vendor(oldest_first=oldest_first),
            Wanted(),
            self.server,
            host="news.example",
            key=KEY,
            now=self.clock,
            shown_by=shown_by,
        )

    def ask(self, times: int = 1) -> Answered:
        """Ask, and record each answer; returns the last."""
        for _ in range(times):
            found = asyncio.run(self.api.ask())
            found.kept()
        return found

    def sent(self, name: str) -> Sequence[str | None]:
        """A parameter of each request."""
        queries = [parse_qs(urlsplit(request.url).query) for request in self.server.requests]
        return [query.get(name, [None])[0] for query in queries]


def test_newest_first_the_next_page_is_asked_for_only_behind_one_of_news_alone() -> None:
    api = AskingApi(page(3, 2, 1), page(6, 5, 4), page(3, 2, 1), page(7, 6, 5), page(7, 6, 5))

    api.ask(5)

    assert api.sent("page") == [None, None, "2", None, None]


def test_pages_are_asked_for_until_one_holds_what_was_known() -> None:
    api = AskingApi(page(2, 1, 0), page(9, 8, 7), page(7, 6, 5), page(4, 3, 2), page(9, 8, 7))

    api.ask(5)

    assert api.sent("page") == [None, None, "2", "3", None]


def test_after_a_restart_pages_are_asked_for_until_one_holds_what_the_record_has() -> None:
    api = AskingApi(page(9, 8, 7), page(6, 5, 4), page(3, 2, 1), page(9, 8, 7))
    an_hour_ago = Stamp("", START - dt.timedelta(hours=1))
    api.api.remember([Item(title="Number 2", id="2", published=an_hour_ago)])

    api.ask(4)

    assert api.sent("page") == [None, "2", "3", None]


def test_a_source_that_comes_back_begins_with_what_the_record_has() -> None:
    api = AskingApi(page(3, 2, 1), page(6, 5, 4), page(9, 8, 7), page(9, 8, 7))
    api.ask(2)
    api.api.remember([Item(title=f"Number {n}", id=str(n)) for n in (9, 8, 7)])

    api.ask(2)

    assert api.sent("page") == [None, None, None, None]


def test_what_an_api_withdraws_is_shown_by_others() -> None:
    api = AskingApi(page(3, 2), shown_by=("wire", "paper"))

    found = api.ask()

    assert [(each.id, each.shown_by) for each in found.items] == [
        (id_, name) for id_ in ("3", "2") for name in ("wire", "paper")
    ]


def test_a_vendor_that_gives_the_same_page_whatever_is_asked_is_not_asked_on() -> None:
    api = AskingApi(page(3, 2, 1), *[page(6, 5, 4)] * 3)

    api.ask(4)

    assert api.sent("page") == [None, None, "2", None]


def test_oldest_first_every_page_is_asked_for() -> None:
    api = AskingApi(page(1, 2, 3), page(4, 5, 6), page(7), page(7), oldest_first=True)

    api.ask(4)

    assert api.sent("page") == [None, "2", "3", None]


def test_no_more_than_ten_pages_are_read_in_a_row() -> None:
    api = AskingApi(*[page(n, n + 1, n + 2) for n in range(0, 39, 3)], oldest_first=True)

    api.ask(13)

    assert api.sent("page") == [None, *map(str, range(2, 12)), None, "2"]


@pytest.mark.parametrize(
    "answer",
    [
        failure(Outcome.UNREACHABLE),
        failure(Outcome.QUOTA, 429, b'{"message": "slow down"}'),
        failure(Outcome.FAILED, 426),
        document(b"<html>"),
    ],
)
def test_after_a_page_that_is_not_there_it_begins_with_the_first(
    answer: Fetched | Failure,
) -> None:
    api = AskingApi(page(1, 2, 3), answer, page(4), oldest_first=True)

    api.ask(3)

    assert api.sent("page") == [None, "2", None]


def test_a_page_beyond_the_last_is_no_failure() -> None:
    api = AskingApi(page(1, 2, 3), failure(Outcome.FAILED, 426), oldest_first=True)

    assert api.ask(2).outcome is Outcome.EMPTY


def test_a_page_whose_items_were_not_recorded_is_asked_for_again() -> None:
    api = AskingApi(page(1, 2, 3), page(4, 5, 6), page(4, 5, 6), oldest_first=True)

    api.ask()
    asyncio.run(api.api.ask())
    api.ask()

    assert api.sent("page") == [None, "2", "2"]


def test_it_asks_from_an_hour_before_the_newest_item_on() -> None:
    newest = page(3, at=START + 99 * HOUR)
    api = AskingApi(page(1, at=START), page(2, at=START - 9 * HOUR), newest, page(4))

    for _ in range(4):
        api.ask()
        api.clock.pass_(HOUR)

    assert api.sent("from") == [
        "2026-02-28T09:30:00Z",  # two days ago
        "2026-03-02T08:30:00Z",
        "2026-03-02T08:30:00Z",  # an older item changes nothing
        "2026-03-02T10:30:00Z",  # nor does one from the future count for more than now
    ]


def test_an_error_is_told_as_the_vendor_means_it_and_without_the_key() -> None:
    said = json.dumps({"error": f"invalid key {KEY}"}).encode()
    api = AskingApi(
        failure(Outcome.BLOCKED, 403, said), failure(Outcome.BLOCKED, 403, b"<html>no</html>")
    )

    refused, blocked = api.ask(), api.ask()

    assert (refused.outcome, refused.detail) == (
        Outcome.CREDENTIALS,
        "Wire refuses the API key, or the plan does not allow this request (HTTP 403)",
    )
    assert KEY not in repr(refused)
    assert (blocked.outcome, blocked.detail) == (Outcome.CREDENTIALS, refused.detail)


def test_the_key_goes_with_the_request_alone_and_is_named_a_secret() -> None:
    api = AskingApi(page(1))

    found = api.ask()

    assert api.sent("token") == [KEY]
    assert api.server.requests[0].secrets == (KEY,)
    assert KEY not in repr(api.server.requests[0])
    assert KEY not in repr(found)
