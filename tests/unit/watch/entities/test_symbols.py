"""Tests of the forms in which ticker symbols are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.watch.entities.symbols import Symbol, SymbolTable, read_symbol, written_symbols


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AAPL", ("US", "AAPL")),
        (" aapl ", ("US", "AAPL")),
        ("$AAPL", ("US", "AAPL")),
        ("NASDAQ:AAPL", ("US", "AAPL")),
        ("NYSE: JNJ", ("US", "JNJ")),
        ("AAPL:US", ("US", "AAPL")),
        ("AAPL.US", ("US", "AAPL")),
        ("VOD.L", ("LON", "VOD")),
        ("LSE:VOD", ("LON", "VOD")),
        ("7203.T", ("TYO", "7203")),
        ("BRK.A", ("US", "BRK.A")),
        ("BRK-B", ("US", "BRK.B")),
        ("<JNJ.N>", ("US", "JNJ")),
        ("CRYPTO:BTC", None),
        ("", None),
        ("a b", None),
    ],
)
def test_an_entry_of_a_list_of_tickers(text: str, expected: tuple[str, str] | None) -> None:
    assert read_symbol(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("up: $AAPL.", [("US", "AAPL")]),
        ("$BRK.B and $BRK-B", [("US", "BRK.B"), ("US", "BRK.B")]),
        ("(NASDAQ: AAPL)", [("US", "AAPL")]),
        ("(LON:VOD)", [("LON", "VOD")]),
        ("<JNJ.N> <BRKb.N> <VOD.L>", [("US", "JNJ"), ("US", "BRK.B"), ("LON", "VOD")]),
        ("<BTC.ZZ>", [None]),
        ("UPDATE: ALL", []),
        ("$5 US$AAPL A$AP $AAPLs2 <b>", []),
    ],
)
def test_symbols_in_a_text(text: str, expected: list[tuple[str, str] | None]) -> None:
    assert [found.symbol for found in written_symbols(text)] == expected


def test_a_code_without_exchange_is_that_of_the_united_states_first() -> None:
    table = SymbolTable(
        [
            (Symbol("US", "ALL"), "Allstate"),
            (Symbol("ASX", "ALL"), "Aristocrat"),
            (Symbol("LON", "VOD"), "Vodafone"),
            (Symbol("LON", "X"), "one"),
            (Symbol("ASX", "X"), "another"),
        ]
    )

    assert table.entity_of_cashtag("ALL") == "Allstate"
    assert table.entity_of_cashtag("VOD") == "Vodafone"
    assert table.entity_of_cashtag("VOD.It") == "Vodafone"
    assert table.entity_of_cashtag("X") is None


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    read_symbol(text)
    for found in written_symbols(text):
        assert 0 <= found.start < found.end <= len(text)
