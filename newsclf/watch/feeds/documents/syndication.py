"""RSS, RDF, Atom and JSON Feed: read a feed document, however broken, into items.

feedparser reads the XML. What is done before it (encoding, entities, forbidden characters,
declarations) and after it (text, times, addresses) is ours; decision 0075 has the measurements.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, TypeVar
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

from newsclf.watch.feeds.documents import xml_text
from newsclf.watch.feeds.documents.encodings import decode
from newsclf.watch.feeds.documents.reading import Reading, Repair, failed, read
from newsclf.watch.feeds.documents.text import MAX_SUMMARY, first_sentence, plain_text
from newsclf.watch.feeds.documents.times import stamp
from newsclf.watch.feeds.documents.web_pages import web_page
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.item import Item

MAX_ITEMS = 5_000
"""Items of one document; the largest feeds of publishers have some hundreds."""
MAX_TAGS = 200_000
"""Tags of one document, of which broken ones take 0.1 ms each; 5,000 items have half of them."""
MAX_RIGHTS = 500
"""Characters of what a feed says of its copyright."""
MAX_RAW = 100_000
"""Characters of an item that are kept as its raw text."""
_MAX_ID = 2_000
_MOST_DIGITS = 6
"""Of an interval in minutes, which is then below two years; Python refuses to read thousands."""
_Entry = dict[str, Any]
_T = TypeVar("_T")
_ROOTS = {"rss", "rdf", "feed"}
_SYMBOL_SCHEMES = ("stock", "symbol", "ticker")
_UPDATE_PERIODS_S = {
    "hourly": 3_600.0,
    "daily": 86_400.0,
    "weekly": 604_800.0,
    "monthly": 2_592_000.0,
    "yearly": 31_536_000.0,
}


@dataclass(frozen=True, slots=True)
class _Place:
    """What relative links and times without a zone are relative to."""

    base: str
    zone: ZoneInfo | None


_Found = tuple[Item | None, frozenset[Repair]]
_NOTHING: _Found = (None, frozenset({Repair.EMPTY_ITEMS}))


@dataclass(slots=True)
class FeedMemory:
    """Items of a feed's last document, so that only what is new in the next one is parsed.

    Most of a document is what the last one had, and parsing is most of the work. What is read with
    a memory is the same as without, except that a fault of the syntax in an item is told once.
    """

    context: tuple[str, str, _Place] | None = None
    items: dict[str, _Found] = field(default_factory=dict)
    """Raw text of an item → what was read from it."""


def read_feed(
    body: bytes,
    *,
    url: str,
    content_type: str | None = None,
    zone: ZoneInfo | None = None,
    at_most: int = MAX_ITEMS,
    memory: FeedMemory | None = None,
) -> Reading:
    """Read a feed.

    Nothing that a document says is fetched, and entities that it declares are not expanded.

    Args:
        body: The document, uncompressed.
        url: Its address after redirects; relative links are resolved against it.
        content_type: Value of the HTTP header.
        zone: The source's clock, for times without a zone; by default UTC.
        at_most: Items to return.
        memory: Of the same source; it is brought up to date.

    Returns:
        The items, in the document's order, or why there are none. It raises nothing for a document.
    """
    decoded, place = decode(body, content_type), _Place(url, zone)
    repairs = {Repair.ENCODING} if decoded.declared_otherwise else set()
    text = decoded.text
    if not text.strip():
        return failed(Outcome.MALFORMED, "the document is empty")
    if text.lstrip()[0] in "{[":
        return _read_json_feed(text, repairs, place=place, at_most=at_most)
    if page := web_page(text, url):
        return page
    if refused := _refusal(text):
        return refused
    root = xml_text.root_name(text)
    if text[0] != "<" or not _is_feed(root):
        text = xml_text.without_leading_text(text)
        root = xml_text.root_name(text)
        repairs.add(Repair.LEADING_TEXT)
    if root is None or not _is_feed(root):
        what = "has no XML element" if root is None else f"begins with <{root[:40]}>"
        return failed(Outcome.MALFORMED, f"not a feed: the document {what}")
    memory = memory or FeedMemory()
    return _read_xml(text, root, repairs, place=place, at_most=at_most, memory=memory)


def _refusal(text: str) -> Reading | None:
    """Why a document of XML is not read; None if it is."""
    if xml_text.declares_entities(text):
        return failed(
            Outcome.HOSTILE, "the document declares XML entities of its own, so it was not read"
        )
    if xml_text.has_more_tags(text, MAX_TAGS):
        return failed(Outcome.TOO_LARGE, f"the document has more than {MAX_TAGS:,} tags")
    return None


def _is_feed(root: str | None) -> bool:
    return root is not None and root.lower() in _ROOTS


def _read_xml(
    text: str, root: str, repairs: set[Repair], *, place: _Place, at_most: int, memory: FeedMemory
) -> Reading:
    text = _mended(text, repairs)
    spans = xml_text.item_spans(text)
    if spans.open_at is not None or not xml_text.is_closed(text, root):
        repairs.add(Repair.TRUNCATED)
        text = text[: spans.open_at]
    listed = _at_most(at_most, [span for span in spans.found if not span.deleted], repairs)
    raws = {span.text: span for span in reversed(listed)}  # the first of several is left
    raws = dict(sorted(raws.items(), key=lambda each: each[1].start))
    new = {raw: span for raw, span in raws.items() if raw not in memory.items}
    wanted = {span.start for span in new.values()}
    old = [span for span in spans.found if span.start not in wanted]
    parsed = _parse(xml_text.without_spans(text, old))
    if parsed is None:
        around = _parse(xml_text.without_spans(text, spans.found))
        parsed = {"feed": {}, **(around or {}), "bozo": True}
    feed, version = parsed["feed"], parsed.get("version") or ""
    place = replace(place, base=_absolute(_text(feed.get("link")), place.base) or place.base)
    context = (xml_text.root_tag(text), version, place)
    if memory.items and memory.context != context:
        memory.items.clear()
        return _read_xml(text, root, repairs, place=place, at_most=at_most, memory=memory)
    if parsed.get("bozo") and Repair.TRUNCATED not in repairs:
        repairs.add(Repair.NOT_WELL_FORMED)
    if parsed.get("bozo") or len(parsed["entries"]) != len(new):
        pairs = _one_by_one(list(new), context[0], root)
    else:
        pairs = zip(parsed["entries"], new, strict=True)
    found = {raw: _item(_dated(entry, version), place, raw) for entry, raw in pairs}
    memory.context = context
    memory.items = {raw: found.get(raw) or memory.items.get(raw, _NOTHING) for raw in raws}
    each = [memory.items[span.text] for span in listed]
    return read(
        [*(item for item, _ in each if item), *_deleted(spans, place)],
        repairs.union(*(faults for _, faults in each)),
        title=plain_text(_text(feed.get("title")) or "") or None,
        rights=_rights(feed),
        ttl_s=_ttl_s(feed),
    )


def _at_most(number: int, items: list[_T], repairs: set[Repair]) -> list[_T]:
    if len(items) > number:
        repairs.add(Repair.TOO_MANY_ITEMS)
    return items[:number]


def _mended(text: str, repairs: set[Repair]) -> str:
    """The XML without declarations, forbidden characters and unknown entities."""
    text = xml_text.without_declarations(text)
    cleaned = xml_text.without_illegal_characters(text)
    if cleaned != text:
        repairs.add(Repair.CONTROL_CHARACTERS)
    known = xml_text.with_known_references(cleaned)
    if known != cleaned:
        repairs.add(Repair.ENTITIES)
    return xml_text.without_excessive_attributes(known)


def _one_by_one(entries: list[str], root_tag: str, root: str) -> Iterator[tuple[_Entry, str]]:
    """The items of a broken document, each read alone, so that one fault costs one item."""
    channel, end = ("<channel>", "</channel>") if root.lower() == "rss" else ("", "")
    name = root_tag[1:].split(maxsplit=1)[0].rstrip(">")
    for raw in entries:
        for tried in (raw, xml_text.without_prefixed_tags(raw)):
            parsed = _parse(f"{root_tag}{channel}{tried}{end}</{name}>")
            if parsed and parsed["entries"]:
                yield parsed["entries"][0], raw
                break


def _dated(entry: _Entry, version: str) -> _Entry:
    """An entry of RSS with Dublin Core's date as its publication, where it has no other."""
    if version.startswith("rss") and "published" not in entry and "updated" in entry:
        return {**entry, "published": entry["updated"], "updated": None}
    return entry


