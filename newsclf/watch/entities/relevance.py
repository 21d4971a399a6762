"""How much a headline is about each company that it names, from 0 to 100.

| relevance | the company is |
|---|---|
| 100 | named first, within the first four words |
| 90 | named later, and alone |
| 75 | named later, beside others |
| 25 | one of four or more |
| 20 | the one that rates or comments, beside others: "says UBS", "JPMorgan upgrades" |
| 10 | among the source's own symbols, and not named |

The lowest that applies holds. Words such as `UPDATE 2-` and `Exclusive:` are not counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SUBJECT, ALONE, BESIDE_OTHERS, ONE_OF_MANY, COMMENTATOR, LISTED_BY_SOURCE = 100, 90, 75, 25, 20, 10
_FIRST_WORDS = 4
_MANY = 4
_LABEL = re.compile(
    r"\s*(?:(?:UPDATE|WRAPUP|CORRECTED|REFILE|BRIEF|EXCLUSIVE|BREAKING|RPT|ANALYSIS|FOCUS|PREVIEW|"
    r"INSIGHT|FACTBOX|TIMELINE|EXPLAINER|WATCH|OPINION)(?:\s?\d+)?\s*[-:–—]\s*)+",
    re.IGNORECASE,
)
_RATINGS = "upgrades downgrades initiates reiterates upgraded downgraded initiated reiterated"
_ANALYSTS = "analyst analysts strategist strategists economist economists"
_RATES = frozenset((*_RATINGS.split(), *_ANALYSTS.split()))
_BEFORE_A_SPEAKER = frozenset(("says", "said", "-", "–", "—"))
_AT_OR_BY = frozenset(("at", "by", "from"))
_WORDS_OF_A_RATING = "upgraded downgraded initiated rated upgrade downgrade rating target"
_OF_A_RATING = frozenset((*_WORDS_OF_A_RATING.split(), *_ANALYSTS.split()))
_NEAR = 3


def label_length(title: str) -> int:
    """Characters of labels such as `UPDATE 2-` at the beginning of a headline."""
    match = _LABEL.match(title)
    return match.end() if match else 0


def relevance(*, first_word: int, is_first: bool, companies: int, comments: bool) -> int:
    """How much a headline is about a company.

    Args:
        first_word: Number of words and marks before its first name, labels left out.
        is_first: Whether no other company is named before it.
        companies: How many are named.
        comments: Whether it is the one that rates or comments; see `is_comment`.
    """
    if comments and companies > 1:
        return COMMENTATOR
    if companies >= _MANY:
        return ONE_OF_MANY
    if is_first and first_word < _FIRST_WORDS:
        return SUBJECT
    return ALONE if companies == 1 else BESIDE_OTHERS


def is_comment(words: Sequence[str], start: int, end: int) -> bool:
    """Whether a company rates another or is quoted: `UBS upgrades`, `…, says UBS`.

    Args:
        words: Of the headline, in lower case.
        start: The first of its name.
        end: The one after its name.
    """
    before, after = words[max(start - _NEAR, 0) : start], words[end : end + _NEAR]
    if after[:2] == ["'", "s"]:
        after = after[2:]
    if (after and after[0] in _RATES) or before[-2:] == ["according", "to"]:
        return True
    at_end = not any(word.isalnum() for word in words[end:])
    if at_end and before and before[-1] in _BEFORE_A_SPEAKER:
        return True
    return bool(before) and before[-1] in _AT_OR_BY and not _OF_A_RATING.isdisjoint(before)
