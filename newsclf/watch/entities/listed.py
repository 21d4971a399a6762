"""Lists of companies: names, aliases, symbols and identifiers, read from CSV.

A list tells the companies of a watch list from all others, so that Apple Hospitality is not taken
for Apple, and a headline about two companies is seen to be about two. It also completes the watch
list with the aliases of its companies.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from newsclf.common.errors import ConfigError, reason_of
from newsclf.common.files import read_regular
from newsclf.watch.entities.symbols import Symbol, read_symbol

SHIPPED = "sec"
"""Names the list that is part of the package."""
COLUMNS = ("name", "aliases", "tickers", "exchange", "cik", "isin")
"""Of a list; aliases and tickers are separated by `|` and spaces."""
_LARGEST_BYTES = 16 * 1024 * 1024
_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedEntity:
    """An entity of the watch list, such as a company with its brands."""

    name: str
    aliases: tuple[str, ...] = ()
    """Other names, each as it is written: case counts."""
    tickers: tuple[str, ...] = ()
    """`AAPL`, or with an exchange `LON:VOD`; without one, of the United States."""
    isins: tuple[str, ...] = ()
    """Numbers of its securities, by which some sources name it."""
    uncertain: tuple[str, ...] = ()
    """Names that need a second cue, since they mean something else, too."""


class ListedCompany(NamedTuple):
    """A company of a list."""

    name: str
    aliases: tuple[str, ...] = ()
    tickers: tuple[str, ...] = ()
    """As in a watch list; the first is the main one."""
    exchange: str = ""
    cik: str = ""
    """Its number at the SEC."""
    isin: str = ""
    uncertain: tuple[str, ...] = ()
    """Names that need a second cue, since they mean something else, too; in the file with a
    question mark, among the aliases."""

    @property
    def names(self) -> tuple[str, ...]:
        """All that it is called."""
        return tuple(dict.fromkeys((self.name, *self.aliases, *self.uncertain)))

    @property
    def symbols(self) -> list[Symbol]:
        """Its tickers, read."""
        return [symbol for ticker in self.tickers if (symbol := read_symbol(ticker)) is not None]


class CompanyList(NamedTuple):
    """A list as it was read, with its text, which the record keeps."""

    text: str
    companies: tuple[ListedCompany, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def load_list(name: str, *, folder: Path) -> CompanyList:
    """Read the shipped list, or one of the user's.

    Args:
        name: `sec`, or the path of a CSV file.
        folder: What a relative path is relative to.

    Raises:
        ConfigError: The file can't be read, or a row of it can't be used.
    """
    if name == SHIPPED:
        return shipped_list()
    path = folder / name
    try:
        content = read_regular(path, at_most_bytes=_LARGEST_BYTES, follow=True)
        return read_list(content.decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(
            f"entity list {path} can't be read ({reason})",
            hint=f'name a CSV file, or entity_list = "{SHIPPED}" in watch.toml',
        ) from error
    except ValueError as error:
        raise ConfigError(
            f"entity list {path}: {error}",
            hint=f"write a line with {','.join(COLUMNS)}, then one for each company",
        ) from error


@lru_cache(maxsize=1)
def shipped_list() -> CompanyList:
    """The list that is part of the package; its first lines say where it is from."""
    content = files("newsclf.watch.entities").joinpath("companies.csv")
    return read_list(content.read_text(encoding="utf-8"))


def read_list(text: str) -> CompanyList:
    """Read a list; lines that begin with `#` are comments.

    Raises:
        ValueError: A row can't be used. The message says which and why.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    reader = csv.DictReader(lines, strict=True)
    try:
        columns, rows = reader.fieldnames or (), list(reader)
    except csv.Error as error:  # such as a quote that nothing closes
        raise ValueError(f"after line {reader.line_num}: {error}") from None
    missing = [column for column in ("name", "tickers") if column not in columns]
    if missing:
        raise ValueError(f"it has no column {missing[0]}")
    companies: dict[str, ListedCompany] = {}
    for number, row in enumerate(rows, start=1):
        company = _company(row, number)
        if company.name in companies:
            raise ValueError(f"company {number}: {company.name} appears twice")
        companies[company.name] = company
    return CompanyList(text, tuple(companies.values()))


