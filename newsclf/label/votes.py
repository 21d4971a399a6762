"""From the votes of annotators to a label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from newsclf.data.labelled import Label, LabelledRow, Vote

_LEVELS = (100, 75, 66, 50)
"""PhraseBank's levels of agreement, percent."""


def decided(votes: Iterable[Vote]) -> tuple[Label | None, int | None]:
    """The label of most votes, and the level of agreement that it reaches.

    If people have voted, their votes alone count. A vote without a label doesn't count. There is
    no label where two have as many votes, or where the first has less than half of them: PhraseBank
    has no such sentences, either. A single vote agrees with itself only, so it has no level.
    """
    cast = [vote for vote in votes if vote.label is not None]
    counted = [vote for vote in cast if vote.kind == "human"] or cast
    ranking = Counter(vote.label for vote in counted).most_common(2)
    if not ranking:
        return None, None
    label, most = ranking[0]
    share = 100 * most / len(counted)
    if share < _LEVELS[-1] or (len(ranking) > 1 and ranking[1][1] == most):
        return None, None
    if len(counted) == 1:
        return label, None
    return label, next(level for level in _LEVELS if share >= level)


def labelled_row(text: str, votes: Sequence[Vote], *, source: str | None = None) -> LabelledRow:
    """The row of a labelled file for a headline and its votes."""
    label, agreement = decided(votes)
    return LabelledRow(
        text=text, label=label, agreement=agreement, votes=tuple(votes), source=source
    )


def by_annotator(votes: Iterable[Vote]) -> Mapping[str, tuple[Vote, ...]]:
    """The votes of each annotator, in the order in which the annotators first voted."""
    found: dict[str, tuple[Vote, ...]] = {}
    for vote in votes:
        found[vote.annotator] = (*found.get(vote.annotator, ()), vote)
    return found
