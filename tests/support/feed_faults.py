"""Feeds with the faults that users of feed readers report, and what should be read from each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from newsclf.watch.feeds.documents.reading import Repair
from newsclf.watch.feeds.outcome import Outcome

URL = "https://news.example.com/feeds/markets.xml"
NOON = "2026-07-01T12:00:00+00:00"
_XML = "application/rss+xml"
_UNCHECKED = ("unchecked",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A document with one fault."""

    name: str
    body: bytes
    titles: Sequence[str] = ("Profit rose",)
    content_type: str | None = _XML
    ids: Sequence[str | None] = _UNCHECKED
    urls: Sequence[str | None] = _UNCHECKED
    times: Sequence[str | None] = _UNCHECKED
    """ISO 8601 of each item's publication."""
    outcome: Outcome = Outcome.OK
    repairs: frozenset[Repair] = frozenset()

    def expects(self, what: str) -> bool:
        """Whether a field of its items is checked."""
        return getattr(self, what) is not _UNCHECKED


def rss(*items: str, head: str = "", prolog: str = '<?xml version="1.0"?>') -> str:
    """An RSS 2.0 document with the given items."""
    wrapped = "".join(f"<item>{item}</item>\n" for item in items)
    return (
        f'{prolog}<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Markets</title>'
        f"<link>https://news.example.com/</link>{head}\n{wrapped}</channel></rss>"
    )


def _fault(name: str, *items: str, **expected: object) -> Fault:
    return Fault(name=name, body=rss(*items).encode(), **expected)  # type: ignore[arg-type] # passed on


def _title(text: str, title: str, **expected: object) -> Fault:
    return _fault(f"title {text}", f"<title>{text}</title>", titles=(title,), **expected)


def _date(text: str, iso: str | None, *repairs: Repair) -> Fault:
    return _fault(
        f"date {text!r}",
        f"<title>Profit rose</title><pubDate>{text}</pubDate>",
        times=(iso,),
        repairs=frozenset(repairs),
    )


_ONE = "<title>Profit rose</title><guid>a</guid>"
_ZONE = Repair.ASSUMED_ZONES
_UNREAD = Repair.UNREADABLE_TIMES
_CYRILLIC = "Прибыль выросла на треть"
_DASH = "Zürich – profit “rose” 5 €"
_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "profit"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
_EXTERNAL = '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
_CHALLENGE = (
    "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking</body></html>"
)

IDENTIFIERS = (
    _fault(
        "one guid for all",
        "<title>Profit rose</title><guid>N/A</guid>",
        "<title>Sales fell</title><guid>N/A</guid>",
        titles=("Profit rose", "Sales fell"),
        ids=("N/A", "N/A"),
        repairs=frozenset({Repair.DUPLICATE_IDS}),
    ),
    _fault(
        "no guid",
        "<title>Profit rose</title><link>https://news.example.com/1</link>",
        ids=(None,),
        urls=("https://news.example.com/1",),
    ),
    _fault("empty guid", "<title>Profit rose</title><guid></guid>", ids=(None,)),
    _fault("guid 0", "<title>Profit rose</title><guid>0</guid>", ids=("0",), urls=(None,)),
    _fault(
        "guid is an address but no link",
        '<title>Profit rose</title><guid isPermaLink="false">https://cms.internal.example/1</guid>'
        "<link>https://news.example.com/1</link>",
        ids=("https://cms.internal.example/1",),
        urls=("https://news.example.com/1",),
    ),
    _fault(
        "guid looks relative",
        "<title>Profit rose</title><guid>story/17</guid>",
        ids=("story/17",),
        urls=(None,),
    ),
    _fault(
        "permanent guid without link",
        "<title>Profit rose</title><guid>https://news.example.com/1</guid>",
        urls=("https://news.example.com/1",),
    ),
)

