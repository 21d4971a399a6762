"""Tests of which entities of a watch list a headline names."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.common.errors import ConfigError
from newsclf.watch.entities.listed import WatchedEntity
from newsclf.watch.entities.matcher import EntityMatcher
from newsclf.watch.entities.names import ordinary_words

WATCHED = (
    WatchedEntity(name="Apple", aliases=("Apple Inc",), tickers=("AAPL",)),
    WatchedEntity(name="Alibaba", tickers=("BABA", "HKG:9988")),
    WatchedEntity(name="Cloudflare", tickers=("NET",)),
    WatchedEntity(name="ServiceNow", tickers=("NOW",)),
    WatchedEntity(name="Allstate", tickers=("ALL",)),
    WatchedEntity(name="Aristocrat Leisure", tickers=("ASX:ALL",)),
    WatchedEntity(name="Gartner", tickers=("IT",)),
    WatchedEntity(name="ON Semiconductor", aliases=("onsemi",), tickers=("ON",)),
    WatchedEntity(name="S&P 500", tickers=("SPY",)),
    WatchedEntity(name="Target", tickers=("TGT",)),
    WatchedEntity(name="Best Buy", tickers=("BBY",)),
    WatchedEntity(name="Alphabet", aliases=("Google", "Google Cloud"), tickers=("GOOGL", "GOOG")),
    WatchedEntity(name="Meta Platforms", aliases=("Meta", "Facebook"), tickers=("META",)),
    WatchedEntity(name="Johnson & Johnson", aliases=("J&J",), tickers=("JNJ",)),
    WatchedEntity(name="Berkshire Hathaway", tickers=("BRK.A", "BRK.B")),
    WatchedEntity(name="Delta Air Lines", aliases=("Delta",), tickers=("DAL",)),
    WatchedEntity(name="Delta Electronics"),
    WatchedEntity(name="Coca-Cola", tickers=("KO",)),
    WatchedEntity(name="Nestlé", tickers=("SWX:NESN",)),
    WatchedEntity(name="McDonald's", tickers=("MCD",)),
    WatchedEntity(name="SAP", tickers=("ETR:SAP",)),
    WatchedEntity(name="Nvidia", tickers=("NVDA",)),
    WatchedEntity(name="eBay", tickers=("EBAY",)),
    WatchedEntity(name="Vodafone", tickers=("VOD.L",)),
)
MATCHER = EntityMatcher(WATCHED)
FILLERS = ("quarterly", "dividend", "shipment", "widens", "Thursday", "outlook", "7%", "EUR", "-")


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        # names: whole words, with their case
        ("Nvidia's data centre business doubles", ["Nvidia"]),
        ("NVIDIA raises its outlook", ["Nvidia"]),
        ("Chip stocks fall: Nvidia, AMD lower", ["Nvidia"]),
        ("nvidia", []),
        ("Nvidias of the future", []),
        ("SAP lifts its forecast", ["SAP"]),
        ("Maple sap runs early", []),
        ("Sap of the rubber tree gets dearer", []),
        ("Coca Cola and Coca-Cola\u2019s bottler agree", ["Coca-Cola"]),
        ("NESTLE SALES RISE", ["Nestlé"]),
        ("Nestle raises prices", ["Nestlé"]),
        ("McDonald\u2019s sales rise", ["McDonald's"]),
        ("Clan McDonald meets", []),
        ("EBay sellers protest", ["eBay"]),
        ("J&J recalls a product", ["Johnson & Johnson"]),
        ("Vodafone-backed venture fails", ["Vodafone"]),
        ("Nvidia™ unveils a chip", ["Nvidia"]),
        # longest first, and one family is one entity
        ("Delta Electronics opens a plant", ["Delta Electronics"]),
        ("Google parent Alphabet beats forecasts", ["Alphabet"]),
        ("Google Cloud grows by a third", ["Alphabet"]),
        # several: all of them
        ("Apple sues Google", ["Apple", "Alphabet"]),
        ("Apple, Google settle lawsuit", ["Apple", "Alphabet"]),
        ("Apple-Google deal under review", ["Apple", "Alphabet"]),
        # symbols in a form of their own
        ("$NET jumps after results", ["Cloudflare"]),
        ("$net jumps after results", ["Cloudflare"]),
        ("US$ALL the money", []),
        ("Software maker lifts outlook (NYSE: NOW)", ["ServiceNow"]),
        ("Software maker lifts outlook (Nasdaq:AAPL)", ["Apple"]),
        ("Drugmaker recalls product <JNJ.N>", ["Johnson & Johnson"]),
        ("Conglomerate buys railway <BRKb.N>", ["Berkshire Hathaway"]),
        ("BRK.B reaches a record", ["Berkshire Hathaway"]),
        ("$BRK-B reaches a record", ["Berkshire Hathaway"]),
        ("$VOD slips", ["Vodafone"]),
        ("Slot machine maker up (ASX: ALL)", ["Aristocrat Leisure"]),
        ("Insurer up (NYSE: ALL)", ["Allstate"]),
        ("$ALL up", ["Allstate"]),
        ("Someone else's listing (LON: AAPL)", []),
        ("Volume leaders: $AAPL, $NET", ["Apple", "Cloudflare"]),
        ("AAPL up 3%", ["Apple"]),
        ("aapl up 3%", []),
    ],
)
def test_the_entities_that_a_headline_names(title: str, expected: list[str]) -> None:
    assert list(MATCHER.mentions(title).named) == expected


@pytest.mark.parametrize(
    ("title", "entity"),
    [
        ("BABA Vanga predicts a prince on the throne", "Alibaba"),
        ("NET INCOME UP 5% AT REGIONAL BANK", "Cloudflare"),
        ("NET asset value rises", "Cloudflare"),
        ("NOW is the time to sell", "ServiceNow"),
        ("ALL of the board resigns", "Allstate"),
        ("IT spending rises", "Gartner"),
        ("Lights are ON again", "ON Semiconductor"),
        ("SPY chief warns of sabotage", "S&P 500"),
        ("Target price raised by brokers", "Target"),
        ("Price Target Raised To $40 By Analysts", "Target"),
        ("Is Tesla a Best Buy Now?", "Best Buy"),
        ("Apple harvest fails after frost", "Apple"),
        ("Meta-analysis finds drug of no use", "Meta Platforms"),
        ("Delta variant closes factories", "Delta Air Lines"),
        ("AAPL AND ALL THE REST", "Apple"),
    ],
)
def test_words_without_a_second_cue_name_nothing(title: str, entity: str) -> None:
    found = MATCHER.mentions(title)

    assert entity not in found.named
    assert entity in found.doubtful


@pytest.mark.parametrize(
    "title",
    [
        "Prince Baba of the old town",
        "Net income rises at regional bank",
        "Spy scandal topples minister",
        "We all know it now",
        "Pineapple Incorporated opens",
        "apple prices rise",
        "Netflix rises",
    ],
)
def test_other_words_are_not_even_doubtful(title: str) -> None:
    assert MATCHER.mentions(title) == ((), (), (), (), 0)


@pytest.mark.parametrize(
    ("title", "tickers", "entity"),
    [
        ("Target shares fall", (), "Target"),
        ("Target Corp. names a finance chief", (), "Target"),
        ("Retailer Target cuts outlook", (), "Target"),
        ("Shares of Target fall", (), "Target"),
        ("Apple's margins shrink", (), "Apple"),
        ("Why shoppers leave Target for other chains", (), "Target"),
        ("TARGET SHARES FALL", (), "Target"),
        ("Target (TGT) cuts outlook", (), "Target"),
        ("Target cuts outlook $TGT", (), "Target"),
        ("Target cuts outlook", ("TGT",), "Target"),
        ("Target cuts outlook", ("NYSE:TGT",), "Target"),
        ("NET jumps", ("NET",), "Cloudflare"),
        ("Cloudflare (NET) jumps", (), "Cloudflare"),
        ("Facebook owner Meta cuts jobs", (), "Meta Platforms"),
        ("ALL slips", ("ASX:ALL",), "Aristocrat Leisure"),
    ],
)
def test_a_second_cue_confirms_a_word(title: str, tickers: tuple[str, ...], entity: str) -> None:
    assert MATCHER.mentions(title, tickers).named == (entity,)


def test_tickers_of_the_source_name_nothing_by_themselves() -> None:
    assert MATCHER.mentions("Five stocks to watch", ("AAPL", "CRYPTO:BTC", "?")).named == ()


def test_names_of_one_entity_are_one() -> None:
    assert MATCHER.mentions("Google and Alphabet are one").named == ("Alphabet",)


@pytest.mark.parametrize(
    ("entities", "message"),
    [
        ((WatchedEntity(name="A1"), WatchedEntity(name="A1")), "the same name"),
        ((WatchedEntity(name="Ford"), WatchedEntity(name="F", aliases=("Ford",))), "Ford and F"),
        (
            (WatchedEntity(name="A1", tickers=("X",)), WatchedEntity(name="B1", tickers=("$x",))),
            "share the ticker",
        ),
        ((WatchedEntity(name="A1", tickers=("MOON:X",)),), "'MOON:X' is no ticker"),
        ((WatchedEntity(name="A1", aliases=(" ",)),), "a name without letters"),
    ],
)
def test_a_watch_list_that_is_ambiguous_is_refused(
    entities: tuple[WatchedEntity, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        EntityMatcher(entities)


NAMES = [name for e in WATCHED for name in (e.name, *e.aliases)]
WORDS_TOO = ("Apple", "Target", "Best Buy", "Meta", "Delta", "Alphabet")
SURE_NAMES = [(e.name, n) for e in WATCHED for n in (e.name, *e.aliases) if n not in WORDS_TOO]


@given(
    st.sampled_from(SURE_NAMES),
    st.lists(st.sampled_from(FILLERS), max_size=5),
    st.lists(st.sampled_from(FILLERS), max_size=5),
    st.sampled_from(["", "'s", "\u2019s", ",", ":", "?", '"', ")"]),
)
def test_a_name_is_found_wherever_it_stands_alone(
    named: tuple[str, str], before: list[str], after: list[str], mark: str
) -> None:
    entity, name = named

    found = MATCHER.mentions(" ".join([*before, name + mark, *after]))

    assert found.named == (entity,)


@given(
    st.sampled_from(NAMES),
    st.text(string.ascii_letters + string.digits, min_size=1, max_size=4),
    st.booleans(),
)
def test_a_name_inside_a_longer_word_is_not_found(name: str, letters: str, in_front: bool) -> None:  # noqa: FBT001 - generated
    assert MATCHER.mentions(letters + name if in_front else name + letters).named == () or (
        " " in name or "-" in name or "&" in name
    )


@given(
    st.lists(st.sampled_from([*NAMES, *FILLERS, "$NET", "(NYSE: ALL)", "NOW", "shares"])),
    st.lists(st.sampled_from(["AAPL", "NET", "TGT", "NYSE:META", "?"])),
)
def test_tickers_of_the_source_only_ever_confirm(words: list[str], tickers: list[str]) -> None:
    without, found = MATCHER.mentions(" ".join(words)), MATCHER.mentions(" ".join(words), tickers)

    assert set(without.named) <= set(found.named)
    assert set(found.named) | set(found.doubtful) == set(without.named) | set(without.doubtful)


@given(st.text(), st.lists(st.text(max_size=8)))
def test_any_text_is_answered(title: str, tickers: list[str]) -> None:
    found = MATCHER.mentions(title, tickers)

    assert not set(found.named) & set(found.doubtful)


def test_the_ordinary_words_hold_the_known_traps() -> None:
    traps = "net all now on it spy baba target apple meta block snap shell oracle visa gap key cat"

    assert set(traps.split()) <= ordinary_words()
    assert not {"nvidia", "tesla", "google", "amazon", "boeing"} & ordinary_words()
