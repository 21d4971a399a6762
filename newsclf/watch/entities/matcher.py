"""Find which companies a headline names, and how much it is about each.

Names and aliases match whole words, longest first, with their case; symbols match by their form.
What is also an ordinary word (Target, NET, ALL), part of a longer name or the name of two companies
needs a second cue. docs/decisions/0078 and 0086 have the rules with their reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from newsclf.common.errors import ConfigError
from newsclf.watch.entities.forms import (
    Form,
    check_names,
    company_key,
    forms,
    symbols_of,
    symbols_of_list,
)
from newsclf.watch.entities.listed import CompanyList, WatchedEntity, completed
from newsclf.watch.entities.names import (
    PlainText,
    Token,
    is_spelt,
    ordinary_words,
    plain,
    tokens,
)
from newsclf.watch.entities.relevance import is_comment, label_length, relevance
from newsclf.watch.entities.symbols import SymbolTable, read_symbol, written_symbols

_LONG_WORD = 4
"""Letters from which a word tells by its first letter whether a headline is in Title Case."""
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
_TIMES = """
monday tuesday wednesday thursday friday saturday sunday january february march april may june july
august september october november december
"""
_CAPITALISED_BEFORE = _BEFORE_A_COMPANY | frozenset(_TIMES.split())
"""Words that may have a capital in front of a name without being part of it."""
_BEFORE_OF_A_COMPANY = frozenset(("shares", "stock", "ceo", "cfo", "chief", "chairman"))
_BETWEEN_COMPANIES = frozenset((",", "/", "&", "and", "vs", "versus"))
_WORDS_OF_A_MOVE = """
rose fell gained jumped slid dropped climbed slipped surged tumbled added shed lost sank rises falls
gains jumps slides drops climbs slips surges tumbles adds sheds loses sinks advanced soared plunged
"""
_WORDS_THAT_END_NAMES = """
air airlines airways bancorp bancshares bank banks beverage biosciences biotech brands capital
chemical chemicals communications construction devices digital electric electronics energy
engineering enterprises entertainment equities financial foods foundation gaming gas gold health
healthcare hospital hospitality hotels industries institute instruments insurance interactive
international investments laboratories labs lines logistics management manufacturing materials media
medical metals minerals mining motor motors networks oil outdoor partners petroleum pharma
pharmaceutical pharmaceuticals pharmacy platforms power products properties realty reit resorts
resources restaurants royalty sciences securities semiconductor semiconductors services shipping
software solutions steel stores street systems technologies technology telecom therapeutics trust
university utilities water wealth worldwide
"""
_MOVES = frozenset(_WORDS_OF_A_MOVE.split())
_AMOUNTS = frozenset(("about", "nearly", "almost", "around", "over", "more", "as"))
ORGANISATIONS = frozenset(_WORDS_THAT_END_NAMES.split())
"""Words that many names end with."""


class Span(NamedTuple):
    """Where a company is named: characters of the headline, from the first to after the last."""

    start: int
    end: int


class Mention(NamedTuple):
    """A company that a headline names."""

    entity: str
    relevance: int
    """From 0 to 100; see `relevance`."""
    spans: tuple[Span, ...] = ()


class Mentions(NamedTuple):
    """What a headline names: what is watched, in the watch list's order, and others."""

    found: tuple[Mention, ...]
    """Entities of the watch list."""
    others: tuple[Mention, ...]
    """Companies of the list that are not watched."""
    doubtful: tuple[str, ...]
    """Watched ones of which it has a word that means something else as often, or the name of
    another company, too, without a second cue."""
    listed: tuple[str, ...]
    """Watched ones that it doesn't name, but that the source gives as its symbols."""
    others_in_doubt: int
    """How many companies that are not watched are in doubt."""

    @property
    def named(self) -> tuple[str, ...]:
        """Names of the watched entities that it names."""
        return tuple(mention.entity for mention in self.found)

    def counted(self, min_relevance: int) -> Counted:
        """For which of the watched entities it counts.

        Args:
            min_relevance: A headline that is less about an entity leaves it out.
        """
        relevant = [each for each in (*self.found, *self.others) if each.relevance >= min_relevance]
        watched = tuple(each.entity for each in self.found if each.relevance >= min_relevance)
        return Counted(
            entity=watched[0] if len(relevant) == 1 and watched else None,
            abstained=watched if len(relevant) > 1 else (),
            incidental=tuple(e.entity for e in self.found if e.relevance < min_relevance),
        )


