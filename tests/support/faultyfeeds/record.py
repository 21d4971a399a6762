"""What a record holds of each source, to compare with what it should hold."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Version
from tests.support.faultyfeeds.fault import Fault


@dataclass
class Told:
    """What a record holds of a source."""

    outcomes: set[Outcome] = field(default_factory=set)
    headlines: dict[int, list[Version]] = field(default_factory=dict)
    """Versions of each of its headlines."""
    withdrawn: set[int] = field(default_factory=set)
    rows: int = 0

    def compared(self, fault: Fault, *, server: str) -> dict[str, tuple[object, object]]:
        """What differs from what should be there: what is, and what should be.

        Args:
            fault: Of the source.
            server: Address of the server.
        """
        versions = [version for each in self.headlines.values() for version in each]
        first = {version.text: version for version in versions}
        stamps = {text: first[text].published for text in fault.published if text in first}
        pairs: dict[str, tuple[object, object]] = {
            "headlines": (
                sorted(tuple(v.text for v in each) for each in self.headlines.values()),
                sorted(fault.headlines),
            ),
            "outcomes": (self._outcomes(fault), fault.outcomes),
            "withdrawn": (
                {each[0].text for n, each in self.headlines.items() if n in self.withdrawn},
                fault.withdrawn,
            ),
            "published": (
                {t: s.at.isoformat() if s and s.at else None for t, s in stamps.items()},
                fault.published,
            ),
            "links": (
                {text: first[text].url for text in fault.links if text in first},
                {t: link and link.format(server=server) for t, link in fault.links.items()},
            ),
            "published after it was fetched": (
                [v.text for v in versions if v.published_at > v.fetched_at],
                [],
            ),
        }
        if fault.events is not None:
            pairs["events"] = (len({version.event for version in versions}), fault.events)
        if fault.rows is not None:
            pairs["rows"] = (self.rows, fault.rows)
        return {what: pair for what, pair in pairs.items() if pair[0] != pair[1]}

    def _outcomes(self, fault: Fault) -> set[Outcome]:
        """What became of the attempts, but for answers that a document has not changed."""
        unchanged = any(outcome.delivers for outcome in fault.outcomes - {Outcome.OK})
        return self.outcomes - {Outcome.OK} if unchanged else self.outcomes


def told_by(record: Record) -> dict[str, Told]:
    """What a record holds, by source; a headline of several sources is the first one's by name."""
    found: dict[str, Told] = defaultdict(Told)
    shown_by: dict[int, set[str]] = defaultdict(set)
    versions: dict[int, list[Version]] = defaultdict(list)
    for commit in record.commits():
        if commit.fetch is not None:
            found[commit.fetch.source].outcomes.add(Outcome(commit.fetch.outcome))
        for version in commit.versions:
            versions[version.headline].append(version)
        for sighting in commit.sightings:
            shown_by[sighting.headline].add(sighting.source)
            found[sighting.source].rows += 1
        for retraction in commit.retractions:
            if retraction.headline is not None:
                found[retraction.source].withdrawn.add(retraction.headline)
    for headline, texts in versions.items():
        found[min(shown_by[headline])].headlines[headline] = texts
    return found
