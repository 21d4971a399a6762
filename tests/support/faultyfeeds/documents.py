"""Faults of documents: text, encodings, syntax, times, formats and links."""

from __future__ import annotations

import json

from newsclf.watch.feeds.outcome import Outcome
from tests.support.faultyfeeds.fault import Fault, Stage, item, story, told
from tests.support.feed_faults import rss
from tests.support.feedserver import Reply, reply

_CYRILLIC = "Невский завод удвоил прибыль"
_REPAIRED = frozenset({Outcome.REPAIRED})


def _typed(body: bytes, content_type: str) -> Reply:
    return reply(body, Content_Type=content_type)


def _dated(name: str, row: int, dates: dict[str, tuple[str, str | None]]) -> Fault:
    """A feed with a date in each item.

    Args:
        name: Of the fault.
        row: Of the fault.
        dates: By headline, the text of the date and the time that it means.
    """
    items = [
        story(name, n, title, f"<pubDate>{text}</pubDate>")
        for n, (title, (text, _)) in enumerate(dates.items())
    ]
    return Fault(
        name=name,
        row=row,
        stages=(rss(*items),),
        headlines=told(*dates),
        published={title: iso for title, (_, iso) in dates.items()},
    )


def _said(name: str, row: int | None, stage: Stage, *titles: str, **more: object) -> Fault:
    return Fault(name=name, row=row, stages=(stage,), headlines=told(*titles), **more)  # type: ignore[arg-type] # passed on


_HOME = "<link>https://news.example.com/</link>"
_NOT_WELL_FORMED = rss(
    item("Thistle Brewery taps new markets", guid="1", more="<description><p>x"),
    item("Thistle Brewery bottles up losses", guid="2"),
)
_RDF = """<?xml version="1.0"?>
<rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<channel rdf:about="https://news.example.com/"><title>Markets</title></channel>
<item rdf:about="urn:v:1"><title>Vale Cement raises prices in May</title>
<link>https://news.example.com/vale/1</link><dc:date>2026-07-01T14:00:00+02:00</dc:date></item>
</rdf:RDF>"""
_ATOM_WITH_BASE = """<feed xmlns="http://www.w3.org/2005/Atom"
  xml:base="https://news.example.com/base/"><title>Markets</title>
<entry><id>w2</id><title>Willow Textiles spins off a unit</title><link href="w/2"/></entry>
</feed>"""
_JSON_ITEM = {
    "id": 7,
    "url": "/1",
    "title": "Xenon Lamps brightens its forecast",
    "date_published": "2026-07-01T08:00:00-04:00",
}
_HALF_CHARACTERS = {
    "id": "\ud800",
    "url": "https://news.example.com/\ud800",
    "tags": ["\udfff"],
    "title": "Yarrow Herbs\ud83d grows \0again",
    "date_published": "\ud800",
}
_NOON = "2026-07-01T12:00:00+00:00"

TEXTS = (
    _said(
        "escaped-twice",
        7,
        rss(
            item("Nettle &amp;amp; Sons lifts its outlook", guid="1"),
            item("Nettle&amp;#8217;s rival warns of a loss", guid="2"),
        ),
        "Nettle & Sons lifts its outlook",
        "Nettle\u2019s rival warns of a loss",
    ),
    _said(
        "markup-in-titles",
        8,
        rss(
            item("&lt;b&gt;Ochre Paints&lt;/b&gt; sells its &lt;i&gt;stores&lt;/i&gt;", guid="1"),
            item("Investors &lt;3 Ochre Paints, again", guid="2"),
            item("<![CDATA[Ochre <br/>Paints: P/E < 10]]>", guid="3"),
        ),
        "Ochre Paints sells its stores",
        "Investors <3 Ochre Paints, again",
        "Ochre Paints: P/E < 10",
    ),
    _said(
        "header-lies-about-encoding",
        9,
        _typed(
            rss(item("Pfäffikon Präzision erhöht Prognose €", guid="1")).encode(),
            "text/xml; charset=us-ascii",
        ),
        "Pfäffikon Präzision erhöht Prognose €",
    ),
    _said(
        "prolog-lies-about-encoding",
        10,
        rss(
            item(_CYRILLIC, guid="1"), prolog='<?xml version="1.0" encoding="windows-1251"?>'
        ).encode(),
        _CYRILLIC,
    ),
    _said(
        "encoding-without-a-name",
        9,
        _typed(rss(item("Rémy – café “noir” prices rise", guid="1")).encode("cp1252"), "text/xml"),
        "Rémy – café “noir” prices rise",
    ),
    _said(
        "blank-line-and-mark-first",
        11,
        b"\xef\xbb\xbf\r\n\n"
        + rss(item("Quarry Stone pays a special dividend", guid="1")).encode(),
        "Quarry Stone pays a special dividend",
    ),
    _said(
        "control-characters",
        12,
        rss(item("Rowan\x08 Timber re\x02opens a mill\x00", guid="1\x01")),
        "Rowan Timber reopens a mill",
    ),
    _said(
        "html-entities",
        13,
        rss(item("Sable&nbsp;Furs co&shy;llapses &mdash; &bogus; R&D", guid="1")),
        "Sable Furs collapses — &bogus; R&D",
    ),
    Fault(
        name="not-well-formed",
        row=14,
        stages=(_NOT_WELL_FORMED,),
        headlines=told("Thistle Brewery taps new markets", "Thistle Brewery bottles up losses"),
        outcomes=_REPAIRED,
    ),
    _said(
        "not-a-feed",
        14,
        _typed(b"Out of disk space\n", "text/plain"),
        outcomes=frozenset({Outcome.MALFORMED}),
    ),
    Fault(
        name="many-references",
        row=31,
        stages=(
            rss(
                item(
                    "Umber Press prints all its references",
                    guid="1",
                    more=f"<description>{'&lt;p&gt;&amp;amp;&#233;' * 30_000}</description>",
                )
            ),
        ),
        headlines=told("Umber Press prints all its references"),
    ),
    _said(
        "rdf",
        32,
        _RDF,
        "Vale Cement raises prices in May",
        published={"Vale Cement raises prices in May": _NOON},
    ),
    Fault(
        name="relative-links",
        row=33,
        stages=(
            rss(item("Willow Textiles weaves a merger", guid="1", link="/w/1")).replace(_HOME, ""),
            _ATOM_WITH_BASE,
        ),
        headlines=told("Willow Textiles weaves a merger", "Willow Textiles spins off a unit"),
        links={
            "Willow Textiles weaves a merger": "{server}/w/1",
            "Willow Textiles spins off a unit": "https://news.example.com/base/w/2",
        },
    ),
    _said(
        "json-called-xml",
        None,
        json.dumps({"items": [_JSON_ITEM]}),
        "Xenon Lamps brightens its forecast",
        published={"Xenon Lamps brightens its forecast": _NOON},
    ),
    _said(
        "json-with-half-characters",
        None,
        json.dumps({"items": [_HALF_CHARACTERS]}),
        "Yarrow Herbs grows again",
    ),
)