class Counted(NamedTuple):
    """What becomes of the watched entities that a headline names."""

    entity: str | None
    """The one for which it counts."""
    abstained: tuple[str, ...]
    """Those for which it doesn't, since it is about another company, too."""
    incidental: tuple[str, ...]
    """Those that it is hardly about."""


@dataclass(slots=True)
class _Found:
    """Where an entity was found, in words of the headline."""

    forms: list[tuple[Form, int]] = field(default_factory=list)
    symbols: list[Span] = field(default_factory=list)


class EntityMatcher:
    """A watch list and a list of companies, compiled once; a headline takes about 50 µs."""

    def __init__(self, watched: Sequence[WatchedEntity], known: CompanyList | None = None) -> None:
        """Compile a watch list.

        Args:
            watched: The watch list.
            known: Companies that are told from those of the watch list, and complete it.

        Raises:
            ConfigError: Two entities share a name, an alias or a symbol; one of them is empty or
                a ticker can't be read.
        """
        self._order = {entity.name: i for i, entity in enumerate(watched)}
        if len(self._order) != len(watched):
            raise ConfigError(
                "watch list: two entities have the same name", hint="make one entity of them"
            )
        check_names(watched)
        entities, others = completed(watched, known)
        symbols = symbols_of(entities)
        self._symbols = SymbolTable([*symbols.items(), *symbols_of_list(others, symbols)])
        self._isins = {isin: each.name for each in entities for isin in each.isins}
        self._isins |= {each.isin: company_key(each) for each in others if each.isin}
        self._forms: dict[str, list[Form]] = {}
        for form in sorted(forms(entities, others, symbols), key=lambda form: -len(form.words)):
            self._forms.setdefault(form.words[0].casefold(), []).append(form)

    def mentions(self, title: str, tickers: Iterable[str] = ()) -> Mentions:
        """Find the companies that a headline names.

        Args:
            title: The headline, as plain text.
            tickers: The source's own symbols of this headline. They confirm a word that is in
                doubt; by themselves they name nothing, since many sources list all that is related.
        """
        sure, text = self._written_out(title)
        listed = {entity for ticker in tickers if (entity := self._entity(ticker)) is not None}
        words = list(tokens(text.text))
        letters_tell = not text.text.isupper()
        in_doubt: list[tuple[Form, int]] = []
        companies_at: set[int] = set()
        for form, at in self._scan(words):
            doubtful = form.needs_cue or (form.is_ticker and not letters_tell)
            if doubtful or (form.may_be_part and _is_part_of_a_name(words, form, at)):
                in_doubt.append((form, at))
            else:
                sure.setdefault(form.entities[0], _Found()).forms.append((form, at))
                companies_at.update(range(at, at + len(form.words)))
        doubtful_entities = self._resolve(in_doubt, sure, words, listed, companies_at)
        label = label_length(text.text)
        labels = sum(token.start < label for token in words)
        mentions = _with_relevance(sure, words, labels, text.span)
        return Mentions(
            found=tuple(sorted((m for m in mentions if m.entity in self._order), key=self._place)),
            others=tuple(m for m in mentions if m.entity not in self._order),
            doubtful=self._ordered(doubtful_entities - sure.keys()),
            listed=self._ordered(listed - sure.keys()),
            others_in_doubt=len(doubtful_entities - sure.keys() - self._order.keys()),
        )

    def _written_out(self, title: str) -> tuple[dict[str, _Found], PlainText]:
        """Entities of symbols in a form of their own, and the text without these."""
        text = plain(title)
        found: dict[str, _Found] = {}
        for written in written_symbols(text.text):
            entity = None
            if written.symbol is not None and written.is_cashtag:
                entity = self._symbols.entity_of_cashtag(written.symbol.code)
            elif written.symbol is not None:
                entity = self._symbols.entity(written.symbol)
            if entity is not None:
                found.setdefault(entity, _Found()).symbols.append(Span(written.start, written.end))
            text = text.without(written.start, written.end)
        return found, text

    def _entity(self, identifier: str) -> str | None:
        """The entity of a source's symbol or ISIN."""
        if entity := self._isins.get(identifier.strip().upper()):
            return entity
        symbol = read_symbol(identifier)
        return None if symbol is None else self._symbols.entity(symbol)

    def _scan(self, words: Sequence[Token]) -> Iterator[tuple[Form, int]]:
        """Forms with the place of their first word; a longer one hides those inside it."""
        at = 0
        while at < len(words):
            length = 0
            for form in self._forms.get(words[at].text.casefold(), ()):
                if len(form.words) < length:
                    break
                if _is_written(form, words[at : at + len(form.words)]):
                    length = len(form.words)
                    yield form, at
            at += length or 1

    def _resolve(
        self,
        in_doubt: Sequence[tuple[Form, int]],
        sure: dict[str, _Found],
        words: Sequence[Token],
        listed: Container[str],
        companies_at: Container[int],
    ) -> set[str]:
        """Add what a second cue confirms to what is sure; returns what remains in doubt."""
        forms_of: dict[str, set[str]] = {}
        for form, _ in in_doubt:
            for entity in form.entities:
                forms_of.setdefault(entity, set()).add(" ".join(form.words).casefold())
        doubtful: set[str] = set()
        confirmed: list[tuple[str, Form, int]] = []
        for form, at in in_doubt:
            certain = [
                entity
                for entity in form.entities
                if entity in sure or entity in listed or len(forms_of[entity]) > 1
            ]
            if not certain and len(form.entities) == 1:
                part = form.may_be_part and _is_part_of_a_name(words, form, at)
                if not part and _is_company(words, form, at, companies_at):
                    certain = [form.entities[0]]
            if len(certain) == 1:
                confirmed.append((certain[0], form, at))
            else:
                doubtful.update(form.entities)
        for entity, form, at in confirmed:
            sure.setdefault(entity, _Found()).forms.append((form, at))
        return doubtful

    def _place(self, mention: Mention) -> int:
        return self._order[mention.entity]

    def _ordered(self, entities: Iterable[str]) -> tuple[str, ...]:
        known = (entity for entity in entities if entity in self._order)
        return tuple(sorted(known, key=self._order.__getitem__))


