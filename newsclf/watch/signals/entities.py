"""Find which entities of a watch list a headline names.

Names and aliases match whole words, longest first, with their case; symbols match by their form.
What is also an ordinary word (Target, NET, ALL) needs a second cue. docs/decisions/0078 has the
rules with their reasons.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from newsclf.common.errors import ConfigError
from newsclf.watch.signals.symbols import Symbol, SymbolTable, read_symbol, written_symbols

_LONGEST_ACRONYM = 5
_SHORTEST_SURE_TICKER = 3
"""A ticker of one or two letters (F, ON, GM) is more often something else."""
_FEW_WORDS = 2
_LONG_WORD = 4
"""Letters from which a word tells by its first letter whether a headline is in Title Case."""

_TOKEN = re.compile(r"[^\W_]+|[^\w\s]|_")
_HYPHEN = re.compile(r"(?<=[^\W_])-(?=[^\W_])")
_APOSTROPHES_AND_HYPHENS = str.maketrans("’‘ʼ‐‑", "'''--", "™®©℠")  # noqa: RUF001 - as written
_STARTS_A_SENTENCE = frozenset('.:;?!"“”|–—')

_WORDS_AFTER_A_COMPANY = """
inc incorporated corp corporation co ltd limited plc llc holdings ag nv shares stock ceo cfo coo
chief chairman investors shareholders says said reports reported posts posted beats misses unveils
launches launched sues sued acquires acquired buys bought names hires hired appoints wins won warns
warned agrees agreed expects plans faces recalls
"""
_WORDS_BEFORE_A_COMPANY = """
maker automaker carmaker chipmaker drugmaker giant retailer chain parent rival lender insurer bank
airline
"""
_AFTER_A_COMPANY = frozenset(_WORDS_AFTER_A_COMPANY.split())
_BEFORE_A_COMPANY = frozenset(_WORDS_BEFORE_A_COMPANY.split())
_BEFORE_OF_A_COMPANY = frozenset(("shares", "stock", "ceo", "cfo", "chief", "chairman"))
_BETWEEN_COMPANIES = frozenset((",", "/", "&", "and", "vs", "versus"))


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedEntity:
    """An entity of the watch list, such as a company with its brands."""

    name: str
    aliases: tuple[str, ...] = ()
    """Other names, each as it is written: case counts."""
    tickers: tuple[str, ...] = ()
    """`AAPL`, or with an exchange `LON:VOD`; without one, of the United States."""


class Mentions(NamedTuple):
    """Entities that a headline names, in the order of the watch list."""

    named: tuple[str, ...]
    doubtful: tuple[str, ...]
    """Those of which it has a word that means something else as often, without a second cue."""

    @property
    def entity(self) -> str | None:
        """The one that the headline is about; None if it names none or several."""
        return self.named[0] if len(self.named) == 1 else None


class _Form(NamedTuple):
    """A way to write an entity, as tokens."""

    entity: str
    tokens: tuple[str, ...]
    is_ticker: bool
    needs_cue: bool


class _Token(NamedTuple):
    text: str
    in_compound: bool
    """Whether a hyphen ties it to a word in lower case, as in Meta-analysis."""
    after_hyphen: bool


class EntityMatcher:
    """The entities of a watch list, compiled once; a headline takes about 100 µs."""

    def __init__(self, entities: Sequence[WatchedEntity]) -> None:
        """Compile a watch list.

        Raises:
            ConfigError: Two entities share a name, an alias or a symbol; one of them is empty or
                a ticker can't be read.
        """
        self._order = {entity.name: i for i, entity in enumerate(entities)}
        if len(self._order) != len(entities):
            raise ConfigError(
                "watch list: two entities have the same name", hint="make one entity of them"
            )
        symbols = _symbols(entities)
        self._symbols = SymbolTable(symbols.items())
        self._forms: dict[str, list[_Form]] = {}
        for form in sorted(_forms(entities, symbols), key=lambda form: -len(form.tokens)):
            self._forms.setdefault(form.tokens[0].casefold(), []).append(form)

    def mentions(self, title: str, tickers: Iterable[str] = ()) -> Mentions:
        """Find the entities that a headline names.

        Args:
            title: The headline, as plain text.
            tickers: The source's own, of this headline. They confirm a word that is in doubt; by
                themselves they name nothing, since many sources list all that is related.
        """
        sure, text = self._written_out(title)
        listed = {self._symbols.entity(s) for t in tickers if (s := read_symbol(t))}
        tokens = list(_tokens(text))
        letters_tell = not text.isupper()
        doubtful: dict[str, list[tuple[_Form, int]]] = {}
        companies_at: set[int] = set()
        for form, at in self._scan(tokens):
            if form.needs_cue or (form.is_ticker and not letters_tell):
                doubtful.setdefault(form.entity, []).append((form, at))
            else:
                sure.add(form.entity)
                companies_at.update(range(at, at + len(form.tokens)))
        confirmed = {
            entity
            for entity, found in doubtful.items()
            if entity in listed
            or len({" ".join(form.tokens).casefold() for form, _ in found}) > 1
            or any(_is_company(tokens, form, at, companies_at) for form, at in found)
        }
        named = sure | confirmed
        return Mentions(self._ordered(named), self._ordered(doubtful.keys() - named))

    def _written_out(self, title: str) -> tuple[set[str], str]:
        """Entities of symbols in a form of their own, and the text without these."""
        text = _plain(title)
        named: set[str | None] = set()
        for found in written_symbols(text):
            if found.symbol is not None and found.is_cashtag:
                named.add(self._symbols.entity_of_cashtag(found.symbol.code))
            elif found.symbol is not None:
                named.add(self._symbols.entity(found.symbol))
            text = text[: found.start] + " " * (found.end - found.start) + text[found.end :]
        return {entity for entity in named if entity is not None}, text

    def _scan(self, tokens: Sequence[_Token]) -> Iterator[tuple[_Form, int]]:
        """Forms with the place of their first token; a longer one hides those inside it."""
        at = 0
        while at < len(tokens):
            length = 0
            for form in self._forms.get(tokens[at].text.casefold(), ()):
                if len(form.tokens) < length:
                    break
                if _is_written(form, tokens[at : at + len(form.tokens)]):
                    length = len(form.tokens)
                    yield form, at
            at += length or 1

    def _ordered(self, entities: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(entities, key=self._order.__getitem__))


def _symbols(entities: Sequence[WatchedEntity]) -> dict[Symbol, str]:
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


def _forms(entities: Sequence[WatchedEntity], symbols: dict[Symbol, str]) -> Iterator[_Form]:
    owners: dict[tuple[str, ...], str] = {}
    for entity in entities:
        for name in dict.fromkeys((entity.name, *entity.aliases)):
            tokens = tuple(token.text for token in _tokens(_plain(name)))
            if not any(token.isalnum() for token in tokens):
                raise ConfigError(
                    f"watch list: {entity.name!r} has a name without letters, {name!r}",
                    hint="write the name as headlines do",
                )
            if owners.setdefault(tokens, entity.name) != entity.name:
                raise ConfigError(
                    f"watch list: {owners[tokens]} and {entity.name} share the name {name!r}",
                    hint="make one entity of them, or leave the name with one",
                )
            # Three ordinary words in a row with capitals, as in Delta Air Lines, are a name.
            needs_cue = len(tokens) <= _FEW_WORDS and all(
                token.casefold() in ordinary_words() for token in tokens
            )
            yield _Form(entity.name, tokens, is_ticker=False, needs_cue=needs_cue)
    for symbol, name in symbols.items():
        tokens = tuple(token.text for token in _tokens(symbol.code))
        short = len(tokens[0]) < _SHORTEST_SURE_TICKER or symbol.code.isdigit()
        if owners.get(tokens) != name:
            foreign = symbol.exchange != "US"
            needs_cue = short or foreign or symbol.code.casefold() in ordinary_words()
            yield _Form(name, tokens, is_ticker=True, needs_cue=needs_cue)


@cache
def ordinary_words() -> frozenset[str]:
    """English words and abbreviations, in lower case, that may be tickers or names of companies.

    Those of up to five letters are from the shipped headlines; others were added by hand.
    """
    content = files("newsclf.watch.signals").joinpath("ordinary_words.txt")
    return frozenset(content.read_text(encoding="utf-8").split())


def _plain(text: str) -> str:
    """A text without accents and trade marks, with plain apostrophes and hyphens."""
    text = text.translate(_APOSTROPHES_AND_HYPHENS)
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _tokens(text: str) -> Iterator[_Token]:
    """Words and marks; a hyphen inside a word counts as a space, so Coca-Cola is Coca Cola."""
    hyphens = {match.start() for match in _HYPHEN.finditer(text)}
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        if start not in hyphens:
            after = end in hyphens and text[end + 1].islower()
            before = start - 1 in hyphens and text[start - 2].islower()
            yield _Token(match[0], in_compound=after or before, after_hyphen=start - 1 in hyphens)


def _is_written(form: _Form, tokens: Sequence[_Token]) -> bool:
    return len(tokens) == len(form.tokens) and all(
        _is_spelt(known, token.text, exactly=form.is_ticker)
        for known, token in zip(form.tokens, tokens, strict=True)
    )


def _is_spelt(known: str, written: str, *, exactly: bool) -> bool:
    """Whether a word of a headline is one of a name: Nvidia may be NVIDIA, SAP can't be sap."""
    if exactly or (known.isupper() and 1 < len(known) <= _LONGEST_ACRONYM):
        return written == known
    if written.casefold() != known.casefold():
        return False
    return not known[0].isupper() or written[0].isupper()


