"""News APIs: requests, and answers in the documented shape of each vendor."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from newsclf.common.errors import ConfigError
from newsclf.common.settings import shipped_config
from newsclf.watch.feeds.documents.reading import Reading
from newsclf.watch.feeds.documents.vendors import (
    Vendor,
    Wanted,
    load_vendor,
    read_answer,
    request,
    vendor_names,
)
from newsclf.watch.feeds.fetching.redaction import RequestRedaction
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.item import Item

KEY = "s3cret/key"
NOON = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
WANTED = Wanted(tickers=("ABC",), query="abc profit", since=NOON, until=NOON)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
)


def answer(name: str, document: object, *, status: int = 200, page: str | None = None) -> Reading:
    return read_answer(json.dumps(document).encode(), load_vendor(name), status=status, page=page)


def only(reading: Reading) -> Item:
    assert reading.outcome is Outcome.OK
    (item,) = reading.items
    return item


def time_of(item: Item) -> dt.datetime | None:
    return item.published.at if item.published else None


ARTICLES: dict[str, object] = {
    "newsapi": {
        "status": "ok",
        "totalResults": 1,
        "articles": [
            {
                "source": {"id": None, "name": "Example Wire"},
                "author": "A. Writer",
                "title": "ABC&#39;s profit rose - Example Wire",
                "description": "<p>It rose.</p>",
                "url": "https://news.example.com/1",
                "urlToImage": None,
                "publishedAt": "2026-07-01T12:00:00Z",
                "content": "It rose [+99 chars]",
            },
            {"source": {}, "title": "[Removed]", "url": "https://removed.example.com"},
        ],
    },
    "gnews": {
        "totalArticles": 1,
        "articles": [
            {
                "id": "f1",
                "title": "ABC's profit rose",
                "description": "It rose.",
                "content": "It rose …",
                "url": "https://news.example.com/1",
                "image": "https://news.example.com/1.png",
                "publishedAt": "2026-07-01T12:00:00Z",
                "lang": "en",
                "source": {"id": "s", "name": "Wire", "url": "https://news.example.com"},
            }
        ],
    },
    "finnhub": [
        {
            "category": "company",
            "datetime": 1782907200,
            "headline": "ABC's profit rose",
            "id": 25286,
            "image": "",
            "related": "ABC",
            "source": "Wire",
            "summary": "It rose.",
            "url": "https://news.example.com/1",
        }
    ],
    "alpha_vantage": {
        "items": "1",
        "sentiment_score_definition": "x <= -0.35: Bearish",
        "feed": [
            {
                "title": "ABC's profit rose",
                "url": "https://news.example.com/1",
                "time_published": "20260701T120000",
                "authors": [],
                "summary": "It rose.",
                "source": "Wire",
                "topics": [{"topic": "Earnings", "relevance_score": "0.9"}],
                "overall_sentiment_score": 0.3,
                "overall_sentiment_label": "Somewhat-Bullish",
                "ticker_sentiment": [
                    {"ticker": "ABC", "relevance_score": "0.8", "ticker_sentiment_score": "0.3"}
                ],
            }
        ],
    },
    "benzinga": [
        {
            "id": 123456,
            "author": "Desk",
            "created": "Wed, 01 Jul 2026 08:00:00 -0400",
            "updated": "Wed, 01 Jul 2026 08:05:00 -0400",
            "title": "ABC&#39;s profit rose",
            "teaser": "It rose.",
            "body": "",
            "url": "https://news.example.com/1",
            "image": [],
            "channels": [{"name": "News"}],
            "stocks": [{"name": "ABC", "cusip": "", "exchange": "NYSE"}],
            "tags": [],
        }
    ],
    "marketaux": {
        "meta": {"found": 1, "returned": 1, "limit": 100, "page": 1},
        "data": [
            {
                "uuid": "0a-1b",
                "title": "ABC's profit rose",
                "description": "It rose.",
                "keywords": "",
                "snippet": "It rose…",
                "url": "https://news.example.com/1",
                "language": "en",
                "published_at": "2026-07-01T12:00:00.000000Z",
                "source": "example.com",
                "relevance_score": None,
                "entities": [{"symbol": "ABC", "name": "ABC Inc.", "sentiment_score": 0.4}],
                "similar": [],
            }
        ],
    },
    "massive": {
        "count": 1,
        "next_url": "https://api.massive.com:443/v2/reference/news?cursor=YWJj&apiKey=s3cret",
        "request_id": "r",
        "status": "OK",
        "results": [
            {
                "id": "8ec6",
                "publisher": {"name": "Wire", "homepage_url": "https://news.example.com"},
                "title": "ABC's profit rose",
                "author": "A. Writer",
                "published_utc": "2026-07-01T12:00:00Z",
                "article_url": "https://news.example.com/1",
                "tickers": ["ABC"],
                "description": "It rose.",
                "keywords": [],
                "insights": [{"ticker": "ABC", "sentiment": "positive"}],
            }
        ],
    },
    "tiingo": [
        {
            "id": 5063,
            "title": "ABC's profit rose",
            "url": "https://news.example.com/1",
            "description": "It rose.",
            "publishedDate": "2026-07-01T12:00:00Z",
            "crawlDate": "2026-07-01T12:00:04.5Z",
            "source": "example.com",
            "tickers": ["abc"],
            "tags": ["Stock"],
        }
    ],
}


@pytest.mark.parametrize("name", ARTICLES)
def test_an_article_of_each_vendor(name: str) -> None:
    item = only(answer(name, ARTICLES[name]))
    assert item.title == "ABC's profit rose"
    assert item.summary == "It rose."
    assert item.url == "https://news.example.com/1"
    assert time_of(item) == NOON
    given = {"newsapi": (), "gnews": (), "tiingo": ("abc",)}
    assert item.tickers == given.get(name, ("ABC",))
    assert (item.id is None) == (name in ("newsapi", "alpha_vantage"))
    assert "https://news.example.com/1" in json.loads(item.raw).values()


def test_benzinga_withdraws() -> None:
    removed = [{"id": 123456, "updated": "Wed, 01 Jul 2026 08:05:00 -0400"}, {"updated": "x"}]
    for place in ("removed", "items", "whatever it is called"):
        found = answer("benzinga_removed", {place: removed})
        assert [(item.id, item.retracted) for item in found.items] == [("123456", True)]
    assert answer("benzinga_removed", {"removed": []}).outcome is Outcome.EMPTY
    assert answer("benzinga_removed", {"ok": True}).outcome is Outcome.MALFORMED


def test_a_filing_of_edgar() -> None:
    body = b"""<?xml version="1.0" encoding="ISO-8859-1" ?>
        <feed xmlns="http://www.w3.org/2005/Atom"><title>Latest Filings</title><entry>
        <title>8-K - ABC INC (0001234567) (Filer)</title>
        <link rel="alternate" type="text/html" href="https://www.sec.gov/Archives/1-index.htm"/>
        <summary type="html">
        &lt;b&gt;Filed:&lt;/b&gt; 2026-07-01 &lt;b&gt;AccNo:&lt;/b&gt; 1</summary>
        <updated>2026-07-01T08:00:00-04:00</updated><category term="8-K"/>
        <id>urn:tag:sec.gov,2008:accession-number=1</id></entry></feed>"""
    item = only(read_answer(body, load_vendor("sec_edgar")))
    assert item.title == "8-K - ABC INC (0001234567) (Filer)"
    assert item.summary == "Filed: 2026-07-01 AccNo: 1"
    assert item.updated is not None
    assert item.updated.at == NOON
    page = b"<html><head><title>SEC.gov | Unavailable</title></head></html>"
    last = read_answer(page, load_vendor("sec_edgar"), status=503, page="200")
    assert (last.outcome, last.next_page) == (Outcome.EMPTY, None)
    assert read_answer(page, load_vendor("sec_edgar"), status=503).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("name", "status", "document", "outcome"),
    [
        ("newsapi", 429, {"status": "error", "code": "rateLimited"}, Outcome.QUOTA),
        ("newsapi", 401, {"status": "error", "code": "apiKeyInvalid"}, Outcome.CREDENTIALS),
        ("newsapi", 401, {"status": "error", "code": "apiKeyExhausted"}, Outcome.QUOTA),
        ("newsapi", 426, {"status": "error", "code": "maximumResultsReached"}, Outcome.EMPTY),
        ("newsapi", 200, {"status": "error", "code": "unexpectedError"}, Outcome.FAILED),
        ("gnews", 403, {"errors": ["You have reached your request limit"]}, Outcome.QUOTA),
        ("gnews", 401, {"errors": ["Your API key is invalid."]}, Outcome.CREDENTIALS),
        ("gnews", 400, {"errors": ["Your API key is missing."]}, Outcome.CREDENTIALS),
        ("gnews", 400, {"errors": {"q": "The query is required."}}, Outcome.FAILED),
        ("finnhub", 429, {"error": "API limit reached."}, Outcome.QUOTA),
        ("finnhub", 403, {"error": "You don't have access to this resource."}, Outcome.CREDENTIALS),
        ("finnhub", 401, {"error": "Invalid API key"}, Outcome.CREDENTIALS),
        ("finnhub", 429, {"error": "Slow down."}, Outcome.QUOTA),
        ("finnhub", 200, {"error": "Symbol not supported"}, Outcome.FAILED),
        ("alpha_vantage", 200, {"Note": "25 requests per day"}, Outcome.QUOTA),
        ("alpha_vantage", 200, {"Information": "Our standard API rate limit is 25"}, Outcome.QUOTA),
        (
            "alpha_vantage",
            200,
            {
                "Information": "Please consider spreading out your free API requests more "
                "sparingly (1 request per second). Subscribe to lift the free key rate limit "
                "(25 requests per day) and instantly unlock all premium endpoints"
            },
            Outcome.QUOTA,
        ),
        (
            "alpha_vantage",
            200,
            {"Information": "This is a premium endpoint. Subscribe to unlock all of them"},
            Outcome.CREDENTIALS,
        ),
        ("alpha_vantage", 200, {"Information": "The demo API key is"}, Outcome.CREDENTIALS),
        ("alpha_vantage", 200, {"Information": "Please come back later."}, Outcome.QUOTA),
        ("alpha_vantage", 200, {"Information": "No articles found."}, Outcome.EMPTY),
        (
            "alpha_vantage",
            200,
            {"Error Message": "apikey is invalid"},
            Outcome.CREDENTIALS,
        ),
        ("alpha_vantage", 200, {"Error Message": "Invalid API call."}, Outcome.FAILED),
        ("benzinga", 429, None, Outcome.QUOTA),
        ("benzinga", 401, "not authorised", Outcome.CREDENTIALS),
        ("benzinga", 403, {"message": "Forbidden"}, Outcome.CREDENTIALS),
        ("benzinga", 402, {"message": "Request Failed"}, Outcome.FAILED),
        (
            "benzinga",
            404,
            {"ok": False, "errors": [{"code": "no_data_found", "id": "not_found"}]},
            Outcome.EMPTY,
        ),
        ("benzinga", 404, {"message": "no such endpoint"}, Outcome.GONE),
        ("benzinga", 500, {"ok": False, "errors": [{"code": "server_error"}]}, Outcome.FAILED),
        ("benzinga_removed", 200, {"ok": False, "errors": [{"code": "x"}]}, Outcome.FAILED),
        ("marketaux", 402, {"error": {"code": "usage_limit_reached"}}, Outcome.QUOTA),
        ("marketaux", 429, {"error": {"code": "rate_limit_reached"}}, Outcome.QUOTA),
        ("marketaux", 401, {"error": {"code": "invalid_api_token"}}, Outcome.CREDENTIALS),
        (
            "marketaux",
            403,
            {"error": {"code": "endpoint_access_restricted"}},
            Outcome.CREDENTIALS,
        ),
        ("marketaux", 400, {"error": {"code": "malformed_parameters"}}, Outcome.FAILED),
        ("marketaux", 503, {"error": {"code": "maintenance_mode"}}, Outcome.FAILED),
        (
            "massive",
            429,
            {"status": "ERROR", "error": "exceeded the maximum requests"},
            Outcome.QUOTA,
        ),
        ("massive", 429, None, Outcome.QUOTA),
        (
            "massive",
            200,
            {"status": "ERROR", "message": "exceeded the maximum requests per minute"},
            Outcome.QUOTA,
        ),
        ("massive", 403, {"status": "NOT_AUTHORIZED", "message": "upgrade"}, Outcome.CREDENTIALS),
        ("massive", 403, {"error": "You are not entitled to this data."}, Outcome.CREDENTIALS),
        ("massive", 401, {"status": "ERROR", "error": "Unknown API Key"}, Outcome.CREDENTIALS),
        ("tiingo", 200, {"detail": "Please supply a token"}, Outcome.CREDENTIALS),
        ("tiingo", 403, {"detail": "Invalid token."}, Outcome.CREDENTIALS),
        (
            "tiingo",
            403,
            {"detail": "You do not have permission to access the News API"},
            Outcome.CREDENTIALS,
        ),
        (
            "tiingo",
            200,
            {"detail": "Error: You have run over your hourly request allocation."},
            Outcome.QUOTA,
        ),
        ("tiingo", 429, {"detail": "Come back later."}, Outcome.QUOTA),
        ("tiingo", 200, {"detail": "Not found."}, Outcome.FAILED),
        ("sec_edgar", 403, None, Outcome.BLOCKED),
        ("tiingo", 404, None, Outcome.GONE),
        ("tiingo", 200, {"results": []}, Outcome.MALFORMED),
        ("gnews", 200, None, Outcome.MALFORMED),
        ("gnews", 200, {"articles": []}, Outcome.EMPTY),
    ],
)
def test_how_each_vendor_refuses(
    name: str, status: int, document: object, outcome: Outcome
) -> None:
    found = answer(name, document, status=status)
    assert found.outcome is outcome
    assert found.items == ()
    assert found.detail


def test_what_a_vendor_says_is_not_quoted() -> None:
    found = answer("alpha_vantage", {"Information": f"We have detected your API key as {KEY}"})
    assert KEY not in repr(found)


def test_a_web_page_instead_of_json() -> None:
    body = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>"
    assert read_answer(body, load_vendor("gnews")).outcome is Outcome.BLOCKED


@pytest.mark.parametrize("name", vendor_names())
@given(document=_JSON)
@settings(max_examples=20)
def test_no_answer_raises(name: str, document: object) -> None:
    vendor = load_vendor(name)
    read_answer(json.dumps(document).encode(), vendor)
    for path in vendor.items:
        read_answer(json.dumps({path or "x": [document]}).encode(), vendor)
    read_answer(json.dumps([document]).encode(), vendor)


@pytest.mark.parametrize("name", vendor_names())
def test_a_key_goes_where_the_vendor_wants_it_and_is_shown_nowhere(name: str) -> None:
    vendor = load_vendor(name)
    found = request(vendor, WANTED, key=KEY)
    assert "s3cret" not in repr(found)
    assert "s3cret" not in RequestRedaction(found.secrets)(found.url)
    if vendor.key is None:
        assert found.secrets == ()
        return
    assert found.secrets == (KEY,)
    in_url = parse_qs(urlsplit(found.url).query).get(vendor.key.parameter or "")
    in_header = found.headers.get(vendor.key.header or "")
    assert (in_url == [KEY]) != (in_header == f"{vendor.key.prefix}{KEY}")


def test_times_in_each_form() -> None:
    expected = {
        "finnhub": ("from", "2026-06-30"),  # news of a day's end may be listed on the next
        "tiingo": ("startDate", "2026-06-30"),
        "alpha_vantage": ("time_from", "20260701T1200"),
        "benzinga": ("updatedSince", "1782907200"),
        "massive": ("published_utc.gte", "2026-07-01T12:00:00Z"),
    }
    for name, (parameter, text) in expected.items():
        query = parse_qs(urlsplit(request(load_vendor(name), WANTED, key=KEY).url).query)
        assert query[parameter] == [text]


def test_until_is_the_day_itself() -> None:
    query = parse_qs(urlsplit(request(load_vendor("finnhub"), WANTED, key=KEY).url).query)
    assert query["to"] == ["2026-07-01"]


def test_what_a_source_does_not_name_is_left_out_and_its_own_comes_first() -> None:
    wanted = Wanted(parameters={"limit": "50", "topics": "earnings"})
    found = request(load_vendor("alpha_vantage"), wanted, key=KEY)
    query = parse_qs(urlsplit(found.url).query)
    assert query == {
        "function": ["NEWS_SENTIMENT"],
        "sort": ["LATEST"],
        "limit": ["50"],
        "topics": ["earnings"],
        "apikey": [KEY],
    }


def test_what_a_vendor_needs() -> None:
    with pytest.raises(ConfigError, match="NewsAPI: it needs query"):
        request(load_vendor("newsapi"), Wanted(), key=KEY)
    with pytest.raises(ConfigError, match="one ticker at a time"):
        request(load_vendor("finnhub"), Wanted(tickers=("A", "B")), key=KEY)
    with pytest.raises(ConfigError, match="GNews: no API key"):
        request(load_vendor("gnews"), WANTED, key=None)


def test_pages_by_number_by_offset_and_by_address() -> None:
    full = [{"id": n, "title": f"Firm {n}"} for n in range(100)]
    assert answer("benzinga", full).next_page == "1"
    assert answer("benzinga", full, page="7").next_page == "8"
    assert answer("benzinga", full[:99], page="7").next_page is None
    second = request(load_vendor("benzinga"), WANTED, key=KEY, page="1")
    assert parse_qs(urlsplit(second.url).query)["page"] == ["1"]
    page = {"data": full[:3], "meta": {"returned": 3, "limit": 3}}  # of a plan with three articles
    assert answer("marketaux", page).next_page == "2"
    assert answer("marketaux", page | {"data": full[:2]}).next_page is None
    assert answer("marketaux", {"data": full[:99]}).next_page is None
    assert answer("marketaux", {"data": full, "meta": {"limit": None}}).next_page == "2"
    following = answer("massive", ARTICLES["massive"]).next_page
    assert following is not None
    address = request(load_vendor("massive"), WANTED, key=KEY, page=following).url
    assert address == "https://api.massive.com/v2/reference/news?cursor=YWJj"


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example.com/?cursor=1",
        "https://api.massive.com:8443/?cursor=1",
        "https://api.massive.com:x/?cursor=1",
        "https://someone@api.massive.com/?cursor=1",
        "http://api.massive.com/?cursor=1",
    ],
)
def test_a_next_page_on_another_host_is_not_asked_for(address: str) -> None:
    document = {"results": [], "next_url": address}
    assert answer("massive", document).next_page is None
    with pytest.raises(ConfigError, match="another host"):
        request(load_vendor("massive"), WANTED, key=KEY, page=address)


def test_an_unknown_vendor_and_ones_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean finnhub"):
        load_vendor("finhub")
    with pytest.raises(ConfigError, match=r"own\.toml: no such file"):
        load_vendor("own.toml", folder=tmp_path)
    (tmp_path / "own.toml").write_text('schema_version = 1\ntitle = "Own"\n')
    with pytest.raises(ConfigError, match=r"own\.toml: pages: missing"):
        load_vendor("own.toml", folder=tmp_path)


def test_a_description_is_checked() -> None:
    good = shipped_config("news/massive.toml").read_text()
    Vendor.model_validate(tomllib.loads(good))
    for wrong in (
        good.replace("https://api.", "http://api."),
        good.replace('header = "Authorization"', ""),
        good.replace('path = "next_url"', ""),
        good.replace('"tickers[]"', '"tickers[0"'),
        good.replace('outcome = "quota"', 'outcome = "full"'),
        good + "\nsurprise = 1\n",
    ):
        with pytest.raises(ValidationError):
            Vendor.model_validate(tomllib.loads(wrong))


def test_marketaux_sorts_by_time_also_a_search() -> None:
    query = parse_qs(urlsplit(request(load_vendor("marketaux"), WANTED, key=KEY).url).query)
    assert query["search"] == ["abc profit"]
    assert query["sort"] == ["published_on"]
    assert "limit" not in query  # as many as the plan has
