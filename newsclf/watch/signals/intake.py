"""Turn the record's commits into the rows from which signals are computed.

Live, each commit is handed in once it is in the record; in a replay, all of them are. The rows are
the same, since nothing but the commits decides them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from newsclf.watch.entities.matcher import EntityMatcher
from newsclf.watch.record.identity import is_correction, story_text
from newsclf.watch.record.near import is_copy
from newsclf.watch.record.rows import Commit, Score, Version
from newsclf.watch.signals.measures.price_moves import reports_move
from newsclf.watch.signals.rows import ScoredRow

_MOST_TELLINGS = 10
"""What follows them joins the last one: it would weigh hardly anything."""


@dataclass(slots=True)
class _Headline:
    """What is known of a headline so far."""

    event: int
    event_began_s: float
    sources: dict[str, str | None] = field(default_factory=dict)
    """Those that show it, in their order, with their terms."""
    scored: tuple[Version, Score, float] | None = None
    """Its latest text with scores, and when these were known."""
    unscored: set[int] = field(default_factory=set)
    """Ids of its texts without scores."""
    revision: int = 0
    telling: int = 0
    """Which of its event's tellings it is a copy of; 0 until it has a text."""
    text: str = ""
    """Its first text, without an agency's prefix."""
    corrects: bool = False
    corrected_by: list[int] = field(default_factory=list)
    """Headlines that correct it."""


