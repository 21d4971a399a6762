"""Ways in which the companies of a watch list and of a list are written: names and tickers.

What is also an ordinary word, part of a longer name or the name of two companies needs a second
cue.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

from newsclf.common.errors import ConfigError
from newsclf.watch.entities.listed import ListedCompany, WatchedEntity
from newsclf.watch.entities.names import is_acronym, ordinary_words, words_of
from newsclf.watch.entities.symbols import Symbol, read_symbol

_SHORTEST_SURE_TICKER = 3
"""A ticker of one or two letters (F, ON, GM) is more often something else."""
_FEW_WORDS = 2


class Form(NamedTuple):
    """A way to write a company, as words."""

    entities: tuple[str, ...]
    """Several where the name is that of several companies."""
    words: tuple[str, ...]
    is_ticker: bool = False
    needs_cue: bool = False
    may_be_part: bool = False
    """Whether a capitalised word beside it makes it another's name: Apple Hospitality."""


def company_key(company: ListedCompany) -> str:
    """What stands for a company that is not watched."""
    return f"{company.name} ({company.tickers[0]})" if company.tickers else f"{company.name} ()"


def symbols_of(entities: Sequence[WatchedEntity]) -> dict[Symbol, str]:
    """The symbols of a watch list, each with its entity.

    Raises:
        ConfigError: One can't be read, or is that of two entities.
    """
    symbols: dict[Symbol, str] = {}
    for entity in entities:
        for ticker in entity.tickers:
            symbol = read_symbol(ticker)
            if symbol is None:
                raise ConfigError(
                    f"watch list: {entity.name}: {ticker!r} is no ticker, or of an exchange that "
                    "is not known",
                    hint="write 'AAPL', or an exchange in front: 'LON:VOD'",
                )
            if symbols.setdefault(symbol, entity.name) != entity.name:
                raise ConfigError(
                    f"watch list: {symbols[symbol]} and {entity.name} share the ticker {ticker!r}",
                    hint="write the exchange in front of one: 'ASX:ALL'",
                )
    return symbols


def check_names(watched: Sequence[WatchedEntity]) -> None:
    """Refuse a watch list with a name of two entities, or one without letters.

    Raises:
        ConfigError: It has one.
    """
    owners: dict[tuple[str, ...], str] = {}
    for entity in watched:
        for name in dict.fromkeys((entity.name, *entity.aliases)):
            words = words_of(name)
            if not any(word.isalnum() for word in words):
                raise ConfigError(
                    f"watch list: {entity.name!r} has a name without letters, {name!r}",
                    hint="write the name as headlines do",
                )
            if owners.setdefault(words, entity.name) != entity.name:
                raise ConfigError(
                    f"watch list: {owners[words]} and {entity.name} share the name {name!r}",
                    hint="make one entity of them, or leave the name with one",
                )


def symbols_of_list(
    companies: Sequence[ListedCompany], taken: Container[Symbol]
) -> Iterator[tuple[Symbol, str]]:
    """Symbols of companies that are not watched; the first company that has one keeps it."""
    for company in reversed(companies):
        for symbol in company.symbols:
            if symbol not in taken:
                yield symbol, company_key(company)


def forms(
    watched: Sequence[WatchedEntity],
    others: Sequence[ListedCompany],
    symbols: dict[Symbol, str],
) -> Iterator[Form]:
    """All ways in which companies are written; what the watch list has is no other company's.

    Args:
        watched: The watch list.
        others: Companies that are not watched.
        symbols: Of the watch list.
    """
    taken: set[tuple[str, ...]] = set()
    for entity in watched:
        for name in dict.fromkeys((entity.name, *entity.aliases, *entity.uncertain)):
            words = words_of(name)
            folded = tuple(word.casefold() for word in words)
            taken.add(folded)
            uncertain = name in entity.uncertain or _is_ordinary(words)
            yield Form((entity.name,), words, needs_cue=uncertain, may_be_part=_may_be_part(words))
    written = {(name, words_of(symbol.code)) for symbol, name in symbols.items()}
    for symbol, name in symbols.items():
        words = words_of(symbol.code)
        if tuple(word.casefold() for word in words) in taken:
            continue
        if (name, words) in written:
            written.discard((name, words))
            short = len(words[0]) < _SHORTEST_SURE_TICKER or symbol.code.isdigit()
            foreign = symbol.exchange != "US"
            needs_cue = short or foreign or symbol.code.casefold() in ordinary_words()
            yield Form((name,), words, is_ticker=True, needs_cue=needs_cue)
    yield from _forms_of_list(others, taken)


def _forms_of_list(
    companies: Sequence[ListedCompany], taken: Container[tuple[str, ...]]
) -> Iterator[Form]:
    """Names of companies that are not watched; not their tickers, of which too many are words."""
    owners: dict[tuple[str, ...], dict[str, tuple[tuple[str, ...], bool]]] = {}
    for company in companies:
        for name in company.names:
            words = words_of(name)
            folded = tuple(word.casefold() for word in words)
            if folded and folded not in taken:
                uncertain = name in company.uncertain or _is_ordinary(words)
                owners.setdefault(folded, {}).setdefault(company_key(company), (words, uncertain))
    for found in owners.values():
        words, uncertain = next(iter(found.values()))
        yield Form(
            tuple(found),
            words,
            needs_cue=uncertain or len(found) > 1,
            may_be_part=_may_be_part(words),
        )


def _is_ordinary(words: Sequence[str]) -> bool:
    """Whether a name is of ordinary words; three with capitals (Delta Air Lines) are a name."""
    return len(words) <= _FEW_WORDS and all(word.casefold() in ordinary_words() for word in words)


def _may_be_part(words: Sequence[str]) -> bool:
    return len(words) == 1 and not is_acronym(words[0])
