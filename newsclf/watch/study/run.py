"""Run a study: what the news and the signals of a record said about prices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from newsclf.common.errors import DataError
from newsclf.watch.record.replay import Record
from newsclf.watch.record.storage.address import Place
from newsclf.watch.study.abnormal import AFTER, WINDOWS, AbnormalReturns, EventStudy, directed
from newsclf.watch.study.anonymous import StudyModel
from newsclf.watch.study.lines import TimeLine, time_lines
from newsclf.watch.study.news import (
    Nameless,
    News,
    Reading,
    by_day,
    read_recorded,
    signal_table,
    trading_day,
)
from newsclf.watch.study.prices import Prices, read_prices
from newsclf.watch.study.ranking import baselines, horizons, portfolio
from newsclf.watch.study.records import (
    LEVEL,
    AnonymousResult,
    BaselineResult,
    Estimate,
    ModelAge,
    StudyReport,
    StudySettings,
)
from newsclf.watch.study.verdict import Tests, verdict

_CLOCK_S = 60.0
"""By so much the clock of a source may be fast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRequest:
    """What to study."""

    record: Place
    prices: Path
    index: str | None
    until: dt.datetime | None
    model: StudyModel | None = None
    """Scores the headlines again without names."""
    settings: StudySettings


class Studied(NamedTuple):
    """What a study found, and the time lines that go with it."""

    report: StudyReport
    lines: tuple[TimeLine, ...]


def run(request: StudyRequest) -> Studied:
    """Study the record of a watch.

    Raises:
        ConfigError: The index or the time zone doesn't exist.
        DataError: The prices can't be used, or have nothing to do with the news.
        StateError: The record does not exist or has no signals.
    """
    settings = request.settings
    with Record(request.record) as record:
        recorded = read_recorded(record, until=request.until, model=request.model)
    said = settings.model_fields_set & {"time_zone", "close"}
    calendar = None if said else recorded.calendar
    if calendar is not None:
        of_record = {"exchange": calendar.exchange, "time_zone": calendar.time_zone}
        settings = settings.model_copy(update=of_record)
    prices = read_prices(
        request.prices,
        recorded.watchlist,
        index=request.index,
        time_zone=settings.time_zone,
        close=settings.close,
        calendar=calendar,
    )
    priced = [each for each in recorded.news if each.entity in prices.entities]
    if not priced:
        raise DataError(
            f"{request.prices}: the record has no news about {', '.join(prices.entities)}",
            hint="give prices of entities of the watch list: newsclf watch replay --items FILE"
            " shows the news of each",
        )
    return Studied(
        study(prices, recorded.news, recorded.readings, settings, recorded.nameless),
        time_lines(prices, recorded.news, recorded.readings),
    )


def study(
    prices: Prices,
    news: Sequence[News],
    readings: Sequence[Reading],
    settings: StudySettings,
    nameless: Nameless | None = None,
) -> StudyReport:
    """Compare news and signals with the prices that followed.

    Args:
        prices: With the trading days.
        news: Headlines of the record.
        readings: Its signals.
        settings: How to study them.
        nameless: The same news and signals, scored without names.
    """
    priced = [each for each in news if each.entity in prices.entities]
    by_known = by_day(prices, priced, lambda each: each.known_s)
    by_claim = by_day(prices, priced, lambda each: each.published_s)
    events = directed(by_known, min_score=settings.min_score)
    events_study = EventStudy(AbnormalReturns(prices), draws=settings.draws, seed=settings.seed)
    windows = tuple(events_study.window(events, *days) for days in WINDOWS)
    claimed = directed(by_claim, min_score=settings.min_score)
    by_published = events_study.window(claimed, *AFTER).estimate
    signal = signal_table(prices, readings)
    ranked = horizons(prices, signal)
    estimates = [*(each.estimate for each in windows), *(each.estimate for each in ranked)]
    tests = sum(estimate.p is not None for estimate in estimates)
    trials = max(1, tests) * settings.tried
    threshold_p = LEVEL / trials
    anonymous = nameless_signal = None
    if nameless is not None:
        nameless_signal = signal_table(prices, nameless.readings)
        of_nameless = directed(
            by_day(prices, nameless.news, lambda each: each.known_s), min_score=settings.min_score
        )
        anonymous = AnonymousResult(
            texts=nameless.texts,
            model=_age(nameless, [each.known_s for each in priced]),
            windows=tuple(events_study.window(of_nameless, *days) for days in WINDOWS),
            horizons=horizons(prices, nameless_signal),
        )
    beside = baselines(prices, signal, by_known, nameless_signal)
    held = portfolio(prices, signal)
    judged = verdict(Tests(windows, ranked, threshold_p, trials), beside, held)
    late = [each for each in priced if _later_than_claimed(prices, each)]
    return StudyReport(
        verdict=judged.sentence,
        verdict_kind=judged.kind,
        warnings=(
            *prices.warnings,
            *_warnings(news, priced, late),
            *_look_ahead(windows[-1].estimate, by_published, threshold_p),
            *_of_names(beside[-1], anonymous, threshold_p),
        ),
        settings=settings,
        index=prices.index_name,
        first_day=prices.days[0],
        last_day=prices.days[-1],
        trading_days=len(prices.days),
        entities=prices.entities,
        headlines=len(priced),
        events=len(events.days),
        events_used=events_study.used(events),
        late_headlines=len(late),
        tests=tests,
        trials=trials,
        threshold_p=threshold_p,
        windows=windows,
        by_published=by_published,
        horizons=ranked,
        baselines=beside,
        anonymous=anonymous,
        portfolio=held,
    )