def _is_company(
    tokens: Sequence[_Token], form: _Form, at: int, companies_at: Container[int]
) -> bool:
    """Whether the words around a name, or its capital letter, say that it is a company's.

    Args:
        tokens: The headline.
        form: The name.
        at: Where in `tokens` it begins.
        companies_at: Which of `tokens` belong to names that are in no doubt.
    """
    end = at + len(form.tokens)
    if form.is_ticker or tokens[at].in_compound or tokens[end - 1].in_compound:
        return False
    words = [token.text.casefold() for token in tokens]
    before, after = words[max(at - 2, 0) : at], words[end : end + 2]
    return (
        after == ["'", "s"]
        or _has_company_word(before, after)
        or _is_beside_a_company(tokens, at, end, companies_at)
        or _is_capital_by_choice(tokens, at, end)
    )


def _is_beside_a_company(
    tokens: Sequence[_Token], at: int, end: int, companies_at: Container[int]
) -> bool:
    """Whether a name is beside another: `Apple, Google`, `Google and Apple`, `Apple-Google`."""
    return (
        (at - 1 in companies_at and tokens[at].after_hyphen)
        or (end in companies_at and tokens[end].after_hyphen)
        or (at - 2 in companies_at and tokens[at - 1].text in _BETWEEN_COMPANIES)
        or (end + 1 in companies_at and tokens[end].text in _BETWEEN_COMPANIES)
    )


def _has_company_word(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether one of the words beside a name goes with companies: `shares of`, `Inc`."""
    if after and (after[0] in _AFTER_A_COMPANY or after[1:] == ["its"]):  # Apple raises its …
        return True
    if not before:
        return False
    return before[-1] in _BEFORE_A_COMPANY or (
        before[-1] in ("of", "in") and before[0] in _BEFORE_OF_A_COMPANY
    )


def _is_capital_by_choice(tokens: Sequence[_Token], at: int, end: int) -> bool:
    """Whether a name has a capital that neither its place nor the headline's style asks for."""
    if at == 0 or tokens[at - 1].text in _STARTS_A_SENTENCE or not tokens[at].text[0].isupper():
        return False
    others = [
        token.text
        for i, token in enumerate(tokens)
        if i > 0 and not at <= i < end and len(token.text) >= _LONG_WORD and token.text.isalpha()
    ]
    in_lower_case = sum(word.islower() for word in others)
    return in_lower_case > len(others) / 2
