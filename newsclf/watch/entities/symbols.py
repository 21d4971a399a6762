"""Ticker symbols as headlines and vendors write them: `$AAPL`, `NASDAQ: AAPL`, `<JNJ.N>`.

A symbol without an exchange is taken for one of the United States, which is what a cashtag and
most vendors' lists mean by it. `ALL` is thus Allstate, and `ASX:ALL` is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

_US = "US"
_EXCHANGES: Mapping[str, str] = {
    alias: exchange
    for exchange, aliases in {
        _US: "US NASDAQ NASDAQGS NASDAQGM NASDAQCM NASD XNAS NYSE XNYS NYSEAMERICAN NYSEMKT"
        " NYSEARCA ARCA AMEX XASE CBOE BATS OTC OTCQX OTCQB OTCMKTS OTCPK",
        "ASX": "ASX XASX",
        "AMS": "AMS XAMS",
        "BIT": "BIT MIL XMIL",
        "BME": "BME XMAD",
        "BOM": "BOM BSE XBOM",
        "BRU": "BRU XBRU",
        "CPH": "CPH XCSE",
        "EPA": "EPA PAR XPAR",
        "ETR": "ETR XETRA XETR FRA FWB XFRA",
        "HEL": "HEL XHEL",
        "HKG": "HKG HKEX SEHK XHKG",
        "KRX": "KRX XKRX",
        "LON": "LON LSE XLON",
        "NSE": "NSE XNSE",
        "OSL": "OSL XOSL",
        "SGX": "SGX XSES",
        "STO": "STO XSTO",
        "SWX": "SWX SIX XSWX",
        "TSX": "TSX TSXV XTSE",
        "TYO": "TYO XTKS",
    }.items()
    for alias in aliases.split()
}
"""The exchanges that are told apart, by the names under which they are written."""
_ENDINGS = """
US N O OQ PK US | ASX AX | AMS AS | BIT MI | BME MC | BOM BO | BRU BR | CPH CO | EPA PA | ETR DE F
| HEL HE | HKG HK | KRX KS | LON L | NSE NS | OSL OL | SGX SI | STO ST | SWX S | TSX TO | TYO T
"""
_SUFFIXES: Mapping[str, str] = {
    suffix: exchange
    for exchange, *suffixes in map(str.split, _ENDINGS.split("|"))
    for suffix in suffixes
}
"""Exchanges by the end of a Reuters instrument code."""
_RIC_SUFFIXES = {**_SUFFIXES, **dict.fromkeys(("A", "K", "P"), _US)}
"""The same where only such a code is written; elsewhere `.A` is a class of shares, as in BRK.A."""

_CODE = re.compile(r"[A-Z0-9]{1,10}(?:\.[A-Z]{1,2})?")
_RIC_CLASS = re.compile(r"([A-Z0-9]+)([a-z])")
_WRITTEN = re.compile(
    r"(?<![\w$])\$(?P<cashtag>[A-Za-z]{1,6}(?:[.\-][A-Za-z]{1,2})?)(?!\w)"
    rf"|\b(?P<exchange>(?i:{'|'.join(sorted(_EXCHANGES, key=len, reverse=True))}))\s?:\s?"
    r"(?P<code>[A-Z0-9]{1,6}(?:[.\-][A-Z]{1,2})?)\b"
    r"|<(?P<ric>[A-Za-z0-9]{1,8}\.[A-Z]{1,2})>"
)


class Symbol(NamedTuple):
    """A security: the exchange, as one of a few groups, and its code there."""

    exchange: str
    code: str


class WrittenSymbol(NamedTuple):
    """A symbol in a text whose form alone says that it is one."""

    symbol: Symbol | None
    """None where the exchange is one that is not known."""
    is_cashtag: bool
    start: int
    end: int


def read_symbol(text: str) -> Symbol | None:
    """Read one entry of a list of tickers: `AAPL`, `NASDAQ:AAPL`, `AAPL:US`, `VOD.L`, `$AAPL`.

    Returns:
        None if it is of no form that is known, or of an exchange (`CRYPTO:BTC`) that is not.
    """
    left, colon, right = text.strip().strip("<>$").upper().replace("-", ".").partition(":")
    if colon:
        exchange, code = _EXCHANGES.get(left.strip()), right.strip()
        if exchange is None:
            exchange, code = _EXCHANGES.get(right.strip()), left.strip()
        return Symbol(exchange, code) if exchange and _CODE.fullmatch(code) else None
    code, _, suffix = left.rpartition(".")
    if code and suffix in _SUFFIXES and _CODE.fullmatch(code):
        return Symbol(_SUFFIXES[suffix], code)
    return Symbol(_US, left) if _CODE.fullmatch(left) else None


def written_symbols(text: str) -> Iterator[WrittenSymbol]:
    """Find `$AAPL`, `NASDAQ: AAPL` and `<JNJ.N>` in a text."""
    for match in _WRITTEN.finditer(text):
        if cashtag := match["cashtag"]:
            symbol: Symbol | None = Symbol(_US, _plain(cashtag))
        elif ric := match["ric"]:
            symbol = _of_ric(ric)
        else:
            symbol = Symbol(_EXCHANGES[match["exchange"].upper()], _plain(match["code"]))
        yield WrittenSymbol(symbol, bool(cashtag), *match.span())


class SymbolTable:
    """Which entity of a watch list has which symbol."""

    def __init__(self, symbols: Iterable[tuple[Symbol, str]]) -> None:
        """Take pairs of a symbol and the name of its entity; each symbol once."""
        self._entities = dict(symbols)
        self._by_code: dict[str, set[str]] = {}
        for symbol, entity in self._entities.items():
            self._by_code.setdefault(symbol.code, set()).add(entity)

    def entity(self, symbol: Symbol) -> str | None:
        """The entity of a symbol on its exchange."""
        return self._entities.get(symbol)

    def entity_of_cashtag(self, code: str) -> str | None:
        """The entity of a code that is written without exchange; that of the United States first.

        Where two entities have the code on other exchanges, it is neither's.
        """
        for candidate in (code, code.partition(".")[0]):  # `$AAPL.It fell` lacks a space
            if entity := self._entities.get(Symbol(_US, candidate)):
                return entity
            others = self._by_code.get(candidate, set())
            if len(others) == 1:
                return next(iter(others))
        return None


def _plain(code: str) -> str:
    return code.upper().replace("-", ".")


def _of_ric(ric: str) -> Symbol | None:
    code, _, suffix = ric.rpartition(".")
    exchange = _RIC_SUFFIXES.get(suffix)
    if exchange is None:
        return None
    share_class = _RIC_CLASS.fullmatch(code)  # BRKb.N is BRK.B
    return Symbol(exchange, ".".join(share_class.groups()).upper() if share_class else code.upper())