@cache
def _feedparser() -> Any:
    """The library feedparser, without its search for mail addresses in the names of authors.

    No item needs them, and its time grows with the square of a name's length: one of a megabyte
    would keep the whole program from running for hours.
    """
    import feedparser
    from feedparser.mixin import _FeedParserMixin

    _FeedParserMixin._sync_author_detail = lambda *_: None  # noqa: SLF001
    return feedparser


def _parse(text: str) -> dict[str, Any] | None:
    """What feedparser finds; None where it raises, as for coordinates in an odd place."""
    try:
        parsed: dict[str, Any] = _feedparser().parse(
            text.encode("utf-8", "replace"),
            response_headers={"content-type": "application/xml; charset=utf-8"},
            resolve_relative_uris=False,
            sanitize_html=False,
        )
    except Exception:  # noqa: BLE001 - whatever a source can make it raise
        return None
    return parsed


def _item(entry: _Entry, place: _Place, raw: str) -> _Found:
    summary = plain_text(_summary(entry), at_most=MAX_SUMMARY)
    title, faults = plain_text(_text(entry.get("title")) or ""), frozenset[Repair]()
    if not title:
        if not summary:
            return _NOTHING
        title, faults = first_sentence(summary), frozenset({Repair.NO_TITLES})
    item = Item(
        title=title,
        id=_identifier(entry.get("id")),
        url=_address(entry, place.base),
        summary=summary or None,
        published=stamp(entry.get("published"), zone=place.zone),
        # feedparser's own look-up would answer with `published` where there is no `updated`.
        updated=stamp(dict.get(entry, "updated"), zone=place.zone),
        tickers=_tickers(entry),
        raw=raw[:MAX_RAW],
    )
    return item, faults


