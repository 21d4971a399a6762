"""The headlines of a record, scored again without the names of companies.

A model that was trained on later news may know what became of a company, and a name may distract
it (Glasserman and Lin, arXiv:2309.17322). What headlines say by themselves is left when the names
are gone. Nothing is written to the record.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from newsclf.contract.answers import Prediction
from newsclf.contract.requests import headline_problem
from newsclf.watch.entities.anonymised import anonymised
from newsclf.watch.entities.matcher import EntityMatcher
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Commit, Score
from newsclf.watch.signals.configuration import Configuration, ReferenceData

log = logging.getLogger(__name__)

_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyModel:
    """A model that scores headlines without names, and what its card says of its age."""

    classify: Callable[[Sequence[str]], list[Prediction]] = field(repr=False)
    digest: str
    trained: dt.datetime
    base: str


def load_model(folder: Path) -> StudyModel:
    """Load a model directory.

    Raises:
        ModelError: It is missing or damaged.
    """
    from newsclf.model.card import read_card
    from newsclf.predict.classifier import Classifier

    classifier = Classifier.load(folder)
    _, card = read_card(folder)
    trained = dt.datetime.fromisoformat(card.created)
    if trained.tzinfo is None:
        trained = trained.replace(tzinfo=dt.UTC)
    return StudyModel(
        classify=classifier.classify, digest=card.digest, trained=trained, base=card.base.name
    )


class WithoutNames:
    """The commits of a record, with the scores of headlines that have lost their names.

    Headlines that count for no entity keep their scores, since no signal of an entity has them.
    """

    def __init__(
        self,
        record: Record,
        configuration: Configuration,
        reference: ReferenceData,
        model: StudyModel,
        *,
        until: dt.datetime | None,
    ) -> None:
        """Score the headlines.

        Args:
            record: With the headlines.
            configuration: Says for which entity a headline counts.
            reference: Its companies and hours of trading.
            model: Scores the headlines.
            until: Headlines that became known later are left out.
        """
        self._record = record
        texts = _anonymised_texts(record, configuration, reference, until=until)
        self.texts = len(texts)
        """How many texts of headlines were scored again."""
        different = list(dict.fromkeys(texts.values()))
        log.info("scoring %s headlines without names", f"{len(different):,}")
        found: dict[str, Prediction] = {}
        for start in range(0, len(different), _BATCH):
            batch = different[start : start + _BATCH]
            found.update(zip(batch, model.classify(batch), strict=True))
        self._scores = {version: found[text].scores for version, text in texts.items()}

    def commits(self, *, until: dt.datetime | None = None) -> Iterator[Commit]:
        """What the record has, with other scores."""
        for commit in self._record.commits(until=until):
            yield replace(commit, scores=tuple(map(self._score, commit.scores)))

    def _score(self, score: Score) -> Score:
        negative, neutral, positive = self._scores.get(score.version, score[3:])
        return score._replace(negative=negative, neutral=neutral, positive=positive)


def _anonymised_texts(
    record: Record,
    configuration: Configuration,
    reference: ReferenceData,
    *,
    until: dt.datetime | None,
) -> Mapping[int, str]:
    """Texts without names, by the ids of the versions that count for an entity."""
    matcher = EntityMatcher(configuration.watchlist, reference.companies)
    found = {}
    for commit in record.commits(until=until):
        for version in commit.versions:
            mentions = matcher.mentions(version.text, version.tickers)
            counted = mentions.counted(configuration.signals.min_relevance)
            if counted.entity is not None:
                text = anonymised(version.text, mentions, counted.entity)
                if not headline_problem(text):
                    found[version.id] = text
    return found