TITLES = (
    _title("R&amp;amp;D costs", "R&D costs"),
    _title("Firm&amp;#8217;s profit", "Firm\u2019s profit"),
    _title("<![CDATA[AT&amp;T gains]]>", "AT&T gains"),
    _title("<![CDATA[AT&T gains]]>", "AT&T gains"),
    _title("&lt;b&gt;Profit&lt;/b&gt; rose", "Profit rose"),
    _title("<![CDATA[<i>Profit</i><br/>rose]]>", "Profit rose"),
    _title("Investors &lt;3 dividends", "Investors <3 dividends"),
    _title("P/E &lt; 10 and &gt; 5", "P/E < 10 and > 5"),
    _title("Buy &lt;NET&gt; now", "Buy <NET> now"),
    _title("S&amp;P 500", "S&P 500"),
    _title("  Profit\n   rose ", "Profit rose"),
    _title("Profit&nbsp;rose &eacute;", "Profit rose é", repairs=frozenset({Repair.ENTITIES})),
    _title("Johnson & Johnson", "Johnson & Johnson", repairs=frozenset({Repair.ENTITIES})),
    _title("Bonds &bogus; up", "Bonds &bogus; up", repairs=frozenset({Repair.ENTITIES})),
    _title("Profit &#x1F4C8; rose&#8;", "Profit 📈 rose", repairs=frozenset({Repair.ENTITIES})),
    _fault(
        "media title after the title",
        "<title>Profit rose</title><media:content><media:title>A photo</media:title>"
        "</media:content>",
    ),
    _fault(
        "media title before the title",
        "<media:title>A photo</media:title><title>Profit rose</title>",
    ),
    _fault(
        "markup as elements in the title",
        "<title>Profit <b>rose</b> again</title>",
        titles=("Profit rose again",),
    ),
    _fault(
        "no title",
        "<description>&lt;p&gt;Profit rose by a third. Sales fell.&lt;/p&gt;</description>",
        titles=("Profit rose by a third.",),
        repairs=frozenset({Repair.NO_TITLES}),
    ),
    _fault(
        "neither title nor text",
        "<link>https://news.example.com/1</link>",
        _ONE,
        outcome=Outcome.REPAIRED,
        repairs=frozenset({Repair.EMPTY_ITEMS}),
    ),
    _fault(
        "huge title",
        f"<title>{'Profit rose ' * 50_000}</title>",
        titles=(("Profit rose " * 167)[:1999].rstrip() + "…",),
    ),
)

