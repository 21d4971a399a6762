"""Order in which people review headlines, the most useful first.

1. Disagreement of the opinions that there are: entropy of the mean of what each annotator says and
   what the model says (vote entropy; Dagan and Engelson, ICML 1995). A headline about which there
   is no opinion comes as early as one with the greatest disagreement.
2. The model's margin, its highest probability minus the next (Scheffer et al., IDA 2001), the
   smallest first.
3. Diversity: of each group of near-duplicates the most useful headline comes first, the second one
   after the first ones of all groups, and so on; and no leading class comes more than twice in a
   row while one of the next headlines has another. Strict alternation would tell a reviewer what
   the others say.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from newsclf.contract.labels import LABELS
from newsclf.data.labelled import Label, Vote
from newsclf.data.overlap import distinct, overlap

MODEL = "model"
"""Who has an opinion if not an annotator."""
_MOST_IN_A_ROW = 2
"""Headlines of one leading class, one after the other."""
_LOOK_AHEAD = 20
"""Headlines among which another class, or another group, is looked for."""


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A headline to review, with what is known about it."""

    text: str
    votes: tuple[Vote, ...] = ()
    probabilities: tuple[float, float, float] | None = None
    """A model's, in the order of LABELS."""
    source: str | None = None
    """Where the headline is from."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What an annotator, or the model, says of a headline."""

    by: str
    kind: Literal["llm", "human", "model"]
    label: Label
    """The one with the largest share; the earlier in LABELS of two that are equal."""
    shares: tuple[float, float, float]
    """Of its votes, or the model's probabilities, in the order of LABELS."""

    @property
    def share(self) -> float:
        """Share of the label."""
        return max(self.shares)


def opinions(item: ReviewItem) -> list[Opinion]:
    """The opinions about a headline: people's, then LLMs', then the model's."""
    counts: dict[tuple[Literal["llm", "human"], str], list[int]] = {}
    for vote in sorted(item.votes, key=lambda vote: vote.kind):
        if vote.label is not None:
            of_annotator = counts.setdefault((vote.kind, vote.annotator), [0] * len(LABELS))
            of_annotator[LABELS.index(vote.label)] += 1
    found = []
    for (kind, annotator), votes in counts.items():
        negative, neutral, positive = (count / sum(votes) for count in votes)
        found.append(_opinion(annotator, kind, (negative, neutral, positive)))
    if item.probabilities is not None:
        found.append(_opinion(MODEL, "model", item.probabilities))
    return found


def disagreement(item: ReviewItem) -> float:
    """Vote entropy of the opinions, from 0 (all say the same) to 1, or 1 without any.

    The model counts as one that votes for its most probable label: how sure it is, is its margin.
    """
    shares = _mean_shares(item)
    if shares is None:
        return 1.0
    return -sum(share * math.log(share) for share in shares if share > 0) / math.log(len(LABELS))


def margin(item: ReviewItem) -> float:
    """The model's highest probability minus the next; 0 without a model."""
    if item.probabilities is None:
        return 0.0
    highest, second, _ = sorted(item.probabilities, reverse=True)
    return highest - second


def review_order(items: Sequence[ReviewItem]) -> list[int]:
    """Indices of the headlines in the order of review; those that are equal keep their order."""
    # Rounding makes equal what the order of additions made differ.
    keys = [(-round(disagreement(item), 9), round(margin(item), 9)) for item in items]
    ranked = sorted(range(len(items)), key=keys.__getitem__)
    groups = _groups([items[index].text for index in ranked])
    seen: dict[int, int] = {}
    rounds = []
    for group in groups:
        seen[group] = seen.get(group, 0) + 1
        rounds.append(seen[group])
    places = sorted(range(len(ranked)), key=rounds.__getitem__)
    leading = [_leading(items[index]) for index in ranked]
    return [ranked[place] for place in _mixed(places, groups, leading)]


def order_with_hidden(
    items: Sequence[ReviewItem], hidden: Collection[str], *, seed: int
) -> list[ReviewItem]:
    """Put headlines in the order of review, with hidden rows of known label evenly among them.

    Any part of the review that a person gets through so has its share of hidden rows. These are
    ordered by votes alone: the model may have learnt their labels, and would lead the reviewer to
    exactly those that are wrong, which would make the rest of the file look better than it is.

    Args:
        items: Headlines and hidden rows.
        hidden: Texts of the hidden rows.
        seed: Chooses where the hidden rows stand among their neighbours.
    """
    ours = [item for item in items if item.text not in hidden]
    theirs = [item for item in items if item.text in hidden]
    by_votes = review_order([replace(item, probabilities=None) for item in theirs])
    chance = random.Random(seed)  # noqa: S311 - a reproducible choice, not a secret
    # At random within its part of the order: every tenth headline would be recognised.
    places = [
        *((place + 0.5) / len(ours) for place in range(len(ours))),
        *((place + chance.random()) / len(theirs) for place in range(len(theirs))),
    ]
    ordered = [ours[i] for i in review_order(ours)] + [theirs[i] for i in by_votes]
    return [ordered[i] for i in sorted(range(len(ordered)), key=places.__getitem__)]


def _opinion(
    by: str, kind: Literal["llm", "human", "model"], shares: tuple[float, float, float]
) -> Opinion:
    label: Label = get_args(Label)[shares.index(max(shares))]
    return Opinion(by, kind, label, shares)


def _mean_shares(item: ReviewItem) -> list[float] | None:
    """Shares of the labels over all opinions, each of which counts once."""
    found = opinions(item)
    if not found:
        return None
    sums = [0.0] * len(LABELS)
    for opinion in found:
        votes = (
            [float(label == opinion.label) for label in LABELS]
            if opinion.kind == "model"
            else opinion.shares
        )
        sums = [total + vote for total, vote in zip(sums, votes, strict=True)]
    return [total / len(found) for total in sums]


def _leading(item: ReviewItem) -> str | None:
    shares = _mean_shares(item)
    return None if shares is None else LABELS[shares.index(max(shares))]


def _groups(texts: Sequence[str]) -> list[int]:
    """For each text the number of the group of near-duplicates to which it belongs."""
    first = distinct(texts)
    groups = list(range(len(texts)))
    for match in overlap([texts[index] for index in first], texts):
        groups[match.second] = first[match.first]
    return groups


def _mixed(
    places: Sequence[int], groups: Sequence[int], leading: Sequence[str | None]
) -> Iterator[int]:
    """Let a later headline go first where a class or a group would follow itself too often."""
    ahead = list(reversed(places))
    before: list[int] = []
    while ahead:
        near = range(len(ahead) - 1, max(-1, len(ahead) - 1 - _LOOK_AHEAD), -1)
        other_group = [
            i for i in near if not before or groups[ahead[i]] != groups[before[-1]]
        ] or near
        row = {leading[place] for place in before}
        is_full = len(before) == _MOST_IN_A_ROW and len(row) == 1 and None not in row
        other_class = [i for i in other_group if not is_full or leading[ahead[i]] not in row]
        chosen = ahead.pop((other_class or other_group)[0])
        before = [*before, chosen][-_MOST_IN_A_ROW:]
        yield chosen
