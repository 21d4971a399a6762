"""What follows from the figures: prices, dominated models, and the default. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from newsclf.common.intervals import Interval, percent
from newsclf.costs.formulas import usd_per_million
from newsclf.frontier.records import FrontierRow, Price, Speed
from newsclf.reporting.text import usd


def price_of(speed: Speed, *, usd_per_hour: float, vcpus: int, utilisation: float) -> Price:
    """The price of a model, if each vCPU of an instance does what a core of this machine did."""

    def cost(share: float) -> Interval:
        def at(rate_per_core_s: float | None) -> float | None:
            if not rate_per_core_s:
                return None
            return usd_per_million(usd_per_hour, vcpus * rate_per_core_s, utilisation=share)

        rate = speed.per_core_per_s
        return Interval(value=at(rate.value), low=at(rate.high), high=at(rate.low))

    return Price(usd_per_million=cost(1.0), usd_per_million_at_use=cost(utilisation))


def cost_of(row: FrontierRow) -> float:
    """Cost per million at full load; infinite without a price."""
    value = row.price.usd_per_million.value if row.price else None
    return float("inf") if value is None else value


def accuracy_of(row: FrontierRow) -> float:
    """The accuracy of a model."""
    value = row.quality.accuracy.value
    return 0.0 if value is None else value


def with_dominated(rows: Sequence[FrontierRow]) -> list[FrontierRow]:
    """The rows, the cheapest first, each with the cheapest model that beats it.

    A model is dominated if another is at least as accurate and at least as cheap, and better in
    one of the two. That compares the figures as measured: intervals may overlap.
    """
    ordered = sorted(rows, key=lambda row: (cost_of(row), -accuracy_of(row), row.name))
    return [
        row.model_copy(
            update={
                "dominated_by": next(
                    (o.name for o in ordered if row.price and _beats(o, row)), None
                )
            }
        )
        for row in ordered
    ]


def _beats(one: FrontierRow, other: FrontierRow) -> bool:
    ours = (accuracy_of(one), -cost_of(one))
    theirs = (accuracy_of(other), -cost_of(other))
    return ours != theirs and all(a >= b for a, b in zip(ours, theirs, strict=True))


def choose(rows: Sequence[FrontierRow], *, delta: float) -> tuple[str | None, str]:
    """The default: the cheapest model that is not worse than the teacher by δ or more.

    The teacher is one of them, if it has a price.

    Args:
        rows: The models, those without a price included.
        delta: The margin δ.

    Returns:
        Its name, or None; and why.
    """
    priced = [row for row in rows if row.price is not None]
    passing = [
        row
        for row in priced
        if row.quality.against_teacher is None or row.quality.against_teacher.not_worse
    ]
    points = f"{100 * delta:g} point{'s' * (delta != 0.01)}"  # noqa: PLR2004 - one point
    if not passing:
        best = min(
            (row.quality.against_teacher.at_most, row.name)
            for row in priced
            if row.quality.against_teacher
        )
        return None, (
            f"no model was shown to be less than {points} worse than the teacher; nearest is"
            f" {best[1]}, which is at most {percent(best[0])} worse: a larger --delta, or more"
            " labelled rows with --data"
        )
    chosen = min(passing, key=lambda row: (cost_of(row), -accuracy_of(row)))
    against = chosen.quality.against_teacher
    if against is None and len(priced) == 1:
        return chosen.name, "it is the only model with a price"
    if against is None:
        return chosen.name, (
            f"no cheaper model was shown to be less than {points} worse than the teacher"
        )
    return chosen.name, (
        f"the cheapest that was shown to be less than {points} worse than the teacher: at most"
        f" {percent(against.at_most)}; {usd(cost_of(chosen))} per million"
    )
