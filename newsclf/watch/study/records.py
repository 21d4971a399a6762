"""Settings and results of a study."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from newsclf.common.records import StrictRecord

LEVEL = 0.05
"""Of all tests of a study together that find something where there is nothing."""
VerdictKind = Literal["too_little_data", "too_late", "tradable", "reversal", "reaction", "none"]


class StudySettings(StrictRecord):
    """What a study is made with."""

    time_zone: str = "America/New_York"
    """Of the exchange; dates are its dates."""
    close: dt.time = dt.time(16)
    """End of a trading day, for prices that have a date only."""
    exchange: str | None = None
    """Market identifier code of the record's exchange, whose calendar says when each day ends;
    None: `close` does. It is used unless time zone or close are given."""
    min_score: Annotated[float, Field(ge=0, lt=1)] = 0.25
    """News whose score is nearer to 0 has no direction, and is left out of the event study."""
    tried: Annotated[int, Field(ge=1)] = 1
    """Variants of the signal that were looked at, this one included."""
    draws: Annotated[int, Field(ge=19)] = 500
    """Placebo dates and shuffled entities."""
    seed: int = 0


class Estimate(StrictRecord):
    """A mean with its 95 % interval and the test that it is 0; None where it can't be told."""

    mean: float | None = None
    low: float | None = None
    high: float | None = None
    t: float | None = None
    p: float | None = None
    """Two-sided, not corrected for the number of tests."""
    n: int = 0
    """Observations."""
    days: int = 0
    """Trading days on which they are."""


class WindowResult(StrictRecord):
    """Abnormal return around news, in the direction of the news, in basis points."""

    first_day: int
    """Trading days from the one on which the news counts, which is day 0."""
    last_day: int
    estimate: Estimate
    placebo_p: float | None
    """Share of placebo dates with as large a mean."""
    shuffled_p: float | None
    """Share of exchanges of the entities with as large a mean; None with fewer than 5 entities."""


class HorizonResult(StrictRecord):
    """Rank correlation of a signal with the return that follows, over the entities of a day."""

    days: int
    """Trading days from the entry on."""
    estimate: Estimate


class BaselineResult(StrictRecord):
    """A simpler signal on the same entities and days, with its returns of one day."""

    name: str
    ic: Estimate
    signal_is_better_by: Estimate
    """Difference of the rank correlations, day by day."""


class ModelAge(StrictRecord):
    """When the model that scores headlines without names was trained, beside the news."""

    digest: str
    scored_the_news: bool
    """Whether the scores of the record are of the same model."""
    trained: dt.datetime
    base: str
    """What it was fine-tuned from; the card doesn't say when that was trained."""
    first_news: dt.datetime
    """When the first headline of the study was known."""
    known_before: float
    """Share of the headlines that were known before it was trained."""


class AnonymousResult(StrictRecord):
    """The tests on headlines that a model scored again without names."""

    texts: int
    """How many were scored."""
    model: ModelAge
    windows: tuple[WindowResult, ...]
    horizons: tuple[HorizonResult, ...]


class CostResult(StrictRecord):
    """Return of the portfolio after costs, in basis points a day."""

    cost_bp: float
    """Of the value traded."""
    net_bp: Estimate


class PortfolioResult(StrictRecord):
    """Long and short by the rank of the signal, each day anew, one unit gross."""

    gross_bp: Estimate
    turnover: float
    """Value traded a day, in units of the gross value."""
    after_costs: tuple[CostResult, ...]
    entry: Literal["close", "next open"]


class StudyReport(StrictRecord):
    """Everything that a study found."""

    schema_version: Literal[1] = 1
    verdict: str
    verdict_kind: VerdictKind
    warnings: tuple[str, ...]
    settings: StudySettings
    index: str
    """What returns are abnormal against."""
    first_day: dt.date
    last_day: dt.date
    trading_days: int
    entities: tuple[str, ...]
    headlines: int
    """Headlines about an entity with prices."""
    events: int
    """Means of the news of an entity on a trading day that have a direction."""
    events_used: int
    """Those with enough prices before them for the market model."""
    late_headlines: int
    """Those that were known on a later trading day than the source claims."""
    tests: int
    trials: int
    """Tests, times the variants that were tried."""
    threshold_p: float
    """What a p must be below, by Bonferroni."""
    windows: tuple[WindowResult, ...]
    by_published: Estimate
    """Of the last window, if news counted from the time that the source claims: look-ahead."""
    horizons: tuple[HorizonResult, ...]
    baselines: tuple[BaselineResult, ...]
    anonymous: AnonymousResult | None = None
    """None without a model to score the headlines again."""
    portfolio: PortfolioResult | None