def _age(nameless: Nameless, known_s: Sequence[float]) -> ModelAge:
    trained = nameless.model.trained
    return ModelAge(
        digest=nameless.model.digest,
        scored_the_news=nameless.scored_the_news,
        trained=trained,
        base=nameless.model.base,
        first_news=dt.datetime.fromtimestamp(min(known_s), dt.UTC),
        known_before=sum(at < trained.timestamp() for at in known_s) / len(known_s),
    )


def _later_than_claimed(prices: Prices, news: News) -> bool:
    return news.published_s is not None and trading_day(prices, news.published_s) < trading_day(
        prices, news.known_s
    )


def _warnings(news: Sequence[News], priced: Sequence[News], late: Sequence[News]) -> Iterator[str]:
    if len(priced) < len(news):
        names = sorted({each.entity for each in news} - {each.entity for each in priced})
        yield f"there are no prices of {', '.join(names)}; their news is left out"
    if late:
        yield (
            f"{len(late):,} of {len(priced):,} headlines were known on a later trading day than"
            " their source claims; they count from when they were known"
        )
    early = sum(
        each.published_s is not None and each.published_s > each.known_s + _CLOCK_S
        for each in priced
    )
    if early:
        yield (
            f"{early:,} headlines claim to be published after they were seen: the source's clock or"
            " time zone is wrong"
        )
    if priced and all(each.published_s is None for each in priced):
        yield "no headline says when it was published, so late news can't be told"


def _of_names(
    baseline: BaselineResult, found: AnonymousResult | None, threshold_p: float
) -> Iterator[str]:
    """Warn of what a model may know by names, and of models that can't be compared.

    Args:
        baseline: The anonymised headlines, if there are such.
        found: None without a model.
        threshold_p: What a p must be below.
    """
    if found is None:
        return
    age, better = found.model, baseline.signal_is_better_by
    if age.known_before > 0:
        yield (
            f"the model{'' if age.scored_the_news else ' given with --model'} was trained on"
            f" {age.trained:%Y-%m-%d}, after {100 * age.known_before:.0f} % of the headlines (the"
            f" first is of {age.first_news:%Y-%m-%d}): it may know more than was known then"
        )
    if not age.scored_the_news:
        yield (
            "the headlines of the record were scored by another model than that of --model, so"
            " anonymised headlines differ by more than the names"
        )
    elif better.p is not None and better.p < threshold_p and (better.mean or 0) > 0:
        yield (
            "the signal says more with the names of companies than without"
            f" ({better.mean:+.3f} of rank correlation): the model may know what became of them"
        )


def _look_ahead(known: Estimate, claimed: Estimate, threshold_p: float) -> Iterator[str]:
    """Warn if only the claimed times would have shown an effect."""
    if (
        claimed.p is not None
        and claimed.p < threshold_p
        and not (known.p is not None and known.p < threshold_p)
    ):
        yield (
            f"by the times that sources claim, days 1 to 5 would show {claimed.mean:+.0f} bp,"
            f" by the times of the record {known.mean or 0:+.0f} bp: the difference is look-ahead"
        )