DATES = (
    _dated(
        "odd-dates",
        15,
        {
            "Aspen Lifts carries more skiers": ("2016/6/29 15:07", "2016-06-29T15:07:00+00:00"),
            "Aspen Lifts buys a slope": ("03 Sep 15", None),
            "Aspen Lifts dates from antiquity": ("Thu, 01 Jan 0001 00:00:00 GMT", None),
            "Aspen Lifts opens on a day that is none": ("Wed, 31 Jun 2026 12:00:00 GMT", None),
        },
    ),
    _dated(
        "dates-in-other-languages",
        16,
        {
            "Birch Papiere senkt die Preise": (
                "Mi., 1. Okt. 2025 14:00:00 +0200",
                "2025-10-01T12:00:00+00:00",
            ),
            "Birch Papiers augmente ses prix": ("mer. 1 juillet 2026 14:00:00 +0200", _NOON),
            "Birch Papir hæver sine priser": ("onsdag den fyrste sommer", None),
        },
    ),
    _dated("no-time-zone", 17, {"Cedar Chests opens a factory": ("2026-07-01 12:00:00", _NOON)}),
    _dated(
        "odd-time-zones",
        18,
        {
            "Dogwood Pianos tunes its guidance": ("Wed, 01 Jul 2026 08:00:00 EST", _NOON),
            "Dogwood Pianos strikes a chord": ("Wed, 01 Jul 2026 14:00:00 CEST", _NOON),
            "Dogwood Pianos goes flat": ("Wed, 01 Jul 2026 12:00:00 -0000", _NOON),
            "Dogwood Pianos goes sharp": ("Wed, 01 Jul 2026 12:00:00 +9900", _NOON),
        },
    ),
    Fault(
        name="dates-in-the-future",
        row=19,
        stages=(
            rss(
                story(
                    "future", 1, "Elder Wines ages well", "<pubDate>2098-01-01T00:00:00Z</pubDate>"
                )
            ),
            rss(
                story(
                    "future", 2, "Elder Wines turns sour", "<pubDate>2026-07-01T12:00:00Z</pubDate>"
                )
            ),
        ),
        headlines=told("Elder Wines ages well", "Elder Wines turns sour"),
        published={
            "Elder Wines ages well": "2098-01-01T00:00:00+00:00",
            "Elder Wines turns sour": _NOON,
        },
    ),
    Fault(
        name="each-date-is-now",
        row=20,
        stages=tuple(
            rss(
                story(
                    "now",
                    1,
                    "Fennel Soups warms up investors",
                    f"<pubDate>2026-07-01T12:0{n}:00Z</pubDate><updated>2026-07-0{n}</updated>",
                ),
                story("now", 2, "Fennel Soups cools down later"),
            )
            for n in range(1, 4)
        ),
        headlines=told("Fennel Soups warms up investors", "Fennel Soups cools down later"),
        published={
            "Fennel Soups warms up investors": "2026-07-01T12:01:00+00:00",
            "Fennel Soups cools down later": None,
        },
        rows=2,
    ),
)
