"""A reviewer's session: the next headline, label, skip, undo, and how it goes."""

from __future__ import annotations

import datetime as dt
import secrets
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, get_args

from newsclf.common.errors import ConfigError, DataError
from newsclf.common.visible import visible
from newsclf.data.labelled import Label, Vote
from newsclf.label.review.journal import Decision, Journal, standing, votes_of
from newsclf.label.review.queue import Opinion, ReviewItem, opinions, review_order

MAX_NAME_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often this reviewer and another annotator, or the model, gave the same label."""

    by: str
    kind: Literal["llm", "human", "model"]
    both: int
    """Headlines that both labelled; blind decisions of this reviewer only."""
    agreed: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reviewer has come, in all of their sessions."""

    total: int
    labelled: int
    skipped: int
    labels: dict[Label, int]
    """Number of each label given."""
    seconds_per_decision: float | None
    """Median, so that a pause does not count."""
    agreements: tuple[Agreement, ...]

    @property
    def left(self) -> int:
        """Headlines that are still to be decided."""
        return self.total - self.labelled - self.skipped


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision that was made last, and what others say, which may be shown now."""

    item: ReviewItem
    label: Label | None
    """None if it was skipped."""
    others: tuple[Opinion, ...]


class Session:
    """Review of headlines by one person; a context manager that closes the journal."""

    def __init__(
        self,
        items: Iterable[ReviewItem],
        journal: Path,
        annotator: str,
        *,
        show: bool = False,
        ordered: bool = False,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start, or go on where this person's earlier sessions ended.

        Args:
            items: What to review; of a text that is repeated the first one is taken.
            journal: File of all decisions, of any number of people; made if it is missing.
            annotator: Name of the person.
            show: Whether others' labels are shown before the person's own decision.
            ordered: Whether the items are in the order of review already.
            clock: The time now, UTC.
            monotonic: Seconds on a clock that is never set.

        Raises:
            ConfigError: The name is blank, too long or holds control characters.
            StateError: The journal can't be written.
            DataError: A line of it is no decision, or a headline can't be written as UTF-8.
        """
        self.annotator = _checked_name(annotator)
        self.show = show
        unique: dict[str, ReviewItem] = {}
        for item in items:
            _check_text(item.text)
            unique.setdefault(item.text, item)
        given = list(unique.values())
        order = range(len(given)) if ordered else review_order(given)
        self._items = {given[i].text: given[i] for i in order}
        self._clock = clock
        self._monotonic = monotonic
        self._id = secrets.token_hex(4)
        self._made = 0
        self.last: Decided | None = None
        """The decision made last in this session, unless it was taken back."""
        self._journal = Journal(journal)
        self._before = len(self._journal.decisions)
        self._current: str | None = None
        self._shown_s = 0.0
        self._advance()

    def __enter__(self) -> Self:
        """Return this session."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the journal."""
        self._journal.close()

    @property
    def current(self) -> ReviewItem | None:
        """The headline to decide about; None when all are decided."""
        return None if self._current is None else self._items[self._current]

    @property
    def hints(self) -> tuple[Opinion, ...]:
        """What others say of the current headline; empty in a blind review."""
        return self._others(self._current) if self.show and self._current is not None else ()

    @property
    def journal(self) -> Path:
        """File of the decisions."""
        return self._journal.path

    def label(self, label: Label) -> None:
        """Give the current headline a label, and go on to the next.

        Raises:
            StateError: The decision can't be written; the headline stays.
            DataError: A line of the journal is no decision.
        """
        self._decide("label", label)

    def skip(self) -> None:
        """Leave the current headline without a label; raises as `label` does."""
        self._decide("skip", None)

    def undo(self) -> bool:
        """Take back the last decision, and return to its headline.

        That is this session's last one, then those made before it began; not those of another
        session of this person that runs beside it.

        Returns:
            Whether there was one.

        Raises:
            StateError: It can't be written.
            DataError: A line of the journal is no decision.
        """
        self._journal.refresh()
        before = {each.id for each in self._journal.decisions[: self._before]}
        mine = [
            each
            for each in self._standing()
            if each.text in self._items and (each.session == self._id or each.id in before)
        ]
        if not mine:
            return False
        undone = mine[-1]
        self._append("undo", undone.text, undone=undone.id)
        self.last = None
        self._turn_to(undone.text)
        return True

    def progress(self) -> Progress:
        """How far this person has come, by what the journal held at the last decision."""
        last = {each.text: each for each in self._standing() if each.text in self._items}
        labels = Counter(each.label for each in last.values() if each.label is not None)
        seconds = [each.seconds for each in last.values() if each.seconds is not None]
        return Progress(
            total=len(self._items),
            labelled=labels.total(),
            skipped=len(last) - labels.total(),
            labels={label: labels[label] for label in get_args(Label)},
            seconds_per_decision=statistics.median(seconds) if seconds else None,
            agreements=self._agreements(last.values()),
        )

    def votes(self) -> dict[str, tuple[Vote, ...]]:
        """Votes of all people in the journal, by headline, as of now."""
        self._journal.refresh()
        return votes_of(self._journal.decisions)

    def _decide(self, action: Literal["label", "skip"], label: Label | None) -> None:
        if self._current is None:
            return
        text = self._current
        seconds = round(self._monotonic() - self._shown_s, 2)
        self._append(action, text, label=label, seconds=seconds)
        # A skipped headline may come back, and is to be blind then.
        others = self._others(text) if action == "label" else ()
        self.last = Decided(self._items[text], label, others)
        self._advance()

    def _append(
        self,
        action: Literal["label", "skip", "undo"],
        text: str,
        *,
        label: Label | None = None,
        undone: str | None = None,
        seconds: float | None = None,
    ) -> None:
        self._made += 1
        self._journal.append(
            Decision(
                id=f"{self._id}-{self._made}",
                session=self._id,
                annotator=self.annotator,
                text=text,
                action=action,
                label=label,
                undone=undone,
                blind=not self.show and text not in self._was_revealed(),
                seconds=seconds,
                at=self._clock(),
            )
        )

    def _was_revealed(self) -> set[str]:
        """Headlines of which this person has seen others' labels, even if that was taken back."""
        return {
            each.text
            for each in self._journal.decisions
            if each.annotator == self.annotator and (each.action == "label" or not each.blind)
        }

    def _advance(self) -> None:
        decided = {each.text for each in self._standing()}
        self._turn_to(next((text for text in self._items if text not in decided), None))

    def _turn_to(self, text: str | None) -> None:
        self._current = text
        self._shown_s = self._monotonic()

    def _standing(self) -> list[Decision]:
        """This person's decisions that were not taken back."""
        mine = [each for each in self._journal.decisions if each.annotator == self.annotator]
        return standing(mine)

    def _others(self, text: str) -> tuple[Opinion, ...]:
        """What others say of a headline, those in the journal included."""
        return self._opinions(text, votes_of(self._journal.decisions))

    def _opinions(self, text: str, votes: dict[str, tuple[Vote, ...]]) -> tuple[Opinion, ...]:
        item = self._items[text]
        known = {(vote.kind, vote.annotator) for vote in votes.get(text, ())}
        # The journal's vote is newer than one of the same person in the file.
        others = [vote for vote in item.votes if (vote.kind, vote.annotator) not in known]
        others += votes.get(text, ())
        found = opinions(replace(item, votes=tuple(others)))
        return tuple(each for each in found if (each.kind, each.by) != ("human", self.annotator))

    def _agreements(self, mine: Iterable[Decision]) -> tuple[Agreement, ...]:
        both: Counter[tuple[Literal["llm", "human", "model"], str]] = Counter()
        agreed: Counter[tuple[Literal["llm", "human", "model"], str]] = Counter()
        votes = {
            text: tuple(vote for vote in cast if vote.blind)
            for text, cast in votes_of(self._journal.decisions).items()
        }
        for decision in mine:
            if decision.label is None or not decision.blind:
                continue
            for opinion in self._opinions(decision.text, votes):
                both[opinion.kind, opinion.by] += 1
                agreed[opinion.kind, opinion.by] += opinion.label == decision.label
        return tuple(
            Agreement(by, kind, both[kind, by], agreed[kind, by])
            for kind, by in sorted(both, key=lambda key: (_KINDS.index(key[0]), key[1]))
        )


_KINDS: Sequence[Literal["human", "llm", "model"]] = ("human", "llm", "model")


def _checked_name(annotator: str) -> str:
    name = annotator.strip()
    if not name or len(name) > MAX_NAME_CHARACTERS or visible(name) != name:
        raise ConfigError(
            f"annotator {visible(annotator[:MAX_NAME_CHARACTERS])!r}: not a name of 1 to"
            f" {MAX_NAME_CHARACTERS} visible characters",
            hint="name yourself with --annotator, such as --annotator ana",
        )
    return name


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError(
            f"headline {visible(text)!r}: holds half a character (a lone surrogate)",
            hint="remove it, or write the file again as UTF-8",
        ) from None
