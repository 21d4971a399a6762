"""Addresses, story texts and keys by which a headline is recognised again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsclf.watch.item import Item
from newsclf.watch.record.identity import Keys, canonical_url, keys_of, story_text

ARTICLE = "https://example.com/markets/acme-profit"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/markets/acme-profit",
        "https://www.example.com/markets/acme-profit/",
        "HTTPS://m.Example.com:443/markets/acme-profit#comments",
        "https://mobile.example.com./markets/./acme-profit",
        "https://user:secret@example.com/markets//acme-profit",
        "https://example.com/world/../markets/acme-profit",
        "https://example.com/markets/%61cme%2Dprofit",
        f"{ARTICLE}?utm_source=rss&utm_medium=feed&fbclid=a1&gclid=b2&cmpid=c3",
        f"{ARTICLE}?mod=rss_markets&.tsrc=rss&",
        f"{ARTICLE}/amp/?outputType=amp",
        f"{ARTICLE}/amp",
        f"{ARTICLE}/index.html",
        f"{ARTICLE};jsessionid=0A1B",
        "https://amp.example.com/markets/acme-profit",
        "https://www-example-com.cdn.ampproject.org/c/s/www.example.com/markets/acme-profit",
        "https://www.google.com/amp/s/www.example.com/markets/acme-profit/amp/",
        "  https://example.com/markets/acme-profit\n",
    ],
)
def test_variants_of_an_address_are_one(url: str) -> None:
    assert canonical_url(url) == ARTICLE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/a", "https://example.com/b"),
        ("https://example.com/a?id=1", "https://example.com/a?id=2"),
        ("https://example.com/a", "https://example.com/A"),
        ("https://example.com/a", "https://example.org/a"),
        ("https://example.com/a", "https://example.com:8080/a"),
        ("https://example.com/a%2Fb", "https://example.com/a/b"),
        ("https://example.com/#!/a", "https://example.com/#!/b"),
        ("https://example.com/a?q=x%26y", "https://example.com/a?q=x&y"),
        ("https://m.com/a", "https://www.com/a"),
        ("https://example.com/ramp", "https://example.com/r"),
    ],
)
def test_addresses_of_different_articles_stay_apart(one: str, other: str) -> None:
    assert canonical_url(one) != canonical_url(other)


def test_order_of_parameters_and_case_of_escapes_do_not_matter() -> None:
    one = canonical_url("https://example.com/n?b=%c3%a9&a=1")
    assert one == canonical_url("https://example.com/n?a=1&b=%C3%A9")
    assert one == canonical_url("https://example.com/n?a=1&b=é")


@pytest.mark.parametrize(
    "url",
    [
        *("", "tag:example.com,2026:1", "mailto:a@example.com", "/news/1", "http://[::1", "x" * 99),
        *("https://\ud800/a", "https:// /a", "https://a|b/", f"https://{'x' * 64}.example/a"),
        *(f"http://a.b{'/index.html' * 100_000}", f"http://{'www.' * 500_000}a.b"),
        f"http://a.b{'/a' * 500_000}{'/..' * 500_000}",
    ],
)
def test_what_is_no_address_of_the_web_has_no_canonical_form(url: str) -> None:
    assert canonical_url(url) is None


PIECES = st.sampled_from(
    [
        *("/", "//", "..", ".", "amp", "amp.", ".amp", ".html", "index.html", "%2", "%2e", "%e9"),
        *("?", "&", "=", "#", "#!", ";jsessionid=", "utm_x=1", "www.", "m.", "example.com", ":80"),
        *("cdn.ampproject.org", "/c/s/", "google.com", "a", "é", " ", "@", "[", "]", "|", "\ud800"),
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join))
@example("amp/\ud800")
@example("amp/.amp")
@example("a/b.amp/.amp")
@example("m.google.com/c/s/example.com")
def test_a_canonical_address_is_its_own_canonical_form(rest: str) -> None:
    found = canonical_url(f"https://{rest}")
    if found is not None:
        assert canonical_url(found) == found
        found.encode("ascii")


@given(st.text())
def test_any_text_is_an_address_or_is_none(text: str) -> None:
    canonical_url(text)
    canonical_url(f"http://example.com/{text}")


@pytest.mark.parametrize(
    "title",
    [
        "UPDATE 2-Acme posts record profit",
        "UPDATE 1 - Acme posts record profit",
        "CORRECTED-UPDATE 3-Acme posts record profit",
        "CORRECTED-(OFFICIAL)-Acme posts record profit",
        "REFILE-Acme posts record profit",
        "RPT-WRAPUP 4-Acme posts record profit",
        "BREAKING: Acme posts record profit",
        "Breaking news: Acme posts record profit",
        "Update: Acme posts record profit",
        "Acme posts record profit (updated)",
        " Acme posts record profit ",
    ],
)
def test_repeats_of_an_agency_tell_the_same_story(title: str) -> None:
    assert story_text(title) == "Acme posts record profit"


@pytest.mark.parametrize(
    "title",
    [
        "Update on Acme's merger expected Monday",
        "Breaking-up Acme would raise its value",
        "ANALYSIS-Acme posts record profit",
        "Corrected figures show Acme lost money",
        "UPDATE 2-",
        "CORRECTED",
        "",
    ],
)
def test_what_only_begins_alike_is_left_whole(title: str) -> None:
    assert story_text(title) == title


def keys(*items: Item, source: str = "wire") -> Sequence[Keys]:
    return keys_of(source, items)


LONG = "Acme posts record profit on strong demand"


def test_the_identifier_names_an_item_of_its_source_whatever_its_text() -> None:
    (one,) = keys(Item(title=LONG, id=" g1 "))
    (edited,) = keys(Item(title="Acme posts record loss, corrects itself", id="g1"))
    (elsewhere,) = keys(Item(title=LONG, id="g1"), source="other")
    assert one.listing == edited.listing
    assert one.listing != elsewhere.listing
    assert one.text == elsewhere.text


def test_an_empty_identifier_is_none_and_zero_is_one() -> None:
    by_text = keys(Item(title=LONG))[0].listing
    assert keys(Item(title=LONG, id=""))[0].listing == by_text
    assert keys(Item(title=LONG, id="  "))[0].listing == by_text
    assert keys(Item(title=LONG, id="0"))[0].listing != by_text


def test_an_identifier_that_every_item_has_identifies_none() -> None:
    first, second, third = keys(
        Item(title=LONG, id="N/A", url=ARTICLE),
        Item(title="Oil falls as supply grows faster than demand", id="N/A", url=f"{ARTICLE}-2"),
        Item(title="Gold steadies before the decision on rates", id="N/A"),
    )
    assert len({first.listing, second.listing, third.listing}) == 3
    assert (first.listing, second.listing, third.listing) == (
        first.fallback,
        second.fallback,
        third.fallback,
    )


def test_an_item_that_is_listed_twice_keeps_its_identifier() -> None:
    once = keys(Item(title=LONG, id="g1", url=ARTICLE))[0]
    twice = keys(
        Item(title=LONG, id="g1", url=ARTICLE), Item(title=LONG, id="g1", url=f"{ARTICLE}?utm_x=1")
    )
    assert [each.listing for each in twice] == [once.listing, once.listing]


def test_the_front_page_is_the_address_of_no_article() -> None:
    for url in ("https://example.com", "https://www.example.com/?utm_source=rss", "tag:a,b:c"):
        assert keys(Item(title=LONG, url=url))[0].url is None


def test_an_address_that_several_headlines_share_identifies_none() -> None:
    one, other = keys(Item(title=LONG, url=ARTICLE), Item(title="Oil falls", url=ARTICLE))
    assert one.url is None
    assert other.url is None
    assert one.listing != other.listing


def test_few_words_identify_a_headline_only_where_there_is_nothing_else() -> None:
    assert keys(Item(title="Morning briefing", url=ARTICLE))[0].text is None
    assert keys(Item(title="Morning briefing"))[0].text is not None
    assert keys(Item(title=LONG, url=ARTICLE))[0].text is not None


def test_dates_alone_change_nothing_that_is_recorded() -> None:
    from newsclf.watch.item import Stamp

    plain = keys(Item(title=LONG, id="g1"))[0]
    dated = keys(Item(title=LONG, id="g1", updated=Stamp("now", None)))[0]
    tickers = keys(Item(title=LONG, id="g1", tickers=("ACME",)))[0]
    assert plain.content == dated.content
    assert plain.content != tickers.content
