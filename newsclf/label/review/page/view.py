"""Records of what the page of a review shows, and their JSON form.

Texts from outside can't change the direction of what stands around them: such characters are
escaped, as on the terminal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from newsclf.common.records import StrictRecord
from newsclf.common.visible import visible
from newsclf.data.labelled import Label
from newsclf.label.review.guideline import NOTES, QUESTION, RULES
from newsclf.label.review.queue import Opinion, ReviewItem
from newsclf.label.review.session import Decided, Session


class ShownOpinion(StrictRecord):
    """What another annotator, or the model, says."""

    by: str
    kind: str
    label: Label
    share: float


class ShownItem(StrictRecord):
    """A headline to decide about."""

    id: str
    text: str
    source: str | None
    opinions: tuple[ShownOpinion, ...]
    """Empty in a blind review."""


class ShownDecision(StrictRecord):
    """The decision that was made last."""

    text: str
    label: Label | None
    """None: it was skipped."""
    opinions: tuple[ShownOpinion, ...]


class ShownAgreement(StrictRecord):
    """How often this reviewer and another gave the same label."""

    by: str
    both: int
    agreed: int


class ReviewState(StrictRecord):
    """All that the page shows."""

    annotator: str
    question: str
    rules: dict[Label, str]
    notes: tuple[str, ...]
    item: ShownItem | None
    """None when all are decided."""
    last: ShownDecision | None
    total: int
    labelled: int
    skipped: int
    labels: dict[Label, int]
    seconds_per_decision: float | None
    agreements: tuple[ShownAgreement, ...]


def item_id(item: ReviewItem) -> str:
    """By which the page names a headline when it sends a decision."""
    return hashlib.sha256(item.text.encode()).hexdigest()[:16]


def state_of(session: Session) -> ReviewState:
    """What the page shows of a session now."""
    progress, current, last = session.progress(), session.current, session.last
    return ReviewState(
        annotator=session.annotator,
        question=QUESTION,
        rules=RULES,
        notes=NOTES,
        item=None if current is None else _item(current, session.hints),
        last=None if last is None else _decision(last),
        total=progress.total,
        labelled=progress.labelled,
        skipped=progress.skipped,
        labels=progress.labels,
        seconds_per_decision=progress.seconds_per_decision,
        agreements=tuple(
            ShownAgreement(by=visible(each.by), both=each.both, agreed=each.agreed)
            for each in progress.agreements
        ),
    )


def _item(item: ReviewItem, hints: Iterable[Opinion]) -> ShownItem:
    source = None if item.source is None else visible(item.source)
    return ShownItem(
        id=item_id(item), text=visible(item.text), source=source, opinions=_shown(hints)
    )


def _decision(last: Decided) -> ShownDecision:
    return ShownDecision(
        text=visible(last.item.text), label=last.label, opinions=_shown(last.others)
    )


def _shown(opinions: Iterable[Opinion]) -> tuple[ShownOpinion, ...]:
    return tuple(
        ShownOpinion(by=visible(each.by), kind=each.kind, label=each.label, share=each.share)
        for each in opinions
    )
