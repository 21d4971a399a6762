"""Tests of how the record's commits become rows of scored headlines."""

from __future__ import annotations

import datetime as dt

import pytest

from newsclf.watch.entities.listed import WatchedEntity
from newsclf.watch.entities.matcher import EntityMatcher
from newsclf.watch.item import Stamp
from newsclf.watch.record.rows import Commit, Retraction, Score, Sighting, Version
from newsclf.watch.signals.intake import Intake
from newsclf.watch.signals.rows import ScoredRow

MORNING = dt.datetime(2026, 9, 21, 8, tzinfo=dt.UTC)
MODEL, ENGINE = "5f" * 32, "onnxruntime int8"
MATCHER = EntityMatcher(
    (WatchedEntity(name="Nvidia", tickers=("NVDA",)), WatchedEntity(name="AMD"))
)


def intake(*, last_event: int = 0) -> Intake:
    return Intake(
        MATCHER,
        model=MODEL,
        engine=ENGINE,
        counts_from=lambda at_s: at_s - 3600,
        min_relevance=75,
        last_event=last_event,
    )


class Story:
    """Commits about one headline, a minute apart."""

    def __init__(self, *, headline: int = 1, event: int = 1, minute: float = 0) -> None:
        self.headline, self.event, self.minute = headline, event, minute
        self.number = 0

    def at(self) -> dt.datetime:
        """The time of the next commit."""
        self.minute += 1
        return MORNING + dt.timedelta(minutes=self.minute)

    def shown(self, source: str = "wire", text: str | None = "Nvidia rises") -> Commit:
        """A source shows it; with a text that is new, or None."""
        at = self.at()
        versions: tuple[Version, ...] = ()
        if text is not None:
            self.number += 1
            versions = (
                Version(
                    id=100 * self.headline + self.number,
                    headline=self.headline,
                    event=self.event,
                    number=self.number,
                    text=text,
                    source=source,
                    item=1,
                    url="https://news.example/1",
                    tickers=(),
                    published=Stamp("8 am", MORNING),
                    updated=None,
                    fetched_at=at - dt.timedelta(seconds=2),
                    known_at=at,
                ),
            )
        sighting = Sighting(
            item=1, headline=self.headline, event=self.event, source=source, title="Nvidia rises"
        )
        return Commit(id=1, known_at=at, sightings=(sighting,), versions=versions)

    def scored(self, number: int = 1, *, model: str = MODEL, positive: float = 0.7) -> Commit:
        """A text gets its scores."""
        version = 100 * self.headline + number
        score = Score(version, model, ENGINE, 0.1, 0.9 - positive, positive)
        return Commit(id=1, known_at=self.at(), scores=(score,))

    def withdrawn(self, source: str = "wire") -> Commit:
        """A source withdraws it."""
        retraction = Retraction(item=1, headline=self.headline, event=self.event, source=source)
        return Commit(id=1, known_at=self.at(), retractions=(retraction,))


def rows_of(found: Intake, *commits: Commit) -> list[ScoredRow]:
    return [row for commit in commits for row in found.rows(commit)]


def test_a_headline_is_a_row_once_it_is_scored() -> None:
    story, found = Story(), intake()

    assert rows_of(found, story.shown()) == []
    (row,) = rows_of(found, story.scored())
    morning_s = MORNING.timestamp()
    assert row == ScoredRow(
        item=1,
        version=1,
        version_id=101,
        revision=1,
        known_s=morning_s + 120,
        event=1,
        event_began_s=morning_s + 60,
        sources=("wire",),
        terms=(None,),
        title="Nvidia rises",
        url="https://news.example/1",
        published_s=morning_s,
        first_seen_s=morning_s + 58,
        scored_s=morning_s + 120,
        scores=(0.1, 0.9 - 0.7, 0.7),
        model=MODEL,
        entities=("Nvidia",),
        relevance=(100,),
        counts_for="Nvidia",
    )


def test_other_sources_add_to_it() -> None:
    story = Story()
    rows = rows_of(intake(), story.shown(), story.scored(), story.shown("paper", None))

    assert [(row.revision, row.sources) for row in rows] == [(1, ("wire",)), (2, ("wire", "paper"))]


