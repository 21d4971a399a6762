"""Make a list of companies from the SEC's file of tickers.

    python -m newsclf.watch.entities.sec company_tickers_exchange.json 2026-11-26 > companies.csv

The file is https://www.sec.gov/files/company_tickers_exchange.json, in the order of market value;
`company_tickers.json`, which has no exchanges, can be read, too. Funds, blank-cheque companies
and securities other than shares are left out. Names are shortened as headlines do it, and names
that are words of a dictionary, or that two companies may be called, are marked with `?`: they
need a second cue. `aliases.txt` has, for well-known companies, what no rule can guess.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import sys
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from newsclf.common.errors import NewsclfError
from newsclf.watch.entities.listed import ListedCompany, write_list
from newsclf.watch.entities.matcher import ORGANISATIONS
from newsclf.watch.entities.symbols import read_symbol

_EXCHANGES = {"Nasdaq": "NASDAQ", "NYSE": "NYSE", "CBOE": "CBOE", "OTC": "OTC"}
_OF_OTC = 4000
"""Rows of the file in which companies that are traded over the counter are kept: those of other
countries whose shares are large; further down they are mostly dormant."""
_WELL_KNOWN = 1500
"""Rows in which two words of a dictionary are believed to be a name, as in Dollar General."""
_MOST_TICKERS = 3
_SMALL_WORDS = frozenset(("OF", "AND", "FOR", "IN", "ON", "DE", "LA", "DEL", "DU", "VAN", "VON"))
_LEGAL_WORDS = frozenset(("INC", "LTD", "THE", "NEW", "CO", "COM"))

_NO_COMPANY = re.compile(
    r"\b(?:ETFS?|ETNS?|FUNDS?|SPDR|ISHARES|PROSHARES|GRAYSCALE|ACQUISITIONS?|SPAC|INCOME TRUST|"
    r"MUNICIPAL|ROYALTY TRUST|BITCOIN TRUST|GOLD TRUST|SILVER TRUST|TERM TRUST|CAPITAL TRUST|"
    r"BLANK CHECK|DEPOSITOR|FUNDING|OPPORTUNITIES TRUST|QQQ)\b",
    re.IGNORECASE,
)
_OTHER_SECURITY = re.compile(r"-(?:P[A-Z]?|W[A-Z]?|WT|U|UN|R|RI|RT)$")
_STATE = re.compile(r"\s*[/\\](?:[A-Z .&]{0,12}|ADR|NEW)[/\\]?\s*$|\s*\([^)]*\)", re.IGNORECASE)
_LEGAL = re.compile(
    r"[\s,]+(?:INC|INCORPORATED|CORP|CORPORATION|CO|COS|COMPANY|COMPANIES|LTD|LIMITED|PLC|LLC|LP|L\.P|"
    r"HOLDINGS?|HLDGS?|GROUP|AG|N\.?V|S\.?A|SE|S\.?P\.?A|ASA|A/S|AB|OYJ|KGAA|TRUST|BANCORP(?=$)|"
    r"S\.?A\.?B\.?(?: DE C\.?V)?|DE C\.?V|ADR|ORD|PUBL|&|AND|/ADR|/FI|CL [AB]|REIT)\.?$",
    re.IGNORECASE,
)
_SHORT_WORD = 3
_FEW_WORDS = 2
_SHORTEST_NAME = 3


class Words(NamedTuple):
    """A dictionary, to tell names from other words."""

    ordinary: frozenset[str]
    """Words that are written small."""
    proper: frozenset[str]
    """Names of persons and places and the like, in lower case."""


def companies(content: bytes, words: Words, additions: Additions) -> list[ListedCompany]:
    """Companies of the SEC's file in its order, then others.

    Args:
        content: The file.
        words: A dictionary of English.
        additions: Aliases and further companies.

    Raises:
        ValueError: The file is of another form.
    """
    kept = list(_companies(content))
    names = [_names(each.name, words) for each in kept]
    owners = Counter(name.casefold() for each in names for name in dict.fromkeys(each))
    shared = {name for name, count in owners.items() if count > 1}
    by_ticker = {alias.rstrip("?!").casefold() for a in additions.aliases.values() for alias in a}
    by_hand = by_ticker | {name.casefold() for each in additions.companies for name in each.names}
    found: dict[str, ListedCompany] = {}
    for company, (full, *shorter) in zip(kept, names, strict=True):
        own = [alias for each in company.tickers for alias in additions.aliases.get(each, ())]
        of_another = not own and not by_ticker.isdisjoint(map(str.casefold, shorter))
        if of_another and company.exchange == "OTC":
            continue
        new = [
            name
            for name in dict.fromkeys(shorter)
            if f"{name}!" not in own and name.casefold() not in by_hand
        ]
        if len(full.split()) == 1 and _is_mostly_another(full, words, well_known=False):
            full = f"{full} ({company.tickers[0]})"  # noqa: PLW2901 - Bullish, a company
        own += [
            f"{name}?" if is_doubtful else name
            for name, is_doubtful in _believed(company, new, shorter[:1], words, shared)
        ]
        found.setdefault(full, _listed(company, full, own))
    full_names = {name.casefold(): each[0] for each in reversed(names) for name in each}
    for other in additions.companies:
        same = found.get(full_names.get(other.name.casefold(), ""))
        if same is None:
            found[other.name] = other
        else:
            found[same.name] = same._replace(
                aliases=tuple(dict.fromkeys((*same.aliases, other.name, *other.aliases))),
                tickers=(*same.tickers, *other.tickers),
            )
    return list(found.values())


def _believed(
    company: _Company,
    names: Sequence[str],
    first: Sequence[str],
    words: Words,
    shared: Container[str],
) -> Iterator[tuple[str, bool]]:
    """Short names that are used for a company, each with whether it needs a second cue.

    Args:
        company: The company.
        names: What it may be called.
        first: The name without its legal form; those that are shorter are guesses.
        words: A dictionary.
        shared: Names of several companies, in lower case.
    """
    well_known = company.rank < _WELL_KNOWN
    for name in names:
        is_shared = name.casefold() in shared
        is_guess = name not in first or is_shared
        if not is_guess and not _is_doubtful(name, words, well_known=well_known):
            yield name, False
        elif not is_shared and not _is_mostly_another(name, words, well_known=well_known):
            yield name, True


def _listed(company: _Company, name: str, aliases: Sequence[str]) -> ListedCompany:
    """A company with aliases as `aliases.txt` writes them."""
    sure = dict.fromkeys(alias for alias in aliases if alias[-1] not in "?!")
    unsure = dict.fromkeys(alias[:-1] for alias in aliases if alias[-1] == "?")
    return ListedCompany(
        name=name,
        aliases=tuple(alias for alias in sure if alias != name),
        tickers=company.tickers,
        exchange=company.exchange,
        cik=company.cik,
        uncertain=tuple(alias for alias in unsure if alias not in sure and alias != name),
    )


class Additions(NamedTuple):
    """What `aliases.txt` adds to the SEC's file."""

    aliases: Mapping[str, Sequence[str]]
    """By ticker, what headlines call a company; with `?` what needs a second cue, with `!` what
    mostly means something else."""
    companies: Sequence[ListedCompany]
    """Those that are not in the file."""