ENCODINGS = (
    Fault(
        name="header says Latin-1, bytes are UTF-8",
        body=rss(f"<title>{_DASH}</title>").encode(),
        content_type="text/xml; charset=ISO-8859-1",
        titles=(_DASH,),
        repairs=frozenset({Repair.ENCODING}),
    ),
    Fault(
        name="text/xml without charset",
        body=rss(f"<title>{_DASH}</title>").encode(),
        content_type="text/xml",
        titles=(_DASH,),
    ),
    Fault(
        name="prolog says cp1251, bytes are UTF-8",
        body=rss(
            f"<title>{_CYRILLIC}</title>", prolog='<?xml version="1.0" encoding="windows-1251"?>'
        ).encode(),
        titles=(_CYRILLIC,),
        repairs=frozenset({Repair.ENCODING}),
    ),
    Fault(
        name="prolog says UTF-8, bytes are cp1252",
        body=rss(f"<title>{_DASH}</title>", prolog='<?xml version="1.0" encoding="utf-8"?>').encode(
            "cp1252"
        ),
        titles=(_DASH,),
        repairs=frozenset({Repair.ENCODING}),
    ),
    Fault(
        name="cp1251, as the prolog says",
        body=rss(
            f"<title>{_CYRILLIC}</title>", prolog='<?xml version="1.0" encoding="windows-1251"?>'
        ).encode("cp1251"),
        titles=(_CYRILLIC,),
    ),
    Fault(
        name="Shift JIS, as the header says",
        body=rss("<title>利益が増えた</title>").encode("shift_jis"),
        content_type="application/xml; charset=Shift_JIS",
        titles=("利益が増えた",),
    ),
    Fault(
        name="unknown charset in the header",
        body=rss(f"<title>{_DASH}</title>").encode(),
        content_type="application/xml; charset=nonsense",
        titles=(_DASH,),
    ),
    Fault(
        name="UTF-16 with its mark",
        body=rss(
            f"<title>{_CYRILLIC}</title>", prolog='<?xml version="1.0" encoding="utf-16"?>'
        ).encode("utf-16"),
        content_type="application/xml",
        titles=(_CYRILLIC,),
    ),
    Fault(
        name="UTF-16 without a mark, prolog says UTF-8",
        body=rss(
            f"<title>{_CYRILLIC}</title>", prolog='<?xml version="1.0" encoding="utf-8"?>'
        ).encode("utf-16-le"),
        titles=(_CYRILLIC,),
        repairs=frozenset({Repair.ENCODING}),
    ),
    Fault(
        name="one broken byte in UTF-8",
        body=rss(f"<title>{_CYRILLIC}</title>", "<title>Bad \x01 byte</title>")
        .encode()
        .replace(b"\x01", b"\xff"),
        titles=(_CYRILLIC, "Bad � byte"),
        repairs=frozenset({Repair.ENCODING}),
    ),
    Fault(name="byte-order mark", body=b"\xef\xbb\xbf" + rss(_ONE).encode()),
    Fault(
        name="blank lines first",
        body=b"\n\n  " + rss(_ONE).encode(),
        repairs=frozenset({Repair.LEADING_TEXT}),
    ),
    Fault(
        name="two byte-order marks and a blank",
        body=b"\xef\xbb\xbf\xef\xbb\xbf " + rss(_ONE).encode(),
        repairs=frozenset({Repair.LEADING_TEXT}),
    ),
    Fault(
        name="a program's warning first",
        body=b"<br />\n<b>Warning</b>: include() on line 3<br />\n" + rss(_ONE).encode(),
        repairs=frozenset({Repair.LEADING_TEXT}),
    ),
    _fault(
        "control characters",
        "<title>Profit\x08 ro\x02se</title>",
        repairs=frozenset({Repair.CONTROL_CHARACTERS}),
    ),
)

STRUCTURE = (
    Fault(
        name="end tag missing",
        body=rss("<title>Profit rose</title><description><p>One", _ONE).encode(),
        titles=("Profit rose", "Profit rose"),
        outcome=Outcome.REPAIRED,
        repairs=frozenset({Repair.NOT_WELL_FORMED}),
    ),
    Fault(
        name="prefix without a namespace",
        body=rss(f"{_ONE}<foo:bar>1</foo:bar>").encode(),
        outcome=Outcome.REPAIRED,
        repairs=frozenset({Repair.NOT_WELL_FORMED}),
    ),
    Fault(
        name="truncated in an item",
        body=rss(_ONE, "<title>Sales fell sharply</title>").encode().partition(b" sharply")[0],
        outcome=Outcome.REPAIRED,
        repairs=frozenset({Repair.TRUNCATED}),
    ),
    Fault(
        name="truncated after an item",
        body=rss(_ONE).encode().removesuffix(b"</channel></rss>"),
        outcome=Outcome.REPAIRED,
        repairs=frozenset({Repair.TRUNCATED}),
    ),
    Fault(
        name="truncated in CDATA",
        body=rss(_ONE, "<title>Sales</title><description><![CDATA[<p>Sales fell]]></description>")
        .encode()
        .partition(b" fell]]>")[0],
        outcome=Outcome.REPAIRED,
        repairs=frozenset({Repair.TRUNCATED}),
    ),
    Fault(name="no items", body=rss().encode(), titles=(), outcome=Outcome.EMPTY),
    Fault(name="no bytes", body=b"", titles=(), outcome=Outcome.MALFORMED),
    Fault(name="only blanks", body=b" \r\n", titles=(), outcome=Outcome.MALFORMED),
    Fault(name="plain text", body=b"Too many requests", titles=(), outcome=Outcome.MALFORMED),
    Fault(
        name="other XML",
        body=b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
        titles=(),
        outcome=Outcome.MALFORMED,
    ),
    Fault(name="bytes", body=bytes(range(256)) * 9, titles=(), outcome=Outcome.MALFORMED),
    Fault(
        name="challenge as a feed",
        body=_CHALLENGE.encode(),
        titles=(),
        outcome=Outcome.BLOCKED,
    ),
    Fault(
        name="challenge as XHTML",
        body=b'<?xml version="1.0"?>\n<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Access'
        b" denied</title></head></html>",
        titles=(),
        outcome=Outcome.BLOCKED,
    ),
    Fault(
        name="error page",
        body=b"<html><head><title>503 Service Temporarily Unavailable</title></head></html>",
        content_type="text/html",
        titles=(),
        outcome=Outcome.FAILED,
    ),
    Fault(
        name="XML bomb",
        body=rss("<title>&c;</title>", prolog=_BOMB).encode(),
        titles=(),
        outcome=Outcome.HOSTILE,
    ),
    Fault(
        name="XML bomb in UTF-16",
        body=rss("<title>&c;</title>", prolog=_BOMB).encode("utf-16"),
        titles=(),
        outcome=Outcome.HOSTILE,
    ),
    Fault(
        name="external entity",
        body=rss("<title>&x;</title>", prolog=_EXTERNAL).encode(),
        titles=(),
        outcome=Outcome.HOSTILE,
    ),
    Fault(
        name="DOCTYPE of RSS 0.91",
        body=b'<?xml version="1.0"?><!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS'
        b' 0.91//EN" "http://my.netscape.com/publish/formats/rss-0.91.dtd"><rss version="0.91">'
        b"<channel><title>M</title><item><title>Profit rose</title>"
        b"<link>http://news.example.com/1</link></item></channel></rss>",
        urls=("http://news.example.com/1",),
    ),
    _fault(
        "a declaration as text",
        "<title>Profit rose</title><description><![CDATA[<!ENTITY a 'b'>]]></description>",
    ),
    _fault(
        "many predefined entities",
        f"<title>Profit rose</title><description>{'&lt;p&gt;&amp;amp;' * 40_000}</description>",
    ),
)

