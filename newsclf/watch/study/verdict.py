"""The verdict of a study: one sentence, which may be that there is no evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from newsclf.watch.study.abnormal import AFTER, DRIFT, REACTION
from newsclf.watch.study.ranking import ANONYMOUS
from newsclf.watch.study.records import (
    LEVEL,
    BaselineResult,
    Estimate,
    HorizonResult,
    PortfolioResult,
    VerdictKind,
    WindowResult,
)

LEAST_EVENTS, LEAST_DAYS = 30, 20
_COST_BP = 10.0
_NOT_TO_BE_BEATEN = ("zero", ANONYMOUS)
"""Zero has no errors, and a signal that knows no more than headlines without names is as it should
be."""


class Tests(NamedTuple):
    """What a verdict rests on."""

    windows: Sequence[WindowResult]
    horizons: Sequence[HorizonResult]
    threshold_p: float
    trials: int


class Verdict(NamedTuple):
    """A sentence, and which of the kinds it is."""

    kind: VerdictKind
    sentence: str


def verdict(
    tests: Tests, baselines: Sequence[BaselineResult], portfolio: PortfolioResult | None
) -> Verdict:
    """Judge by the corrected threshold; windows must also pass placebo dates and shuffling."""
    after, drift = _window(tests, AFTER), _window(tests, DRIFT)
    found = after.estimate
    if found.n < LEAST_EVENTS or found.days < LEAST_DAYS:
        return Verdict(
            "too_little_data",
            f"Too little data to tell: news of {found.n} entity-days on {found.days} trading days"
            f" have the prices that they need, and at least {LEAST_EVENTS} on {LEAST_DAYS} are"
            " wanted.",
        )
    if _passes(tests, drift) and (drift.estimate.mean or 0) > 0:
        return Verdict(
            "too_late",
            f"Not to be relied on: prices moved by {_bp(drift.estimate)} in the direction of the"
            " news in the five days before it was known, so the news came late, or reports what"
            " prices did.",
        )
    signs = _evidence(tests, after)
    if any(sign > 0 for _, sign in signs) and not any(sign < 0 for _, sign in signs):
        return Verdict(
            "tradable",
            f"Evidence that prices follow the news after it was known: {_first(signs, 1)}"
            f" ({_threshold(tests)}){_costs(portfolio)}{_compared(baselines)}.",
        )
    if signs:
        return Verdict(
            "reversal",
            f"Evidence that prices go against the news after it was known: {_first(signs, -1)}"
            f" ({_threshold(tests)}){_costs(portfolio)}.",
        )
    reaction = _window(tests, REACTION)
    if _passes(tests, reaction) and (reaction.estimate.mean or 0) > 0:
        return Verdict(
            "reaction",
            f"Prices react to the news on the day on which it is known ({_bp(reaction.estimate)} in"
            f" [0, 1], which begins before the news), and there is no evidence that anything is"
            f" left to trade after it ({_threshold(tests)}).",
        )
    return Verdict(
        "none",
        "No evidence that prices follow the news: no test of what comes after it passes"
        f" ({_threshold(tests)}); the return of days 1 to 5 is {_bp(found)}{_before(tests)}.",
    )


def _before(tests: Tests) -> str:
    """What passes of the windows that begin before the news, which is no evidence."""
    found = [
        f"{_bp(each.estimate)} in [{each.first_day}, {each.last_day}]"
        for each in tests.windows
        if _passes(tests, each)
    ]
    return f"; what passes begins before it: {', '.join(found)}" if found else ""


def _evidence(tests: Tests, after: WindowResult) -> list[tuple[str, int]]:
    """What passes among the tests of prices after the news, with its sign."""
    found = []
    if _passes(tests, after):
        text = f"{_bp(after.estimate)} in its direction on days 1 to 5"
        found.append((text, _sign(after.estimate)))
    for horizon in tests.horizons:
        estimate = horizon.estimate
        if estimate.p is not None and estimate.p < tests.threshold_p:
            text = f"a rank correlation of {estimate.mean:+.3f} over {horizon.days} days"
            found.append((text.replace("over 1 days", "over 1 day"), _sign(estimate)))
    return found


def _first(signs: Sequence[tuple[str, int]], wanted: int) -> str:
    return next(text for text, sign in signs if sign == wanted)


def _sign(estimate: Estimate) -> int:
    return 1 if (estimate.mean or 0) > 0 else -1


def _passes(tests: Tests, window: WindowResult) -> bool:
    shares = (window.placebo_p, window.shuffled_p)
    return (
        window.estimate.p is not None
        and window.estimate.p < tests.threshold_p
        and all(share is None or share < LEVEL for share in shares)
    )


def _window(tests: Tests, days: tuple[int, int]) -> WindowResult:
    return next(each for each in tests.windows if (each.first_day, each.last_day) == days)


def _threshold(tests: Tests) -> str:
    return f"p below {tests.threshold_p:.2g} for {tests.trials} trials"


def _bp(estimate: Estimate) -> str:
    if estimate.mean is None or estimate.low is None or estimate.high is None:
        return "not known"
    return f"{estimate.mean:+.0f} bp (95 %: {estimate.low:+.0f} to {estimate.high:+.0f})"


def _costs(portfolio: PortfolioResult | None) -> str:
    if portfolio is None:
        return ""
    net = next(each.net_bp for each in portfolio.after_costs if each.cost_bp == _COST_BP)
    if net.mean is None:
        return ""
    loses = "" if (net.low or 0) > 0 else ", which can't be told from a loss"
    loses = ", a loss" if net.mean <= 0 else loses
    return f"; at costs of {_COST_BP:g} bp a portfolio by its rank makes {_bp(net)} a day{loses}"


def _compared(baselines: Sequence[BaselineResult]) -> str:
    not_beaten = [
        each.name
        for each in baselines
        if each.name not in _NOT_TO_BE_BEATEN
        and ((low := each.signal_is_better_by.low) is None or low <= 0)
    ]
    return f"; it is not shown to be better than: {', '.join(not_beaten)}" if not_beaten else ""
