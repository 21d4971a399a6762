"""RSS, RDF, Atom and JSON Feed: what is read from documents with the faults of real feeds."""

from __future__ import annotations

import json
import xml.sax.saxutils as sax
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsclf.watch.feeds.documents.reading import Reading, Repair
from newsclf.watch.feeds.documents.syndication import FeedMemory, read_feed
from newsclf.watch.feeds.documents.text import plain_text
from newsclf.watch.feeds.outcome import Outcome
from tests.support.feed_faults import FAULTS, URL, Fault, rss

_ONE = "<title>Profit rose</title><guid>a</guid>"
_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cf"]), max_size=30)


def read(text: str | bytes, memory: FeedMemory | None = None) -> Reading:
    return read_feed(text.encode() if isinstance(text, str) else text, url=URL, memory=memory)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_real_feeds(fault: Fault) -> None:
    found = read_feed(fault.body, url=URL, content_type=fault.content_type)
    assert [item.title for item in found.items] == list(fault.titles)
    assert found.outcome == fault.outcome
    assert set(found.repairs) == fault.repairs
    assert (found.detail is None) == (fault.outcome in (Outcome.OK, Outcome.REPAIRED))
    if fault.expects("ids"):
        assert [item.id for item in found.items] == list(fault.ids)
    if fault.expects("urls"):
        assert [item.url for item in found.items] == list(fault.urls)
    if fault.expects("times"):
        stamps = [item.published for item in found.items]
        found_times = [each.at.isoformat() if each and each.at else None for each in stamps]
        assert found_times == list(fault.times)


@pytest.mark.parametrize(
    "costly",
    [
        f"<author>{'a' * 500_000}@b</author>",
        f"<a {' '.join(f'a{n}=' + repr(str(n)) for n in range(100_000))}/>",
        f"<a x='>' {' '.join(f'a{n}=' + repr(str(n)) for n in range(100_000))}/>",
        f"<description>{'&lt;!--' * 100_000}</description>",
        f"<description>{'&lt;script&gt;' * 50_000}</description>",
        " " * 1_000_000,
        f"<a {'=' * 101}{'a' * 500_000}/>",
        f"<deleted-entry {'a' * 500_000}/>",
        f"<link>http://a.b{'/index.html' * 100_000}</link>",
    ],
)
def test_no_text_takes_the_square_of_its_length(costly: str) -> None:
    # If it did, this would not end within the hour.
    for where in (rss(f"{_ONE}{costly}"), rss(_ONE, head=costly), rss(_ONE, costly, prolog="")):
        assert [item.title for item in read(where).items] == ["Profit rose"]


@pytest.mark.parametrize(
    ("minutes", "ttl_s"),
    [("000030", 1800.0), ("999999", 59_999_940.0), ("0", None), ("1" * 5_000, None), ("1e3", None)],
)
def test_an_interval_is_a_number_of_minutes_or_none(minutes: str, ttl_s: float | None) -> None:
    assert read(rss(_ONE, head=f"<ttl>{minutes}</ttl>")).ttl_s == ttl_s


@pytest.mark.parametrize("close", ["</a>", ""])
def test_a_document_with_millions_of_tags_is_not_read(close: str) -> None:
    found = read(rss(f"{_ONE}{'<a>' * 1_000_000}{close * 1_000_000}"))
    assert found.outcome is Outcome.TOO_LARGE
    literal = rss(f"{_ONE}<description><![CDATA[{'<b>' * 1_000_000}]]></description>")
    assert [item.title for item in read(literal).items] == ["Profit rose"]


def test_what_the_parser_stumbles_over_costs_nothing_else() -> None:
    where = '<gml:pos xmlns:gml="http://www.opengis.net/gml">1 2</gml:pos>'
    broken = read(rss(f"{_ONE}{where}", "<title>Sales fell</title>"))
    assert [item.title for item in broken.items] == ["Profit rose", "Sales fell"]
    assert broken.outcome is Outcome.REPAIRED
    outside = read(rss(f"{_ONE}<link>/a/1</link>", head=where))
    assert [item.url for item in outside.items] == ["https://news.example.com/a/1"]