class Intake:
    """Rows of scored headlines, one whenever something about a headline becomes known."""

    def __init__(
        self,
        matcher: EntityMatcher,
        *,
        model: str,
        engine: str,
        counts_from: Callable[[float], float],
        min_relevance: int,
        last_event: int = 0,
    ) -> None:
        """Begin before the first commit.

        Args:
            matcher: The watch list.
            model: Digest of the model whose scores count; those of others are passed over.
            engine: What computed these scores.
            counts_from: Of a time, the earliest beginning of an event that still matters then;
                see `aggregate.counts_from`. Seconds since 1970, rising.
            min_relevance: A headline that is less about an entity doesn't count for it.
            last_event: Where commits are left out at the beginning, the last event in these.
        """
        self._matcher = matcher
        self._scored_by = (model, engine)
        self._counts_from = counts_from
        self._min_relevance = min_relevance
        self._last_event = last_event
        self._began_s: dict[int, float] = {}
        """When the events of the window began; in this order."""
        self._headlines: dict[int, _Headline] = {}
        self._of_event: dict[int, list[int]] = {}
        self._unscored: dict[int, Version] = {}

    @property
    def unscored(self) -> list[Version]:
        """Versions of the window without scores of this model."""
        return list(self._unscored.values())

    def rows(self, commit: Commit) -> list[ScoredRow]:
        """What a commit adds: headlines scored, shown by another source, edited or withdrawn.

        An event older than the window is passed over, whatever is added to it.
        """
        at_s = commit.known_at.timestamp()
        self._forget(self._counts_from(at_s))
        changed = dict.fromkeys(self._seen(commit, at_s))
        for score in commit.scores:
            headline = self._score(score, at_s)
            if headline is not None:
                changed[headline] = None
        for headline in [id_ for id_ in changed if self._headlines[id_].corrects]:
            changed |= dict.fromkeys(self._corrected(headline))
        return [row for headline in changed if (row := self._row(headline, at_s)) is not None]

    def _seen(self, commit: Commit, at_s: float) -> Iterator[int]:
        """Take in who shows and withdraws what; yields the headlines."""
        for sighting in commit.sightings:
            if self._knows(sighting.event, at_s):
                if sighting.headline not in self._headlines:
                    began_s = self._began_s[sighting.event]
                    self._headlines[sighting.headline] = _Headline(sighting.event, began_s)
                    self._of_event.setdefault(sighting.event, []).append(sighting.headline)
                terms = commit.fetch.terms if commit.fetch is not None else None
                self._headlines[sighting.headline].sources[sighting.source] = terms
                yield sighting.headline
        for version in commit.versions:
            if version.headline in self._headlines:
                self._place(version.headline, version.text)
                self._headlines[version.headline].unscored.add(version.id)
                self._unscored[version.id] = version
        for retraction in commit.retractions:
            if retraction.headline is not None and retraction.headline in self._headlines:
                self._headlines[retraction.headline].sources.pop(retraction.source, None)
                yield retraction.headline

    def _place(self, id_: int, text: str) -> None:
        """Find which telling of its event a new headline is, and what it corrects."""
        headline = self._headlines[id_]
        if headline.telling:
            return
        headline.text, headline.corrects = story_text(text), is_correction(text)
        told = [self._headlines[each] for each in self._of_event[headline.event] if each != id_]
        firsts: dict[int, _Headline] = {}
        for each in told:
            if each.telling:
                firsts.setdefault(each.telling, each)
        for telling, first in firsts.items():
            correction = headline.corrects or first.corrects
            if is_copy(headline.text, first.text, correction=correction):
                headline.telling = telling
                break
        else:
            headline.telling = min(len(firsts) + 1, _MOST_TELLINGS)
        for each in told:
            if each.telling != headline.telling:
                continue
            if headline.corrects and each.text != headline.text:
                each.corrected_by.append(id_)
            elif each.corrected_by and each.text == headline.text:  # the wrong text, once more
                headline.corrected_by = list(each.corrected_by)

    def _corrected(self, id_: int) -> list[int]:
        """The headlines that a headline corrects."""
        of_event = self._of_event[self._headlines[id_].event]
        return [each for each in of_event if id_ in self._headlines[each].corrected_by]

    def _is_replaced(self, headline: _Headline) -> bool:
        """Whether a correction of it is shown and has scores; until then it counts."""
        corrections = map(self._headlines.__getitem__, headline.corrected_by)
        return any(each.sources and each.scored for each in corrections)

    def _knows(self, event: int, at_s: float) -> bool:
        """Whether an event is in the window; a new one begins now. Ids of events rise."""
        if event > self._last_event:
            self._last_event = event
            self._began_s[event] = at_s
        return event in self._began_s

    def _score(self, score: Score, at_s: float) -> int | None:
        """Take in a score; returns the headline whose latest text it is of."""
        version = self._unscored.get(score.version)
        if version is None or (score.model, score.engine) != self._scored_by:
            return None
        del self._unscored[score.version]
        headline = self._headlines[version.headline]
        headline.unscored.remove(version.id)
        if headline.scored and headline.scored[0].number > version.number:
            return None
        headline.scored = (version, score, at_s)
        return version.headline

    def _row(self, id_: int, at_s: float) -> ScoredRow | None:
        headline = self._headlines[id_]
        if headline.scored is None:
            return None
        version, score, scored_s = headline.scored
        headline.revision += 1
        counts = bool(headline.sources) and not self._is_replaced(headline)
        claimed = version.published.at if version.published else None
        mentions = self._matcher.mentions(version.text, version.tickers)
        counted = mentions.counted(self._min_relevance)
        return ScoredRow(
            item=id_,
            version=version.number,
            version_id=version.id,
            revision=headline.revision,
            known_s=at_s,
            event=headline.event,
            event_began_s=headline.event_began_s,
            telling=headline.telling,
            sources=tuple(headline.sources),
            terms=tuple(headline.sources.values()),
            title=version.text,
            url=version.url,
            published_s=claimed.timestamp() if claimed else None,
            published_day_only=version.published is not None and version.published.date_only,
            first_seen_s=version.fetched_at.timestamp(),
            scored_s=scored_s,
            scores=(score.negative, score.neutral, score.positive) if counts else None,
            model=score.model,
            entities=mentions.named,
            relevance=tuple(mention.relevance for mention in mentions.found),
            counts_for=counted.entity,
            abstained=counted.abstained,
            incidental=counted.incidental,
            doubtful=mentions.doubtful,
            listed=mentions.listed,
            reports_move=reports_move(version.text),
        )

    def _forget(self, before_s: float) -> None:
        """Drop the events that began before a time, with their headlines."""
        while self._began_s:
            event, began_s = next(iter(self._began_s.items()))
            if began_s >= before_s:
                break
            del self._began_s[event]
            for id_ in self._of_event.pop(event, ()):
                for version in self._headlines.pop(id_).unscored:
                    del self._unscored[version]