def read_additions(text: str) -> Additions:
    """Read `GE GE|General Electric`, `ETR:SIE Siemens` and `- Twitter`."""
    aliases: dict[str, Sequence[str]] = {}
    others: list[ListedCompany] = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        ticker, names = line.split(" ", 1)
        if ":" not in ticker and ticker != "-":
            aliases[ticker] = names.split("|")
            continue
        name, *rest = names.split("|")
        others.append(
            ListedCompany(
                name=name.rstrip("?"),
                aliases=tuple(alias for alias in rest if not alias.endswith("?")),
                tickers=() if ticker == "-" else (ticker,),
                exchange=ticker.partition(":")[0].strip("-"),
                uncertain=tuple(alias.rstrip("?") for alias in (name, *rest) if alias[-1] == "?"),
            )
        )
    return Additions(aliases, others)


def read_words(text: str) -> Words:
    """A dictionary with a word in each line, names with a capital letter."""
    lines = [line for line in text.split() if line.isalpha()]
    ordinary = frozenset(line for line in lines if line.islower())
    return Words(ordinary, frozenset(line.casefold() for line in lines) - ordinary)


class _Company(NamedTuple):
    name: str
    tickers: tuple[str, ...]
    exchange: str
    cik: str
    rank: int


def _companies(content: bytes) -> Iterator[_Company]:
    by_cik: dict[str, _Company] = {}
    for rank, (cik, name, ticker, exchange) in enumerate(_rows(content)):
        if _NO_COMPANY.search(name) or _OTHER_SECURITY.search(ticker):
            continue
        if exchange not in _EXCHANGES or (exchange == "OTC" and rank >= _OF_OTC):
            continue
        if read_symbol(ticker) is None:
            continue
        known = by_cik.get(cik)
        if known is None:
            by_cik[cik] = _Company(name, (ticker,), _EXCHANGES[exchange], cik, rank)
        elif len(known.tickers) < _MOST_TICKERS and _is_class_of(ticker, known.tickers[0]):
            by_cik[cik] = known._replace(tickers=(*known.tickers, ticker))
    yield from by_cik.values()


def _is_class_of(ticker: str, main: str) -> bool:
    """Whether a ticker is of other shares of a company, not of its notes: GOOG of GOOGL."""
    if main in ticker:
        return ticker.removeprefix(main) in ("A", "B", "K", "-A", "-B", "-C")
    return len(ticker) <= len(main) and ticker[:2] == main[:2]


