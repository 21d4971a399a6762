"""Measure labels on gold rows: the audit of a labelled file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from newsclf.data.labelled import AnnotatorScore, Audit, Label, LabelledRow, Measured, Vote
from newsclf.label.agreement import accuracy, cohen_kappa, krippendorff_alpha, recall
from newsclf.label.gate import gate_met
from newsclf.label.gold import GoldRow
from newsclf.label.votes import by_annotator, decided

ALL_VOTES = "all votes"
"""Name of what the votes of all annotators lead to."""


def measure(
    rows: Sequence[LabelledRow],
    gold: Sequence[GoldRow],
    *,
    file_sha256: str,
    gold_name: str,
    firewall: int = 0,
    gate: Mapping[str, float],
    created: dt.datetime | None = None,
) -> Audit:
    """Say how good the labels of a file are.

    Args:
        rows: Rows of the file.
        gold: Gold rows that went the same way as the rows; none is among them.
        file_sha256: Digest of the file.
        gold_name: Where the gold rows are from.
        firewall: How many headlines were left out since they resemble held-out ones.
        gate: Least value of each figure that the gate names.
        created: The present by default.
    """
    voters = by_annotator(vote for row in gold for vote in row.votes)
    labelled = sum(row.label is not None for row in rows)
    score = _score(ALL_VOTES, [(row.known, row.votes) for row in gold])
    all_votes = [*(row.votes for row in rows), *(row.votes for row in gold)]
    alpha = agreement_between(all_votes)
    return Audit(
        file_sha256=file_sha256,
        created=created or dt.datetime.now(dt.UTC),
        rows=labelled,
        undecided=len(rows) - labelled,
        gold_rows=sum(bool(row.votes) for row in gold),
        gold_name=gold_name,
        score=score,
        annotators=tuple(
            _score(name, [(row.known, by_annotator(row.votes).get(name, ())) for row in gold])
            for name in voters
        ),
        alpha=alpha,
        firewall=firewall,
        cost_usd=sum(vote.cost_usd for cast in all_votes for vote in cast),
        gate=dict(gate),
        gate_met=gate_met(gate, score, alpha),
    )


def agreement_between(votes: Sequence[Sequence[Vote]]) -> Measured | None:
    """Krippendorff's alpha between annotators, each with the label of most of its own blind votes.

    Args:
        votes: All votes for each headline.

    Returns:
        None where no headline has labels of two annotators, or all labels are the same.
    """
    return krippendorff_alpha(
        [
            [
                label
                for own in by_annotator(blind).values()
                if (label := decided(own)[0]) is not None
            ]
            for blind in ([vote for vote in each if vote.blind] for each in votes)
        ]
    )


def _score(name: str, gold: Sequence[tuple[Label, Sequence[Vote]]]) -> AnnotatorScore:
    """Scores of the labels that votes for gold rows lead to; rows without any vote don't count."""
    voted = [(known, decided(votes)[0]) for known, votes in gold if votes]
    pairs = [(known, label) for known, label in voted if label is not None]
    known, given = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return AnnotatorScore(
        annotator=name,
        rows=len(pairs),
        failures=len(voted) - len(pairs),
        accuracy=accuracy(known, given),
        kappa=cohen_kappa(known, given),
        recall=recall(known, given),
    )