def _is_written(form: Form, words: Sequence[Token]) -> bool:
    return len(words) == len(form.words) and all(
        is_spelt(known, token.text, exactly=form.is_ticker)
        for known, token in zip(form.words, words, strict=True)
    )


def _with_relevance(
    found: dict[str, _Found],
    words: Sequence[Token],
    labels: int,
    original: Callable[[int, int], tuple[int, int]],
) -> list[Mention]:
    """What was found, in the order of the headline."""
    lower = [token.text.casefold() for token in words]
    spans = {
        entity: sorted(
            [Span(words[at].start, words[at + len(form.words) - 1].end) for form, at in each.forms]
            + each.symbols
        )
        for entity, each in found.items()
    }
    in_order = sorted(spans, key=spans.__getitem__)
    mentions = []
    for number, entity in enumerate(in_order):
        forms = found[entity].forms
        comments = bool(forms) and all(
            is_comment(lower, at, at + len(form.words)) for form, at in forms
        )
        value = relevance(
            first_word=sum(token.start < spans[entity][0].start for token in words) - labels,
            is_first=number == 0,
            companies=len(in_order),
            comments=comments,
        )
        places = tuple(Span(*original(*span)) for span in spans[entity])
        mentions.append(Mention(entity, value, places))
    return mentions