def test_an_edit_counts_once_it_is_scored() -> None:
    story = Story()
    rows = rows_of(
        intake(), story.shown(), story.scored(), story.shown(text="AMD rises"), story.scored(2)
    )

    assert [(row.version, row.entities) for row in rows] == [
        (1, ("Nvidia",)),
        (1, ("Nvidia",)),
        (2, ("AMD",)),
    ]


def test_a_text_that_is_scored_after_a_later_one_is_passed_over() -> None:
    story = Story()
    rows = rows_of(
        intake(), story.shown(), story.shown(text="AMD rises"), story.scored(2), story.scored(1)
    )

    assert [row.version for row in rows] == [2]


def test_it_is_withdrawn_when_no_source_shows_it_any_more() -> None:
    story = Story()
    rows = rows_of(
        intake(),
        story.shown(),
        story.shown("paper", None),
        story.scored(),
        story.withdrawn(),
        story.withdrawn("paper"),
        story.shown("paper", None),
    )

    assert [row.sources for row in rows] == [("wire", "paper"), ("paper",), (), ("paper",)]
    assert [row.scores is None for row in rows] == [False, False, True, False]


def test_scores_of_another_model_are_passed_over() -> None:
    story = Story()

    assert rows_of(intake(), story.shown(), story.scored(model="00" * 32)) == []


def test_a_late_headline_of_an_event_has_the_events_age() -> None:
    first, second = Story(), Story(headline=2, minute=30)
    rows = rows_of(intake(), first.shown(), first.scored(), second.shown(), second.scored())

    assert {row.event_began_s for row in rows} == {MORNING.timestamp() + 60}


def test_what_is_added_to_an_event_after_its_window_makes_nothing_new() -> None:
    old, late, new = Story(), Story(headline=2, minute=90), Story(headline=3, event=2, minute=92)
    found = intake()
    rows = rows_of(found, old.shown(), late.shown(), new.shown(), late.scored(), new.scored())

    assert [row.item for row in rows] == [3]


def test_events_of_commits_that_were_left_out_are_not_new() -> None:
    story = Story(event=7)

    assert rows_of(intake(last_event=7), story.shown(), story.scored(), story.withdrawn()) == []


# --- corrections

WRONG = "Nvidia cuts its forecast to 4 billion dollars on weak demand"
CORRECTION = "CORRECTED-Nvidia cuts its forecast to 5 billion dollars on weak demand"


def counts(rows: list[ScoredRow]) -> dict[int, bool]:
    """Whether each headline counts, by the last that is known of it."""
    return {row.item: row.scores is not None for row in rows}


def corrected(found: Intake) -> tuple[Story, list[ScoredRow]]:
    """A headline and the correction that replaces it; the correction's story comes back."""
    wrong, correction = Story(), Story(headline=2, minute=10)
    rows = rows_of(
        found,
        wrong.shown(text=WRONG),
        wrong.scored(),
        correction.shown("paper", CORRECTION),
    )
    assert counts(rows) == {1: True}, "a correction without scores replaces nothing yet"
    rows += rows_of(found, correction.scored())
    assert counts(rows) == {1: False, 2: True}
    return correction, rows


def test_what_a_withdrawn_correction_had_replaced_counts_again() -> None:
    found = intake()
    correction, rows = corrected(found)

    rows += rows_of(found, correction.withdrawn("paper"))
    assert counts(rows) == {1: True, 2: False}

    rows += rows_of(found, correction.shown("paper", None))
    assert counts(rows) == {1: False, 2: True}


@pytest.mark.parametrize("text", [WRONG, f"UPDATE 1-{WRONG} (Reuters)"])
def test_a_late_copy_of_a_wrong_text_is_replaced_as_well(text: str) -> None:
    found = intake()
    correction, rows = corrected(found)
    late = Story(headline=3, minute=20)

    rows += rows_of(found, late.shown("portal", text), late.scored())
    assert counts(rows) == {1: False, 2: True, 3: False}

    rows += rows_of(found, correction.withdrawn("paper"))
    assert counts(rows) == {1: True, 2: False, 3: True}


def test_a_late_telling_in_other_words_is_not_replaced() -> None:
    found = intake()
    _, rows = corrected(found)
    late = Story(headline=3, minute=20)

    rows += rows_of(found, late.shown("portal", "Chip maker lowers outlook"), late.scored())

    assert counts(rows) == {1: False, 2: True, 3: True}
    assert [row.telling for row in rows if row.item == 3] == [2]