FORMATS = (
    Fault(
        name="RSS 1.0 with Dublin Core",
        body=b'<?xml version="1.0"?><rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:rdf="http://www'
        b'.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel '
        b'rdf:about="https://news.example.com/"><title>M</title><items><rdf:Seq><rdf:li resource="u'
        b'"/></rdf:Seq></items></channel><item rdf:about="urn:story:1"><title>Profit rose</title>'
        b"<link>https://news.example.com/1</link><dc:date>2026-07-01T14:00:00+02:00</dc:date></item>"
        b"</rdf:RDF>",
        ids=("urn:story:1",),
        urls=("https://news.example.com/1",),
        times=(NOON,),
    ),
    Fault(
        name="Atom",
        body=b'<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>M'
        b'</title><entry><id>tag:1</id><title type="html">Profit &amp;lt;b&amp;gt;&lt;b&gt;rose&lt;/b'
        b'&gt;</title><link rel="self" href="/self"/><link href="/1"/><published>2026-07-01T12:00:00Z'
        b"</published><updated>2026-07-02T12:00:00Z</updated></entry></feed>",
        ids=("tag:1",),
        urls=("https://news.example.com/1",),
        times=(NOON,),
    ),
    Fault(
        name="Atom with XHTML title",
        body=b'<feed xmlns="http://www.w3.org/2005/Atom"><title>M</title><entry><id>tag:1</id><title '
        b'type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Profit <em>rose</em></div></title>'
        b"</entry></feed>",
    ),
    Fault(
        name="Atom with xml:base",
        body=b'<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://other.example.com/a/">'
        b'<title>M</title><entry xml:base="b/"><id>t</id><title>Profit rose</title><link href="c"/>'
        b"</entry></feed>",
        urls=("https://other.example.com/a/b/c",),
    ),
    Fault(
        name="Atom without published",
        body=b'<feed xmlns="http://www.w3.org/2005/Atom"><title>M</title><entry><id>t</id><title>Profit'
        b" rose</title><updated>2026-07-01T12:00:00Z</updated></entry></feed>",
        times=(None,),
    ),
    _fault(
        "relative link",
        "<title>Profit rose</title><link>/a/1</link>",
        urls=("https://news.example.com/a/1",),
    ),
    _fault(
        "script as a link",
        "<title>Profit rose</title><link>javascript:alert(1)</link>",
        urls=(None,),
    ),
    _fault(
        "link over several lines",
        "<title>Profit rose</title><link>\n  https://news.example.com/1\n</link>",
        urls=("https://news.example.com/1",),
    ),
    Fault(
        name="JSON Feed, announced as XML",
        body=b'{"version": "https://jsonfeed.org/version/1.1", "title": "M", "items": [{"id": 7, "url":'
        b' "/1", "title": "Profit &amp; sales rose", "content_html": "<p>More</p>",'
        b' "date_published": "2026-07-01T08:00:00-04:00"}]}',
        titles=("Profit & sales rose",),
        ids=("7",),
        urls=("https://news.example.com/1",),
        times=(NOON,),
    ),
    Fault(
        name="JSON error",
        body=b'{"error": "no such feed"}',
        content_type="application/json",
        titles=(),
        outcome=Outcome.MALFORMED,
    ),
    Fault(
        name="truncated JSON Feed",
        body=b'{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "title": "Pro',
        titles=(),
        outcome=Outcome.MALFORMED,
    ),
)