def _summary(entry: _Entry) -> str:
    contents = [_text(each.get("value")) for each in entry.get("content") or ()]
    return next((text for text in (_text(entry.get("summary")), *contents) if text), "")


def _identifier(value: object) -> str | None:
    """An identifier as given; an empty one is none, but `0` is one."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip()[:_MAX_ID] or None


def _address(entry: _Entry, base: str) -> str | None:
    """Address of an item's page: its link, its permanent id, or its first enclosure."""
    links = entry.get("links") or ()
    pages = [each.get("href") for each in links if each.get("rel") == "alternate"]
    others = [each.get("href") for each in links if each.get("rel") == "enclosure"]
    # A guid counts as a link only where it is a whole address: many are bare numbers.
    guid = _text(entry.get("id")) if entry.get("guidislink") or not pages else None
    if guid and not guid.startswith(("http://", "https://")):
        guid = None
    for link in (entry.get("feedburner_origlink"), *pages, guid, *others):
        if address := _absolute(_text(link), base):
            return address
    return None


def _absolute(link: str | None, base: str) -> str | None:
    """An absolute address of the web; None for anything else, such as `javascript:`."""
    if not link or not link.strip():
        return None
    try:
        address = urljoin(base, "".join(link.split()))
    except ValueError:
        return None
    return address if address.lower().startswith(("http://", "https://")) else None


def _tickers(entry: _Entry) -> tuple[str, ...]:
    """Symbols in categories of a scheme for them, and in Nasdaq's own element."""
    listed = (_text(entry.get("nasdaq_tickers")) or "").split(",")
    for tag in entry.get("tags") or ():
        scheme = (_text(tag.get("scheme")) or "").lower()
        if scheme.rstrip("/").endswith(_SYMBOL_SCHEMES):
            listed.append(_text(tag.get("term")) or "")
    return tuple(dict.fromkeys(each.strip() for each in listed if each.strip()))


def _deleted(spans: xml_text.Spans, place: _Place) -> Iterator[Item]:
    """Entries that an Atom feed announces as removed (RFC 6721)."""
    for span in spans.found:
        if span.deleted:
            said = xml_text.attributes(span.text)
            if identifier := _identifier(said.get("ref")):
                yield Item(
                    title="",
                    id=identifier,
                    updated=stamp(said.get("when"), zone=place.zone),
                    retracted=True,
                    raw=span.text[:MAX_RAW],
                )


def _rights(feed: _Entry) -> str | None:
    """RSS's `copyright`, Atom's and Dublin Core's `rights`, else the address of a licence."""
    said = _text(feed.get("rights")) or _text(feed.get("license")) or ""
    return plain_text(said, at_most=MAX_RIGHTS) or None


def _ttl_s(feed: _Entry) -> float | None:
    """How long a feed asks to be left alone: RSS's `ttl`, or the syndication module's period."""
    if (minutes := _number(feed.get("ttl"))) is not None:
        return minutes * 60.0
    period = _UPDATE_PERIODS_S.get((_text(feed.get("sy_updateperiod")) or "").strip().lower())
    times = _number(feed.get("sy_updatefrequency")) or 1.0
    return period / times if period is not None else None


def _number(value: object) -> float | None:
    digits = (_text(value) or "").strip().lstrip("0")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS
    return float(digits) if is_number else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _read_json_feed(text: str, repairs: set[Repair], *, place: _Place, at_most: int) -> Reading:
    """JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/)."""
    try:
        feed = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return failed(Outcome.MALFORMED, "not a feed: the document is broken JSON")
    if not isinstance(feed, dict) or not isinstance(feed.get("items"), list):
        return failed(Outcome.MALFORMED, "not a feed: the document is JSON without a list of items")
    home = _absolute(_text(feed.get("home_page_url")), place.base)
    place = replace(place, base=home or place.base)
    each = [
        _item(_as_entry(entry), place, json.dumps(entry, ensure_ascii=False))
        for entry in _at_most(at_most, feed["items"], repairs)
        if isinstance(entry, dict)
    ]
    return read(
        [item for item, _ in each if item],
        repairs.union(*(faults for _, faults in each)),
        title=plain_text(_text(feed.get("title")) or "") or None,
    )


def _as_entry(item: _Entry) -> _Entry:
    """An item of JSON Feed under the names that feedparser gives to those of XML."""
    bodies = (item.get(name) for name in ("summary", "content_text", "content_html"))
    links = (item.get(name) for name in ("url", "external_url"))
    return {
        "id": item.get("id"),
        "title": item.get("title"),
        "summary": next((body for body in bodies if _text(body)), None),
        "links": [{"rel": "alternate", "href": link} for link in links if _text(link)],
        "published": item.get("date_published"),
        "updated": item.get("date_modified"),
    }
