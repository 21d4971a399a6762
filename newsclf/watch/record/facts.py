"""What a headline says happened: to whom, what kind of event, in which period, with which numbers.

Rules on words, the same whatever is watched, since the record groups headlines before anyone asks
for an entity. They are English: a headline in another language has no kind, and so is left apart.
docs/decisions/0088 has the choices, docs/signals.md how good they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise, zip_longest
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+(?:[.,][^\W_]+)*")
_LONG_WORD = 4
"""Letters from which words tell by their capitals whether a headline is in Title Case."""
_MOST_OF_A_NAME = 3
"""Words at the beginning of a headline in Title Case that are taken for a name."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_KINDS = {
    "results": """earnings profit profits loss losses revenue revenues sales results eps ebitda
        quarterly income turnover estimates consensus""",
    "outlook": """guidance forecast forecasts outlook guides""",
    "deal": """acquire acquires acquired acquiring acquisition buy buys buying bought merger merge
        merges takeover bid offer purchase purchases deal sell sells selling sold divest divests
        divestment divestiture disposal sale offload offloads spin spins spinoff""",
    "dividend": "dividend dividends payout",
    "buyback": "buyback buybacks repurchase repurchases",
    "chief executive": "ceo boss",
    "finance chief": "cfo",
    "chairman": "chairman chairwoman chair",
    "jobs": "layoffs layoff jobs workforce redundancies staff headcount workers employees",
    "rating": "upgrade upgrades upgraded downgrade downgrades downgraded",
    "court": """sues sue sued lawsuit lawsuits court judge jury ruling settle settles settlement
        verdict patent damages""",
    "inquiry": """probe probes investigation investigates investigating inquiry fine fined fines
        penalty antitrust regulator regulators""",
    "recall": "recall recalls recalled recalling",
    "approval": "approval approves approved approve fda clearance cleared",
    "trial": "trial trials phase study",
    "contract": "contract contracts order orders awarded wins win tender",
    "offering": """ipo listing flotation float floats notes bond bonds raises raised offering
        placement""",
    "insolvency": "bankruptcy bankrupt insolvency insolvent administration creditors",
    "strike": "strike strikes walkout walkouts union",
    "fire": "fire blaze explosion blast",
    "crash": "crash derailment collision spill",
    "outage": "outage outages blackout",
    "breach": "breach breaches hack hacks hacked hackers cyberattack ransomware",
    "output": "output production",
    "launch": "launch launches launched unveils unveiled unveil introduces introduced debut debuts",
    "plant": "plant plants factory factories mine site facility closes close shut shuts opens open",
    "split": "split splits",
    "delisting": "delist delists delisting delisted",
}
_WORDS_OF_KIND: dict[str, set[str]] = {}
for _kind, _words in _KINDS.items():
    for _word in _words.split():
        _WORDS_OF_KIND.setdefault(_word, set()).add(_kind)

_SURE = frozenset(_KINDS) - _set(
    "deal rating court approval trial contract offering output launch plant"
)
"""Kinds of which a company has one at a time: no more is needed to tell that it is the same."""
_NUMBERS_VARY = frozenset(("results",))
"""Kinds of which different headlines tell different numbers: profit, revenue, earnings a share."""

_UP = _set(
    """raise raises raised raising lift lifts lifted boost boosts boosted hike hikes hiked increase
    increases increased upgrade upgrades upgraded rise rises rose jump jumps gain gains climb climbs
    surge surges grow grows approves approved"""
)
_DOWN = _set(
    """cut cuts cutting lower lowers lowered slash slashes slashed trim trims trimmed reduce reduces
    reduced downgrade downgrades downgraded fall falls fell drop drops slump slumps slide slides
    decline declines sink sinks tumble tumbles suspend suspends rejects rejected"""
)

_OTHER_CHIEFS = _set(
    """operating technology information scientist scientific medical marketing commercial legal
    economist strategist investment product risk"""
)
_LOWER_IN_TITLES = _set("with from into over amid after than that says")

_ORDINALS = {"first": 1.0, "second": 2.0, "third": 3.0, "fourth": 4.0}
_QUARTER = re.compile(r"q([1-4])|([1-4])q")
_HALF = re.compile(r"h([12])|([12])h")
_YEAR = re.compile(r"(?:fy)?(20[0-3]\d)")
_SCALES = {
    name: scale
    for names, scale in (
        ("k thousand", 1e3),
        ("m mn mln million", 1e6),
        ("b bn bln billion", 1e9),
        ("trn trillion", 1e12),
    )
    for name in names.split()
}
_NUMBER = re.compile(r"(\d[\d,]*(?:\.\d+)?)(k|mn|mln|m|bn|bln|b|trn)?")
_PERCENT = frozenset(("percent", "pct", "per"))
_SIGNS = frozenset("$€£¥")
_COUNTS = {
    word: count
    for count, word in enumerate(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], start=2
    )
}

