"""Turn the record's commits into the rows from which signals are computed.

Live, each commit is handed in once it is in the record; in a replay, all of them are. The rows are
the same, since nothing but the commits decides them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from newsclf.watch.entities.matcher import EntityMatcher
from newsclf.watch.record.rows import Commit, Score, Version
from newsclf.watch.signals.rows import ScoredRow


@dataclass(slots=True)
class _Headline:
    """What is known of a headline so far."""

    event: int
    event_began_s: float
    sources: dict[str, None] = field(default_factory=dict)
    """Those that show it, in their order."""
    scored: tuple[Version, Score, float] | None = None
    """Its latest text with scores, and when these were known."""
    unscored: set[int] = field(default_factory=set)
    """Ids of its texts without scores."""
    revision: int = 0


class Intake:
    """Rows of scored headlines, one whenever something about a headline becomes known."""

    def __init__(
        self,
        matcher: EntityMatcher,
        *,
        model: str,
        engine: str,
        window_s: float,
        min_relevance: int,
        last_event: int = 0,
    ) -> None:
        """Begin before the first commit.

        Args:
            matcher: The watch list.
            model: Digest of the model whose scores count; those of others are passed over.
            engine: What computed these scores.
            window_s: How long after its beginning an event matters; see `aggregate.window_s`.
            min_relevance: A headline that is less about an entity doesn't count for it.
            last_event: Where commits are left out at the beginning, the last event in these.
        """
        self._matcher = matcher
        self._scored_by = (model, engine)
        self._window_s = window_s
        self._min_relevance = min_relevance
        self._last_event = last_event
        self._began_s: dict[int, float] = {}
        """When the events of the window began; in this order."""
        self._headlines: dict[int, _Headline] = {}
        self._of_event: dict[int, list[int]] = {}
        self._unscored: dict[int, Version] = {}

    @property
    def unscored(self) -> list[tuple[int, str]]:
        """Versions of the window without scores of this model, with their texts."""
        return [(id_, version.text) for id_, version in self._unscored.items()]

    def rows(self, commit: Commit) -> list[ScoredRow]:
        """What a commit adds: headlines scored, shown by another source, edited or withdrawn.

        An event older than the window is passed over, whatever is added to it.
        """
        at_s = commit.known_at.timestamp()
        self._forget(at_s - self._window_s)
        changed = dict.fromkeys(self._seen(commit, at_s))
        for score in commit.scores:
            headline = self._score(score, at_s)
            if headline is not None:
                changed[headline] = None
        return [row for headline in changed if (row := self._row(headline, at_s)) is not None]

    def _seen(self, commit: Commit, at_s: float) -> Iterator[int]:
        """Take in who shows and withdraws what; yields the headlines."""
        for sighting in commit.sightings:
            if self._knows(sighting.event, at_s):
                if sighting.headline not in self._headlines:
                    began_s = self._began_s[sighting.event]
                    self._headlines[sighting.headline] = _Headline(sighting.event, began_s)
                    self._of_event.setdefault(sighting.event, []).append(sighting.headline)
                self._headlines[sighting.headline].sources[sighting.source] = None
                yield sighting.headline
        for version in commit.versions:
            if version.headline in self._headlines:
                self._headlines[version.headline].unscored.add(version.id)
                self._unscored[version.id] = version
        for retraction in commit.retractions:
            if retraction.headline is not None and retraction.headline in self._headlines:
                self._headlines[retraction.headline].sources.pop(retraction.source, None)
                yield retraction.headline

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
        shown = bool(headline.sources)
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
            sources=tuple(headline.sources),
            title=version.text,
            url=version.url,
            published_s=claimed.timestamp() if claimed else None,
            first_seen_s=version.fetched_at.timestamp(),
            scored_s=scored_s,
            scores=(score.negative, score.neutral, score.positive) if shown else None,
            model=score.model,
            entities=mentions.named,
            relevance=tuple(mention.relevance for mention in mentions.found),
            counts_for=counted.entity,
            abstained=counted.abstained,
            incidental=counted.incidental,
            doubtful=mentions.doubtful,
            listed=mentions.listed,
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
