"""Tests of lists of companies, and of how one completes a watch list."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.common.errors import ConfigError
from newsclf.watch.entities.listed import (
    CompanyList,
    ListedCompany,
    WatchedEntity,
    completed,
    load_list,
    read_list,
    shipped_list,
    write_list,
)
from newsclf.watch.entities.matcher import EntityMatcher
from newsclf.watch.entities.sec import Words, companies, read_additions

HEAD = "name,aliases,tickers,exchange,cik,isin\n"
KNOWN = read_list(
    "# Companies of a test\n"
    + HEAD
    + "Apple Inc,Apple?,AAPL,NASDAQ,320193,US0378331005\n"
    + "Apple Hospitality REIT Inc,Apple Hospitality,APLE,NYSE,1418121,\n"
    + "Delta Air Lines Inc,Delta?|Delta Air Lines,DAL,NYSE,27904,\n"
    + "Delta Apparel Inc,Delta?,DLA,NYSE,1101396,\n"
    + "Powell Industries Inc,Powell?,POWL,NASDAQ,80420,\n"
    + "Goldman Sachs Group Inc,Goldman Sachs|Goldman,GS,NYSE,886982,\n"
    + "Nvidia Corp,Nvidia,NVDA,NASDAQ,1045810,\n"
)
APPLE = WatchedEntity(name="Apple", tickers=("AAPL",))
MATCHER = EntityMatcher((APPLE, WatchedEntity(name="Nvidia")), KNOWN)


def test_a_company_of_the_list_completes_the_watched_one_with_its_ticker() -> None:
    (apple,), others = completed((APPLE,), KNOWN)

    assert apple.aliases == ("Apple Inc",)
    assert apple.isins == ("US0378331005",)
    assert "Apple Inc" not in [company.name for company in others]
    assert len(others) == len(KNOWN.companies) - 1


def test_names_of_the_watch_list_stay_with_their_entity() -> None:
    watched = (
        WatchedEntity(name="Delta Electronics", aliases=("Delta",), tickers=("DAL",)),
        WatchedEntity(name="DAL fan club", aliases=("Delta Air Lines",)),
    )

    EntityMatcher(watched, KNOWN)  # a list never makes a watch list ambiguous


@pytest.mark.parametrize(
    ("title", "named", "others"),
    [
        ("Apple Hospitality's shares fall", (), ("Apple Hospitality REIT Inc (APLE)",)),
        ("Apple Inc. sues Goldman", ("Apple",), ("Goldman Sachs Group Inc (GS)",)),
        ("Chips from Nvidia sell out", ("Nvidia",), ()),
        ("Jerome Powell's speech moves markets", (), ()),
        ("Hotel owner cuts its payout (NYSE: APLE)", (), ("Apple Hospitality REIT Inc (APLE)",)),
        ("$DAL climbs", (), ("Delta Air Lines Inc (DAL)",)),
    ],
)
def test_companies_of_the_list_are_told_from_watched_ones(
    title: str, named: tuple[str, ...], others: tuple[str, ...]
) -> None:
    found = MATCHER.mentions(title)

    assert (found.named, tuple(each.entity for each in found.others)) == (named, others)


def test_the_name_of_two_companies_is_in_doubt_until_a_symbol_decides() -> None:
    assert MATCHER.mentions("Shares of Delta fall").others_in_doubt == 2
    assert [m.entity for m in MATCHER.mentions("Shares of Delta fall (NYSE: DLA)").others] == [
        "Delta Apparel Inc (DLA)"
    ]


def test_a_number_of_the_source_stands_for_its_company() -> None:
    assert MATCHER.mentions("Five stocks to watch", ["US0378331005"]).listed == ("Apple",)
    assert MATCHER.mentions("Apple cuts prices", ["US0378331005"]).named == ("Apple",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\nApple\n", "no column tickers"),
        (HEAD + "Apple,,AAPL,,,\nApple,,,,,\n", "company 2: Apple appears twice"),
        (HEAD + ",,AAPL,,,\n", "company 1 has no name"),
        (HEAD + "Apple,,MOON:X,,,\n", "'MOON:X' is no ticker"),
        (HEAD + "Apple,,AAPL,,,US03\n", "'US03' is no ISIN"),
        (HEAD + 'Apple,"Apple Inc,AAPL,,,\nAlcoa,,AA,,,\n', "after line 1: unexpected end of data"),
        (HEAD.replace("name", '"name'), "after line 0: unexpected end of data"),
    ],
)
def test_a_list_that_cannot_be_used_says_why(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "own.csv").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=message):
        load_list("own.csv", folder=tmp_path)


def test_a_missing_list_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.csv can't be read"):
        load_list("none.csv", folder=tmp_path)


NAMES = st.text("Aa bé&'-.,\"", min_size=1).filter(lambda n: any(c.isalnum() for c in n))


@given(st.lists(NAMES.map(str.strip), unique=True, max_size=5))
def test_a_list_that_was_written_is_read_as_it_was(names: list[str]) -> None:
    written = [ListedCompany(name, aliases=("Other",), tickers=("AB.C",)) for name in names]

    assert list(read_list(write_list(written, ["of a test"])).companies) == written


def test_the_shipped_list_says_where_it_is_from_and_stays_small() -> None:
    found = shipped_list()

    assert "sec.gov" in found.text[:400]
    assert "public domain" in found.text[:400]
    assert len(found.text.encode()) < 1_000_000
    by_ticker = {ticker: each for each in found.companies for ticker in each.tickers}
    assert by_ticker["AAPL"].cik == "320193"
    assert "Google" in by_ticker["GOOG"].aliases


def test_the_file_of_the_sec_becomes_a_list() -> None:
    rows = [
        [1, "ORVANE MOTOR CO /DE/", "ORV", "NYSE"],
        [1, "ORVANE MOTOR CO /DE/", "ORV-PA", "NYSE"],
        [2, "Harbor, Inc.", "HRB", "Nasdaq"],
        [3, "TARNHOLT ACQUISITION CORP", "TAQ", "Nasdaq"],
        [4, "BANK OF SUNDVIK", "BSU", "OTC"],
        [5, "Unlisted Ltd", "UNL", None],
    ]
    content = json.dumps({"fields": ["cik", "name", "ticker", "exchange"], "data": rows}).encode()
    words = Words(ordinary=frozenset(("harbor", "of", "bank")), proper=frozenset())
    additions = read_additions("HRB Harbor?|Harbor Stores\nLON:KOR Korvath\n- Nimbus\n")

    found = companies(content, words, additions)

    assert [(each.name, each.aliases, each.tickers, each.uncertain) for each in found] == [
        ("Orvane Motor Co", ("Orvane Motor",), ("ORV",), ("Orvane",)),
        ("Harbor, Inc", ("Harbor Stores",), ("HRB",), ("Harbor",)),
        ("Bank of Sundvik", (), ("BSU",), ()),
        ("Korvath", (), ("LON:KOR",), ()),
        ("Nimbus", (), (), ()),
    ]


def test_a_file_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="not a file of tickers"):
        companies(b"[]", Words(frozenset(), frozenset()), read_additions(""))


def calls_of(matcher: EntityMatcher, title: str) -> int:
    """How many functions a search calls: its work, whatever the machine."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        matcher.mentions(title)
    finally:
        sys.setprofile(before)
    return calls


