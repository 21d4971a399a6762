"""Baseline that counts words, in the manner of Loughran and McDonald (2011).

They count words that are negative or positive in finance, where everyday word lists mislead
("liability", "tax"). These lists are our own and short: words that headlines about companies use,
in the forms in which they stand there. A negation in front turns a word around.
"""

from __future__ import annotations

import re

_POSITIVE_WORDS = """
beat beats boost boosts climb climbs expand expands gain gains grow grows growth improve
improves jump jumps lift lifts outperform outperforms profit profits profitable raise raises
rally rallies rebound rebounds record rise rises rose soar soars strong stronger surge surges
top tops upbeat upgrade upgraded upgrades win wins
"""
_NEGATIVE_WORDS = """
bankrupt bankruptcy breach cut cuts crash crashes decline declines default defaults delay
delays downgrade downgraded downgrades drop drops fall falls fell fine fined fraud halt halts
investigation lawsuit layoffs lose loses loss losses miss misses plunge plunges probe recall
recalls scandal shortfall sink sinks slash slashes slide slides slump slumps sue sued sues
tumble tumbles warn warning warns weak weaker worse writedown
"""
_NEGATIONS = frozenset({"no", "not", "never", "without", "neither"})
_POSITIVE, _NEGATIVE = (frozenset(words.split()) for words in (_POSITIVE_WORDS, _NEGATIVE_WORDS))
_WORD = re.compile(r"[a-z]+")


def word_score(title: str) -> float:
    """Positive less negative words, as a share of all words."""
    words = _WORD.findall(title.lower())
    total = 0
    for before, word in zip(["", *words], words, strict=False):
        value = (word in _POSITIVE) - (word in _NEGATIVE)
        total += -value if before in _NEGATIONS else value
    return total / len(words) if words else 0.0