TIMES = (
    _date("Wed, 01 Jul 2026 12:00:00 GMT", NOON),
    _date("Wed, 01 Jul 2026 08:00:00 -0400", NOON),
    _date("Wed, 01 Jul 2026 08:00:00 EST", NOON),
    _date("Wed, 01 Jul 2026 08:00:00 EDT", NOON),
    _date("Wed, 01 Jul 2026 14:00:00 CEST", NOON),
    _date("Sun, 08 Mar 2026 02:30:00 EST", "2026-03-08T07:30:00+00:00"),
    _date("Sun, 08 Mar 2026 02:30:00 EDT", "2026-03-08T06:30:00+00:00"),
    _date("Wed, 01 Jul 2026 12:00:00 -0000", NOON),
    _date("Thu, 01 Jul 2026 12:00:00 Z", NOON),
    _date("1 July 2026 12:00 UTC", NOON),
    _date("Wed, 1 Jul 26 12:00:00 GMT", NOON),
    _date("2026-07-01T12:00:00.000Z", NOON),
    _date("2026-07-01T14:00:00+0200", NOON),
    _date("2026-07-01 12:00:00", NOON, _ZONE),
    _date("2026/7/1 12:00", NOON, _ZONE),
    _date("Wed, 01 Jul 2026 12:00:00 XYZ", NOON, _ZONE),
    _date("Wed, 01 Jul 2026 12:00:00 +9900", NOON, _ZONE),
    _date("July 1, 2026 8:00 AM ET", NOON),
    _date("Mi., 1. Juli 2026 14:00:00 +0200", NOON),
    _date("mer. 1 juillet 2026 14:00:00 +0200", NOON),
    _date("Wed Jul  1 12:00:00 UTC 2026", NOON),
    _date("1782907200", NOON),
    _date("1782907200000", NOON),
    _date("2026-07-01", "2026-07-01T00:00:00+00:00"),
    _date("Wed, 01 Jul 2026", "2026-07-01T00:00:00+00:00"),
    _date("Fri, 01 Jan 2094 00:00:00 GMT", "2094-01-01T00:00:00+00:00"),
    _date("03 Sep 15", None, _UNREAD),
    _date("01/02/2026", None, _UNREAD),
    _date("Thu, 01 Jan 1970 00:00:00 GMT", None, _UNREAD),
    _date("0001-01-01T00:00:00Z", None, _UNREAD),
    _date("Wed, 31 Jun 2026 12:00:00 GMT", None, _UNREAD),
    _date("yesterday", None, _UNREAD),
    _date("", None),
)

FAULTS = IDENTIFIERS + TITLES + ENCODINGS + STRUCTURE + FORMATS + TIMES