def test_the_work_is_linear_in_the_words_and_does_not_depend_on_the_list() -> None:
    rng = random.Random(7)  # noqa: S311 - a test's data
    names = sorted({"".join(rng.choices("bcdfgklmnprst", k=9)).capitalize() for _ in range(10_000)})
    companies_ = [ListedCompany(f"{name} Inc", (name,)) for name in names]
    small, large = (EntityMatcher((), CompanyList("", tuple(companies_[:n]))) for n in (50, 10_000))
    filler = "orders from abroad rose "

    figures = [calls_of(large, names[0] + " " + filler * n) for n in (1, 10, 100)]

    assert figures[2] < 11 * figures[1]
    assert figures[1] < 11 * figures[0]
    title = ", ".join(names[:50])
    assert calls_of(large, title) < 1.1 * calls_of(small, title)


@given(
    st.text(max_size=20),
    st.sampled_from(["Nvidia", "NVIDIA", "Nvidía", "nvidia", "Ｎvidia"]),  # noqa: RUF001
    st.text(max_size=20),
)
def test_spans_are_places_of_the_text_as_it_was(before: str, name: str, after: str) -> None:
    title = f"{before} {name} {after}"

    for mention in MATCHER.mentions(title).found:
        for start, end in mention.spans:
            assert 0 <= start < end <= len(title)
            if mention.entity == "Nvidia" and "$" not in title and ":" not in title:
                assert title[start:end].strip()


@given(st.permutations(["Nvidia", "Apple Inc", "Goldman Sachs", "Delta Air Lines"]))
def test_the_first_is_the_subject_and_of_four_none_is(names: list[str]) -> None:
    two, four = " beats ".join(names[:2]), ", ".join(names)

    found = MATCHER.mentions(two)
    relevances = sorted(each.relevance for each in (*found.found, *found.others))
    assert relevances == [75, 100]
    many = MATCHER.mentions(four)
    assert {each.relevance for each in (*many.found, *many.others)} == {25}