_FUNCTION_WORDS = _set(
    """a an and are as at after ahead all amid among around about above against be been before below
    between but by can could despite down due during each else ex first for from fresh full further
    had has have he her his how if in into is it its just last latest least less likely may might
    more most near nearly new next no non not now of off on one only or other out over own past per
    plan plans post pre says said say set several shares share stock stocks she should since so some
    still such than that the their them then there these they this those through to today top two
    under until up upon us use via was we week were what when where which while who why will with
    within without would year years month months day days former"""
)
_OTHER_WORDS = _set(
    """inc incorporated corp corporation co company ltd limited plc llc group holding holdings ag se
    sa nv ab asa monday tuesday wednesday thursday friday saturday sunday january february march
    april june july august september october november december jan feb mar apr jun jul aug sep sept
    oct nov dec eu uk u.s u.k usa usd eur gbp fy ebit yoy vs mr mrs ms dr reuters bloomberg wsj cnbc
    ft dow source sources exclusive breaking factbox update brief correction corrected refile wrapup
    rpt analyst analysts investors investor adjusted net operating core annual quarter half strong
    weak higher lower record big small better worse stronger weaker oil gas gold chipmaker drugmaker
    automaker carmaker airline bank retailer shares stocks stock futures european american british
    german french japanese chinese asian global wall street chief executive officer head beats beat
    misses miss posts post reports report reported swings swing expects expect sees see warns warn
    agrees agree completes complete names name appoints appoint hires hire to pays pay declares
    declare announces announce confirms confirm denies deny files file seeks seek starts start ends
    end halts halt faces face loses lose gets get makes make takes take tops top signs sign secures
    secure plots plot eyes eye mulls mull considers consider weighs weigh nears near explores
    explore third fourth"""
)
_NOT_NAMES = _FUNCTION_WORDS | _OTHER_WORDS | _UP | _DOWN | _WORDS_OF_KIND.keys()
_OTHER_LANGUAGES = _set(
    """und für auf nach mit von eine einen wird bei zum zur das der dem den les des une pour sur
    avec dans el los las del por para según sus il della degli nel una lo gli het een voor
    van och att ett"""
)


class Facts(NamedTuple):
    """What a headline says, as far as rules find it."""

    names: frozenset[str] = frozenset()
    """Words of proper names, case-folded."""
    runs: tuple[frozenset[str], ...] = ()
    """The words of each name."""
    kinds: frozenset[str] = frozenset()
    periods: frozenset[tuple[str, float]] = frozenset()
    """Quarters, halves and years, by number."""
    numbers: frozenset[tuple[str, float]] = frozenset()
    """Amounts with what they are of: money, per cent or pieces."""
    directions: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    """What remains: words of its own, apart from endings."""


@lru_cache(maxsize=1 << 12)
def facts_of(text: str) -> Facts:
    """What a headline says; `text` is without an agency's prefix or suffix."""
    found = list(_WORD.finditer(text))
    words = [match[0].casefold() for match in found]
    runs = _names(text, found)
    names = frozenset().union(*runs)
    foreign = not _OTHER_LANGUAGES.isdisjoint(words)
    kinds = frozenset().union(
        *(_WORDS_OF_KIND.get(word, ()) for word in _with_roles(words) if not foreign)
    )
    directions = {
        name for name, some in (("up", _UP), ("down", _DOWN)) if not some.isdisjoint(words)
    }
    periods, of_periods = _periods(words)
    amounts = [match for n, match in enumerate(found) if n not in of_periods]
    numbers = frozenset(_numbers(text, amounts))
    others = frozenset(
        _stem(word)
        for word in words
        if word not in names and word not in _NOT_NAMES and len(word) > 2 and word[0].isalpha()  # noqa: PLR2004
    )
    return Facts(names, runs, kinds, periods, numbers, frozenset(directions), others)


def contradict(one: Facts, other: Facts) -> bool:
    """Whether each names a company, or a period, that the other lacks, or says the opposite."""
    return (
        _each_its_own(one.names, other.names)
        or _differ(one.periods, other.periods)
        or _opposite(one, other)
    )


