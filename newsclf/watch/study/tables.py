"""Tables of a study, for the terminal and for the page."""

from __future__ import annotations

from newsclf.reporting.figure import Table
from newsclf.watch.study.ranking import ANONYMOUS
from newsclf.watch.study.records import Estimate, StudyReport

_LEAST_P = 0.0001
"""What is smaller is shown as such."""


def window_table(report: StudyReport) -> Table:
    """Abnormal returns around the news."""
    rows = [
        (
            f"[{each.first_day}, {each.last_day}]",
            *_cells(each.estimate, 0),
            _p(each.placebo_p),
            _p(each.shuffled_p),
        )
        for each in report.windows
    ]
    return Table(("days", "mean, bp", "95 % interval", "t", "p", "placebo p", "shuffled p"), rows)


def horizon_table(report: StudyReport) -> Table:
    """Rank correlations of the signal, by horizon."""
    rows = [(str(each.days), *_cells(each.estimate, 3)) for each in report.horizons]
    return Table(("days ahead", "mean IC", "95 % interval", "t", "p"), rows)


def baseline_table(report: StudyReport) -> Table:
    """Rank correlations of simpler signals over a day, and by how much the signal is better."""
    rows = [
        (
            each.name,
            _number(each.ic.mean, 3),
            _number(each.signal_is_better_by.mean, 3),
            interval(each.signal_is_better_by, 3),
            _p(each.signal_is_better_by.p),
        )
        for each in report.baselines
    ]
    if report.anonymous is None:
        rows.append((f"{ANONYMOUS} (add --model DIR)", "–", "–", "–", "–"))
    return Table(("baseline", "mean IC", "signal is better by", "95 % interval", "p"), rows)


def anonymous_table(report: StudyReport) -> Table:
    """The tests again, on the scores of headlines without names."""
    found = report.anonymous
    head = ("test", "mean", "95 % interval", "t", "p")
    if found is None:
        return Table(head, [])
    rows = [
        (f"[{each.first_day}, {each.last_day}], bp", *_cells(each.estimate, 0))
        for each in found.windows
    ]
    rows += [(f"IC, {_days(each.days)}", *_cells(each.estimate, 3)) for each in found.horizons]
    return Table(head, rows)


def cost_table(report: StudyReport) -> Table:
    """Return of the portfolio a day, by cost."""
    held = report.portfolio
    if held is None:
        return Table(("costs", "bp a day", "95 % interval", "t", "p"), [])
    rows = [("none", *_cells(held.gross_bp, 1))]
    rows += [(f"{each.cost_bp:g} bp", *_cells(each.net_bp, 1)) for each in held.after_costs]
    return Table(("costs", "bp a day", "95 % interval", "t", "p"), rows)


def interval(estimate: Estimate, decimals: int) -> str:
    """Both ends of its 95 % interval; a dash without one."""
    if estimate.low is None or estimate.high is None:
        return "–"
    return f"{_number(estimate.low, decimals)} to {_number(estimate.high, decimals)}"


def _cells(estimate: Estimate, decimals: int) -> tuple[str, str, str, str]:
    return (
        _number(estimate.mean, decimals),
        interval(estimate, decimals),
        _number(estimate.t, 2),
        _p(estimate.p),
    )


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _number(value: float | None, decimals: int) -> str:
    return "–" if value is None else f"{value:+.{decimals}f}"


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return f"<{_LEAST_P}" if value < _LEAST_P else f"{value:.4f}"
