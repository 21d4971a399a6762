"""Faults of identity: identifiers, addresses and order of items, edits and withdrawals."""

from __future__ import annotations

from newsclf.watch.feeds.outcome import Outcome
from tests.support.faultyfeeds.fault import Fault, item, link, story, told
from tests.support.feed_faults import rss


def _atom(entries: str) -> str:
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0">'
        f"<title>Markets</title>{entries}</feed>"
    )


def _window(name: str, numbers: range) -> str:
    return rss(*(story(name, n, f"Harbour {n} reports {n} ships this week") for n in numbers))


NAMING = (
    Fault(
        name="one-guid-for-all",
        row=1,
        stages=(
            rss(
                item("Acorn Mills doubles its dividend", guid="N/A", link=link("acorn", 1)),
                item("Acorn Mills closes a bakery", guid="N/A", link=link("acorn", 2)),
            ),
            rss(
                item("Acorn Mills hires a new chairman", guid="N/A", link=link("acorn", 3)),
                item("Acorn Mills doubles its dividend", guid="N/A", link=link("acorn", 1)),
                item("Acorn Mills closes a bakery", guid="N/A", link=link("acorn", 2)),
            ),
        ),
        headlines=told(
            "Acorn Mills doubles its dividend",
            "Acorn Mills closes a bakery",
            "Acorn Mills hires a new chairman",
        ),
        rows=3,
    ),
    Fault(
        name="one-guid-in-turn",
        row=1,
        stages=(
            rss(item("Basalt Mining finds copper in Peru", guid="N/A", link=link("basalt", 1))),
            rss(item("Shares of Basalt jump at noon", guid="N/A", link=link("basalt", 2))),
            rss(
                item("Shares of Basalt jump at noon", guid="N/A", link=link("basalt", 2)),
                item("Basalt Mining finds copper in Peru", guid="N/A", link=link("basalt", 1)),
            ),
        ),
        headlines=told("Basalt Mining finds copper in Peru", "Shares of Basalt jump at noon"),
    ),
    Fault(
        name="one-guid-without-links",
        row=1,
        stages=(
            rss(item("Cinder Steel idles two furnaces", guid="N/A")),
            rss(
                item("Unions at Cinder accept the offer", guid="N/A"),
                item("Cinder Steel idles two furnaces", guid="N/A"),
            ),
        ),
        headlines=told("Cinder Steel idles two furnaces", "Unions at Cinder accept the offer"),
    ),
    Fault(
        name="one-guid-for-short-titles",
        row=1,
        stages=(
            rss(item("Zinc slumps", guid="N/A")),
            rss(item("Tin soars", guid="N/A"), item("Zinc slumps", guid="N/A")),
        ),
        headlines=told("Zinc slumps", "Tin soars"),
    ),
    Fault(
        name="no-guid",
        row=2,
        stages=(
            rss(
                item("Delta Ferries orders four ships", link=link("delta", 1)),
                item("Delta Ferries raises fares again"),
            ),
            rss(
                item("Delta Ferries raises fares again"),
                item("Delta Ferries orders five ships", link=link("delta", 1)),
            ),
        ),
        headlines=(
            ("Delta Ferries orders four ships", "Delta Ferries orders five ships"),
            ("Delta Ferries raises fares again",),
        ),
        rows=3,
    ),
    Fault(
        name="nothing-to-tell-by",
        row=2,
        stages=(rss("<pubDate>x</pubDate>", item("Ember Gas settles with regulators", guid="1")),),
        outcomes=frozenset({Outcome.REPAIRED}),
        headlines=told("Ember Gas settles with regulators"),
    ),
    Fault(
        name="only-nothing-to-tell-by",
        row=2,
        stages=(rss("<pubDate>x</pubDate>", "<guid/>"),),
        outcomes=frozenset({Outcome.MALFORMED}),
    ),
    Fault(
        name="guid-empty-or-0",
        row=3,
        stages=(
            rss(
                item("Fathom Cables wins a contract", guid="", link=link("fathom", 1)),
                item("Fathom Cables loses its treasurer", guid=" ", link=link("fathom", 2)),
                item("Fathom Cables sells its yacht", guid="0"),
            ),
            rss(item("Fathom Cables sells its yachts", guid="0")),
        ),
        headlines=(
            ("Fathom Cables wins a contract",),
            ("Fathom Cables loses its treasurer",),
            ("Fathom Cables sells its yacht", "Fathom Cables sells its yachts"),
        ),
    ),
    Fault(
        name="guid-changes-with-the-text",
        row=4,
        stages=(
            rss(item("Garnet Bank cuts 400 jobs in Leeds", guid="a?v=1", link=link("garnet", 1))),
            rss(item("Garnet Bank cuts 500 jobs in Leeds", guid="a?v=2", link=link("garnet", 1))),
        ),
        headlines=(("Garnet Bank cuts 400 jobs in Leeds", "Garnet Bank cuts 500 jobs in Leeds"),),
    ),
    Fault(
        name="guid-and-link-change-with-the-text",
        row=4,
        stages=(
            rss(item("Heron Airways expects a small annual loss", guid="h1", link=link("h", 1))),
            rss(item("Heron Airways expects a large annual loss", guid="h2", link=link("h", 2))),
        ),
        headlines=told(
            "Heron Airways expects a small annual loss", "Heron Airways expects a large annual loss"
        ),
        events=1,
    ),
    Fault(
        name="guid-is-no-link",
        row=5,
        stages=(
            rss(
                item("Indigo Dyes buys a rival", guid="http://169.254.169.254/1"),
                item("Indigo Dyes opens in Porto", guid="inner/1", link=link("indigo", 2)),
                "<title>Indigo Dyes renames itself</title><guid>story/3</guid>",
            ),
        ),
        headlines=told(
            "Indigo Dyes buys a rival", "Indigo Dyes opens in Porto", "Indigo Dyes renames itself"
        ),
        links={
            "Indigo Dyes opens in Porto": link("indigo", 2),
            "Indigo Dyes renames itself": None,
        },
    ),
    Fault(
        name="edited",
        row=6,
        stages=(
            rss(story("edited", 1, "Juniper Foods profit rises 5 pct")),
            rss(story("edited", 1, "Juniper Foods profit rises 15 pct")),
            rss(story("edited", 1, "Juniper Foods profit rises 1.5 pct")),
            rss(story("edited", 1, "Juniper Foods profit rises 1.5 pct")),
        ),
        headlines=(
            (
                "Juniper Foods profit rises 5 pct",
                "Juniper Foods profit rises 15 pct",
                "Juniper Foods profit rises 1.5 pct",
            ),
        ),
        rows=3,
    ),
    Fault(
        name="withdrawn",
        stages=(
            _atom("<entry><id>tag:k1</id><title>Kestrel Motors recalls vans</title></entry>"),
            _atom(
                '<at:deleted-entry ref="tag:k1" when="2026-07-01T12:00:00Z"/>'
                "<entry><id>tag:k2</id><title>Kestrel Motors denies a recall</title></entry>"
            ),
        ),
        headlines=told("Kestrel Motors recalls vans", "Kestrel Motors denies a recall"),
        withdrawn=frozenset({"Kestrel Motors recalls vans"}),
    ),
    Fault(
        name="no-title-no-link",
        row=34,
        stages=(
            rss(
                "<description>Lark Energy signed a lease. It runs for years.</description>",
                '<title> </title><guid>l2</guid><enclosure url="https://news.example.com/l.mp3"'
                ' type="audio/mpeg" length="1"/><description>Lark Energy speaks.</description>',
            ),
        ),
        headlines=told("Lark Energy signed a lease.", "Lark Energy speaks."),
        rows=2,
    ),
    Fault(
        name="window-slides",
        row=35,
        stages=(
            _window("window", range(6)),
            _window("window", range(3, 9)),
            _window("window", range(8, 2, -1)),
            _window("window", range(20, 24)),
            rss(),
            _window("window", range(6)),
        ),
        outcomes=frozenset({Outcome.EMPTY}),
        headlines=told(
            *(f"Harbour {n} reports {n} ships this week" for n in [*range(9), *range(20, 24)])
        ),
        rows=13,
    ),
    Fault(
        name="two-agencies-a",
        stages=(
            rss(
                item(
                    "Moorland Wind secures a loan",
                    guid="m1",
                    link="https://www.news.example.com/moorland/loan?utm_source=rss",
                )
            ),
        ),
        headlines=told("Moorland Wind secures a loan"),
    ),
    Fault(
        name="two-agencies-b",
        stages=(
            rss(
                item(
                    "Moorland Wind secures a loan",
                    guid="other",
                    link="http://news.example.com/moorland/loan/#top",
                )
            ),
        ),
        rows=1,  # a headline of two sources counts as that of the first by name
    ),
)