@given(st.binary(max_size=300))
def test_no_bytes_raise(body: bytes) -> None:
    assert read(body).items == ()
    read(b"<rss><channel><item><title>" + body)
    read(b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom">' + body + b"</feed>")
    read(b'{"items": [' + body + b"]}")


@given(st.recursive(st.none() | st.booleans() | st.integers() | _TEXTS, st.lists))
def test_no_json_raises(value: object) -> None:
    fields = ("id", "title", "url", "summary", "content_html", "date_published", "tags")
    for document in (value, {"items": value}, {"items": [value, dict.fromkeys(fields, value)]}):
        read(json.dumps(document))


def is_utf8_taken_for_latin1(text: str) -> bool:
    """Whether feedparser takes a text for UTF-8 that a publisher has read as ISO 8859-1."""
    try:
        return text.encode("iso-8859-1").decode() != text
    except UnicodeError:
        return False


def test_utf8_that_was_taken_for_latin1_is_mended() -> None:
    assert [item.title for item in read(rss("<title>CafÃ© chain sold</title>")).items] == [
        "Café chain sold"
    ]


@given(
    st.lists(_TEXTS.filter(lambda text: not is_utf8_taken_for_latin1(text)), min_size=1, max_size=4)
)
@settings(max_examples=40)
def test_titles_come_back_as_their_plain_text(titles: list[str]) -> None:
    found = read(rss(*(f"<title>{sax.escape(title)}</title><guid>1</guid>" for title in titles)))
    expected = [plain_text(title) for title in titles]
    assert [item.title for item in found.items] == [each for each in expected if each]


@given(st.integers(0, 800))
@settings(max_examples=60)
def test_a_truncated_feed_yields_only_whole_items(cut: int) -> None:
    items = [
        f"<title>Firm {n}: profit rose</title><description><![CDATA[<p>{n}</p>]]></description>"
        for n in range(4)
    ]
    whole = read(rss(*items)).items
    part = read(rss(*items).encode()[:cut])
    assert part.items == whole[: len(part.items)]
    assert part.outcome in (Outcome.MALFORMED, Outcome.REPAIRED, Outcome.OK)


@given(st.lists(st.sampled_from([*(fault for fault in FAULTS if len(fault.body) < 2000)])))
@settings(max_examples=30, deadline=None)
def test_a_memory_changes_no_item(documents: list[Fault]) -> None:
    memory = FeedMemory()
    for fault in documents:
        again = read_feed(fault.body, url=URL, content_type=fault.content_type, memory=memory)
        assert [item.title for item in again.items] == list(fault.titles)


def test_a_memory_keeps_order_and_forgets_what_left() -> None:
    memory = FeedMemory()
    items = [f"<title>Firm {n}</title><link>/{n}</link>" for n in range(6)]
    read(rss(*items[:4]), memory)
    found = read(rss(items[5], *items[2:5], items[5]), memory)
    assert [item.title for item in found.items] == [
        "Firm 5",
        "Firm 2",
        "Firm 3",
        "Firm 4",
        "Firm 5",
    ]
    assert found.items == read(rss(items[5], *items[2:5], items[5])).items
    assert len(memory.items) == 4


def test_a_memory_does_not_outlive_the_base_of_links() -> None:
    memory = FeedMemory()
    document = rss("<title>Profit rose</title><link>/1</link>")
    assert read(document, memory).items[0].url == "https://news.example.com/1"
    moved = document.replace("https://news.example.com/", "https://moved.example.com/")
    assert read(moved, memory).items[0].url == "https://moved.example.com/1"


def test_one_broken_item_costs_no_other() -> None:
    broken = "<title>Sales fell</title><description><p>No end</description>"
    items = ["<title>Profit rose</title>", broken, "<title>Costs rose</title>"]
    found = read(rss(*items))
    assert [item.title for item in found.items] == ["Profit rose", "Sales fell", "Costs rose"]
    assert found.repairs == (Repair.NOT_WELL_FORMED,)
    assert [item.raw for item in found.items] == [f"<item>{item}</item>" for item in items]


def test_an_item_without_its_end_tag_ends_where_the_next_begins() -> None:
    found = read(
        rss("<title>Profit rose</title>", "<title>Sales fell</title>").replace("</item>", "", 1)
    )
    assert [item.title for item in found.items] == ["Profit rose", "Sales fell"]
    assert found.outcome is Outcome.REPAIRED


def test_an_external_entity_is_never_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("secret") / "key"
    secret.write_text("hunter2")
    doctype = f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    found = read(rss("<title>&x;</title>", prolog=doctype))
    assert found.outcome is Outcome.HOSTILE
    assert "hunter2" not in repr(found)


def test_a_web_page_is_named_with_the_feed_that_it_offers() -> None:
    found = read(
        '<!DOCTYPE html><html><head><title>Markets\x1b[31m &amp; more</title><link rel="alternate"'
        ' type="application/rss+xml" href="/rss"></head></html>'
    )
    assert found.outcome is Outcome.BLOCKED
    assert found.detail == (
        "a web page (“Markets[31m & more”) came instead of a feed;"
        " its feed is https://news.example.com/rss"
    )


def test_an_atom_feed_withdraws_entries() -> None:
    found = read(
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/'
        'tombstones/1.0"><title>M</title><entry><id>a</id><title>Profit rose</title></entry>'
        '<at:deleted-entry ref="b" when="2026-07-01T12:00:00Z"/>'
        '<at:deleted-entry ref="c" when="2026-07-01T12:00:00Z">'
        "<at:comment>wrong</at:comment></at:deleted-entry></feed>"
    )
    assert [(item.id, item.retracted) for item in found.items] == [
        ("a", False),
        ("b", True),
        ("c", True),
    ]


def test_symbols_and_the_wish_to_be_left_alone() -> None:
    found = read(
        rss(
            '<title>Profit rose</title><category domain="https://example.com/rss/stock">Nasdaq:ABC'
            "</category><category>Markets</category><nasdaq:tickers>ABC, XYZ</nasdaq:tickers>",
            head="<ttl>15</ttl>",
        ).replace("<rss ", '<rss xmlns:nasdaq="http://nasdaq.com/reference/feeds/1.0" ')
    )
    assert found.items[0].tickers == ("ABC", "XYZ", "Nasdaq:ABC")
    assert found.ttl_s == 900.0


@pytest.mark.parametrize(
    ("head", "rights"),
    [
        ("<copyright>© 2026 Example &amp; Co</copyright>", "© 2026 Example & Co"),
        (
            '<dc:rights xmlns:dc="http://purl.org/dc/elements/1.1/">CC BY 4.0</dc:rights>',
            "CC BY 4.0",
        ),
        (
            '<c:license xmlns:c="http://backend.userland.com/creativeCommonsRssModule">CC0</c:license>',
            "CC0",
        ),
        ("<copyright> </copyright>", None),
        ("", None),
    ],
)
def test_what_a_feed_says_of_its_copyright(head: str, rights: str | None) -> None:
    assert read(rss("<title>Profit rose</title>", head=head)).rights == rights


def test_the_rights_of_an_atom_feed_are_not_those_of_an_entry() -> None:
    entry = "<entry><title>Profit rose</title><rights>All rights reserved</rights></entry>"
    feed = '<feed xmlns="http://www.w3.org/2005/Atom">{}</feed>'

    assert read(feed.format(f"<rights>CC0</rights>{entry}")).rights == "CC0"
    assert read(feed.format(entry)).rights is None


def test_the_clock_of_a_source_without_zones() -> None:
    body = rss("<title>Profit rose</title><pubDate>2026-07-01 08:00:00</pubDate>").encode()
    found = read_feed(body, url=URL, zone=ZoneInfo("America/New_York"))
    stamp = found.items[0].published
    assert stamp is not None
    assert stamp.at is not None
    assert stamp.at.isoformat() == "2026-07-01T12:00:00+00:00"
    assert stamp.zone_assumed


def test_items_beyond_the_limit_are_left_out() -> None:
    body = rss(*(f"<title>Firm {n}</title>" for n in range(9))).encode()
    found = read_feed(body, url=URL, at_most=4)
    assert len(found.items) == 4
    assert found.repairs == (Repair.TOO_MANY_ITEMS,)