def _rows(content: bytes) -> list[tuple[str, str, str, str]]:
    try:
        read = json.loads(content)
        if "fields" in read:
            at = [read["fields"].index(name) for name in ("cik", "name", "ticker", "exchange")]
            rows = [[row[i] for i in at] for row in read["data"]]
        else:
            rows = [[row["cik_str"], row["title"], row["ticker"], "NYSE"] for row in read.values()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a file of tickers of the SEC") from error
    return [(str(cik), name, ticker, exchange or "") for cik, name, ticker, exchange in rows]


def _names(registered: str, words: Words) -> list[str]:
    """A registered name, then shorter ones: Micron Technology Inc, Micron Technology, Micron."""
    name = registered
    while (shorter := _STATE.sub("", name)) != name:
        name = shorter
    name = " ".join(_in_mixed_case(word, words) for word in name.strip(" ,").split())
    found = [name.rstrip(".,")]
    short = name
    while (shorter := _LEGAL.sub("", short.rstrip(" ,"))) != short and len(shorter) > 1:
        short = shorter
    short = short.strip(" ,.").removeprefix("The ")
    if short.endswith(" Com"):
        found += [f"{short.removesuffix(' Com')}.com", short.removesuffix(" Com")]
    elif len(short) >= _FEW_WORDS:
        found.append(short)
    parts = short.split()
    if 1 < len(parts) <= _SHORT_WORD and parts[-1].casefold() in ORGANISATIONS:
        rest = " ".join(parts[:-1])
        if not all(part.casefold() in words.ordinary | words.proper for part in parts[:-1]):
            found.append(rest)
    return found


def _in_mixed_case(word: str, words: Words) -> str:
    """A word as it is written in text: VERIZON becomes Verizon, IBM and AT&T remain."""
    letters = [character for character in word if character.isalpha()]
    if not letters or not word.isupper() or "&" in word:
        return word
    if word in _SMALL_WORDS:
        return word.lower()
    in_dictionary = word.rstrip(".,").casefold() in words.ordinary | words.proper
    if len(letters) <= _SHORT_WORD and not in_dictionary and word.rstrip(".,") not in _LEGAL_WORDS:
        return word
    if not set("AEIOUY") & set(letters):
        return word
    return re.sub(r"[A-Za-z][a-z']*", lambda m: m[0].capitalize(), word.lower())


def _is_doubtful(name: str, words: Words, *, well_known: bool) -> bool:
    """Whether a short name means something else, too."""
    parts = [part.casefold() for part in re.findall(r"[^\W_]+", name)]
    if len(parts) == 1:
        in_dictionary = parts[0] in words.ordinary | words.proper | ORGANISATIONS
        return in_dictionary or len(name) < _SHORTEST_NAME
    ordinary: Container[str] = words.ordinary | words.proper
    return len(parts) == _FEW_WORDS and not well_known and all(part in ordinary for part in parts)


def _is_mostly_another(name: str, words: Words, *, well_known: bool) -> bool:
    """Whether a short name is more often something else, so that it is left out."""
    parts = [part.casefold() for part in re.findall(r"[^\W_]+", name)]
    if len("".join(parts)) <= _SHORTEST_NAME or (words.ordinary | ORGANISATIONS).issuperset(parts):
        return True
    return not well_known and all(part in words.ordinary | words.proper for part in parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a list to standard output."""
    parser = argparse.ArgumentParser(
        prog="python -m newsclf.watch.entities.sec",
        description="Make a list of companies for entity_list in watch.toml.",
    )
    parser.add_argument("file", type=Path, help="company_tickers_exchange.json of the SEC")
    parser.add_argument("date", type=dt.date.fromisoformat, help="Day on which it was fetched")
    parser.add_argument(
        "--words",
        type=Path,
        default=Path("/usr/share/dict/words"),
        help="Dictionary of English, a word in each line (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    aliases = files("newsclf.watch.entities").joinpath("aliases.txt").read_text(encoding="utf-8")
    try:
        words = read_words(given.words.read_text(encoding="utf-8"))
        found = companies(given.file.read_bytes(), words, read_additions(aliases))
    except OSError as error:
        parser.error(f"{error.filename} can't be read ({error.strerror})")
    except (ValueError, NewsclfError) as error:
        parser.error(f"{given.file}: {error}")
    sys.stdout.write(write_list(found, _comments(given.date, found)))
    return 0


def _comments(date: dt.date, found: Iterable[ListedCompany]) -> list[str]:
    return [
        f"Companies listed in the United States: {len(list(found)):,}, as of {date}.",
        "Source: https://www.sec.gov/files/company_tickers_exchange.json",
        "(a work of the United States government, in the public domain: 17 U.S.C. 105)",
        "Made by python -m newsclf.watch.entities.sec; further aliases by newsclf (Apache-2.0).",
        "An alias with ? needs a second cue.",
    ]


if __name__ == "__main__":
    sys.exit(main())