def is_follow_up(one: Facts, other: Facts) -> bool:
    """Whether two headlines tell the same event, in whatever words."""
    kinds = one.kinds & other.kinds
    names = one.names & other.names
    if not kinds or not names or _each_its_own(one.names, other.names):
        return False
    if _differ(one.periods, other.periods):
        return False
    if kinds - _NUMBERS_VARY and _opposite(one, other):
        return False
    if not kinds & _NUMBERS_VARY and _differ(one.numbers, other.numbers):
        return False
    return (
        bool(kinds & _SURE)
        or not one.numbers.isdisjoint(other.numbers)
        or not one.others.isdisjoint(other.others)
        or min(_met(one.runs, names), _met(other.runs, names)) > 1
    )


def _each_its_own(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one - other and other - one)


def _differ(one: frozenset[tuple[str, float]], other: frozenset[tuple[str, float]]) -> bool:
    """Whether both have values of the same unit, and none of them in common."""
    units = {unit for unit, _ in one} & {unit for unit, _ in other}
    return any(
        {value for u, value in one if u == unit}.isdisjoint(v for u, v in other if u == unit)
        for unit in units
    )


def _opposite(one: Facts, other: Facts) -> bool:
    return len(one.directions) == 1 == len(other.directions) and one.directions.isdisjoint(
        other.directions
    )


def _met(runs: tuple[frozenset[str], ...], names: frozenset[str]) -> int:
    return sum(not run.isdisjoint(names) for run in runs)


def _with_roles(words: list[str]) -> Iterator[str]:
    """The words, with `ceo` and `cfo` for chiefs."""
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        if word != "chief":
            yield word
        elif before in ("finance", "financial") or after == "financial":
            yield "cfo"
        elif after not in _OTHER_CHIEFS:
            yield "ceo"


def _names(text: str, found: list[re.Match[str]]) -> tuple[frozenset[str], ...]:
    """Words of each proper name: runs of capitalised words.

    In Title Case, or in capitals, only those at the beginning can be told.
    """
    long = [m[0] for m in found if len(m[0]) >= _LONG_WORD and m[0][0].isalpha()]
    in_title_case = len(long) >= _LONG_WORD and not any(
        word[0].islower() and word not in _LOWER_IN_TITLES for word in long
    )
    runs: list[set[str]] = []
    end = -1
    for match in found:
        word = match[0].casefold()
        named = match[0][0].isupper() and len(word) > 1 and word not in _NOT_NAMES
        if named and not _is_period(word):
            if end >= 0 and text[end : match.start()] in (" ", "-"):
                runs[-1].add(word)
            else:
                runs.append({word})
            end = match.end()
        if in_title_case and not (named and runs and len(runs[0]) < _MOST_OF_A_NAME):
            break
    return tuple(map(frozenset, runs))


def _is_period(word: str) -> bool:
    return bool(_QUARTER.fullmatch(word) or _HALF.fullmatch(word) or _YEAR.fullmatch(word))


def _periods(words: list[str]) -> tuple[frozenset[tuple[str, float]], set[int]]:
    """Quarters, halves and years, and which words say so."""
    periods, where = set(), set()
    for n, word in enumerate(words):
        for pattern, unit in ((_QUARTER, "quarter"), (_HALF, "half"), (_YEAR, "year")):
            if match := pattern.fullmatch(word):
                periods.add((unit, float(next(filter(None, match.groups())))))
                where.add(n)
    for n, (word, after) in enumerate(pairwise(words)):
        if word in _ORDINALS and after in ("quarter", "half"):
            periods.add((after, _ORDINALS[word]))
            where |= {n, n + 1}
    return frozenset(periods), where


def _numbers(text: str, found: list[re.Match[str]]) -> Iterator[tuple[str, float]]:
    for match, following in zip_longest(found, found[1:]):
        word, after = match[0].casefold(), following[0].casefold() if following else ""
        number = _NUMBER.fullmatch(word)
        if number is None:
            if word in _COUNTS and after in _SCALES:
                yield "money", _COUNTS[word] * _SCALES[after]
            continue
        value = float(number[1].replace(",", "")) * _SCALES.get(number[2] or after, 1.0)
        if text[match.end() : match.end() + 2].strip()[:1] == "%" or after in _PERCENT:
            yield "per cent", value
        elif number[2] or after in _SCALES or text[match.start() - 1 : match.start()] in _SIGNS:
            yield "money", value
        else:
            yield "pieces", value


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) > 2:  # noqa: PLR2004
            return word[: -len(ending)]
    return word