def write_list(companies: Iterable[ListedCompany], comments: Sequence[str]) -> str:
    """A list as CSV, with comments in front; `read_list` reads it."""
    out = io.StringIO()
    for comment in comments:
        out.write(f"# {comment}\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in companies:
        writer.writerow(
            (
                each.name,
                "|".join((*each.aliases, *(f"{name}?" for name in each.uncertain))),
                " ".join(each.tickers),
                each.exchange,
                each.cik,
                each.isin,
            )
        )
    return out.getvalue()


def completed(
    watched: Sequence[WatchedEntity], known: CompanyList | None
) -> tuple[tuple[WatchedEntity, ...], tuple[ListedCompany, ...]]:
    """A watch list with what the list knows of its companies, and the companies that remain.

    A company of the list is an entity of the watch list if it has one of its tickers, or, where
    that has none, its name. The entity then has the company's aliases and tickers, too, but for
    those that the watch list gives to another.
    """
    if known is None:
        return tuple(watched), ()
    own = {name.casefold() for each in watched for name in (each.name, *each.aliases)}
    own_symbols = {s for each in watched for t in each.tickers if (s := read_symbol(t))}
    by_symbol = {symbol: each for each in reversed(known.companies) for symbol in each.symbols}
    by_name = {name.casefold(): each for each in reversed(known.companies) for name in each.names}
    taken: dict[str, None] = {}
    entities = []
    for entity in watched:
        same = _same_companies(entity, by_symbol, by_name)
        taken |= dict.fromkeys(company.name for company in same)
        names = [n for company in same for n in company.names if n.casefold() not in own]
        uncertain = {n for company in same for n in company.uncertain}
        tickers = [
            ticker
            for company in same
            for ticker in company.tickers
            if (symbol := read_symbol(ticker)) and symbol not in own_symbols
        ]
        entities.append(
            WatchedEntity(
                name=entity.name,
                aliases=(*entity.aliases, *(n for n in dict.fromkeys(names) if n not in uncertain)),
                tickers=tuple(dict.fromkeys((*entity.tickers, *tickers))),
                isins=(*entity.isins, *(company.isin for company in same if company.isin)),
                uncertain=tuple(n for n in dict.fromkeys(names) if n in uncertain),
            )
        )
        own |= {name.casefold() for name in names}
        own_symbols |= {symbol for ticker in tickers if (symbol := read_symbol(ticker))}
    return tuple(entities), tuple(each for each in known.companies if each.name not in taken)


def _same_companies(
    entity: WatchedEntity,
    by_symbol: Mapping[Symbol, ListedCompany],
    by_name: Mapping[str, ListedCompany],
) -> list[ListedCompany]:
    if entity.tickers:
        symbols = map(read_symbol, entity.tickers)
        found = [
            by_symbol[symbol] for symbol in symbols if symbol is not None and symbol in by_symbol
        ]
    else:
        names = (name.casefold() for name in (entity.name, *entity.aliases))
        found = [by_name[name] for name in names if name in by_name]
    return list({company.name: company for company in found}.values())


def _company(row: Mapping[str, str | None], number: int) -> ListedCompany:
    cells = {column: (row.get(column) or "").strip() for column in COLUMNS}
    name = cells["name"]
    if not any(character.isalnum() for character in name):
        raise ValueError(f"company {number} has no name")
    tickers = tuple(cells["tickers"].split())
    for ticker in tickers:
        if read_symbol(ticker) is None:
            raise ValueError(f"company {number}, {name}: {ticker!r} is no ticker")
    if cells["isin"] and not _ISIN.fullmatch(cells["isin"]):
        raise ValueError(f"company {number}, {name}: {cells['isin']!r} is no ISIN")
    aliases = [alias.strip() for alias in cells["aliases"].split("|") if alias.strip()]
    return ListedCompany(
        name=name,
        aliases=tuple(alias for alias in aliases if not alias.endswith("?")),
        tickers=tickers,
        exchange=cells["exchange"],
        cik=cells["cik"],
        isin=cells["isin"],
        uncertain=tuple(alias.rstrip("?") for alias in aliases if alias.endswith("?")),
    )