def _is_part_of_a_name(words: Sequence[Token], form: Form, at: int) -> bool:
    """Whether a capitalised word beside a name makes it another's: Jerome Powell, Ford Foundation.

    Where every word has a capital, this can't be told.
    """
    end = at + len(form.words)
    if not _is_mostly_lower(words, at, end):
        return False
    if end < len(words) and _touches(words[end - 1], words[end]):
        after = words[end].text
        if after[0].isupper() and after.casefold() in ORGANISATIONS:
            return True
    if at == 0 or not _touches(words[at - 1], words[at]) or words[at].after_hyphen:
        return False
    before = words[at - 1].text
    # There a capital says little, but a name in doubt must not be confirmed in Jerome Powell says.
    begins = not form.needs_cue and (at == 1 or words[at - 2].text in _STARTS_A_SENTENCE)
    known = before.casefold() in _CAPITALISED_BEFORE or before.casefold() in ordinary_words()
    return before.istitle() and before.isalpha() and len(before) > 1 and not begins and not known


def _touches(left: Token, right: Token) -> bool:
    """Whether nothing but a space is between two words."""
    return right.start - left.end == 1


def _is_company(words: Sequence[Token], form: Form, at: int, companies_at: Container[int]) -> bool:
    """Whether the words around a name, or its capital letter, say that it is a company's.

    Args:
        words: The headline.
        form: The name.
        at: Where in `words` it begins.
        companies_at: Which of `words` belong to names that are in no doubt.
    """
    end = at + len(form.words)
    if form.is_ticker or words[at].in_compound or words[end - 1].in_compound:
        return False
    lower = [token.text.casefold() for token in words]
    before, after = lower[max(at - 2, 0) : at], lower[end : end + 2]
    return (
        after == ["'", "s"]
        or _has_company_word(before, after)
        or _is_beside_a_company(words, at, end, companies_at)
        or _is_capital_by_choice(words, at, end)
    )


def _is_beside_a_company(
    words: Sequence[Token], at: int, end: int, companies_at: Container[int]
) -> bool:
    """Whether a name is beside another: `Apple, Google`, `Google and Apple`, `Apple-Google`."""
    return (
        (at - 1 in companies_at and words[at].after_hyphen)
        or (end in companies_at and words[end].after_hyphen)
        or (at - 2 in companies_at and words[at - 1].text in _BETWEEN_COMPANIES)
        or (end + 1 in companies_at and words[end].text in _BETWEEN_COMPANIES)
    )


def _has_company_word(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether a word beside a name goes with companies: `shares of`, `Inc`."""
    if after and (after[0] in _AFTER_A_COMPANY or after[1:] == ["its"]):  # Apple raises its …
        return True
    if len(after) > 1 and after[0] in _MOVES and (after[1].isdigit() or after[1] in _AMOUNTS):
        return True
    if not before:
        return False
    return before[-1] in _BEFORE_A_COMPANY or (
        before[-1] in ("of", "in") and before[0] in _BEFORE_OF_A_COMPANY
    )


def _is_capital_by_choice(words: Sequence[Token], at: int, end: int) -> bool:
    """Whether a name has a capital that neither its place nor the headline's style asks for."""
    if at == 0 or words[at - 1].text in _STARTS_A_SENTENCE or not words[at].text[0].isupper():
        return False
    return _is_mostly_lower(words, at, end)


def _is_mostly_lower(words: Sequence[Token], at: int, end: int) -> bool:
    """Whether most other words are in lower case, so that a capital says something."""
    others = [
        token.text
        for i, token in enumerate(words)
        if i > 0 and not at <= i < end and len(token.text) >= _LONG_WORD and token.text.isalpha()
    ]
    return sum(word.islower() for word in others) > len(others) / 2
