"""HTML report of a load test: one file that opens offline, loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import NamedTuple

from newsclf.costs.formulas import MonthlyCost
from newsclf.loadtest.report import tables
from newsclf.loadtest.report.cost_charts import cost_by_latency, cost_by_volume
from newsclf.loadtest.report.groups import about, groups_of, load_words
from newsclf.loadtest.report.headline import answers, facts, title, verdict, warnings
from newsclf.loadtest.report.load_charts import (
    latency_by_concurrency,
    latency_by_throughput,
    offered_and_achieved,
)
from newsclf.loadtest.report.sample_charts import course, percentiles
from newsclf.loadtest.store.records import PointSummary, Summary
from newsclf.loadtest.store.samples import Samples
from newsclf.reporting import page
from newsclf.reporting.figure import Figure

SHOWN_POINTS = 8
"""Points whose samples are drawn; more would make the page too large to mail."""
CHARTED_POINTS = 80
CHARTED_INSTANCES = 10
"""Limits of points and instances with load charts, for the same reason."""
LISTED_POINTS = 250
"""Rows of the table of every point; all are in points.csv."""


class Charts(NamedTuple):
    """All charts of a page."""

    load: list[tuple[str, list[Figure]]]
    """By instance."""
    cost: list[Figure]
    points: list[tuple[PointSummary, list[Figure]]]
    """The first of each instance comes first."""
    left_out: int
    """Points whose samples are not drawn."""
    instances_left_out: int
    """Instances without load charts."""


def render_page(
    summary: Summary, samples: Callable[[str], Samples], monthly: Sequence[MonthlyCost]
) -> str:
    """HTML of a report. Every text of the data is escaped; only our own charts are markup."""
    listed = summary.points[:LISTED_POINTS]
    return page.render_page(
        "newsclf.loadtest.report",
        title(summary.run),
        summary=summary,
        run=summary.run,
        any_ok=any(point.verdict == "OK" for point in summary.points),
        verdict=verdict(summary),
        cards=answers(summary),
        warnings=warnings(summary),
        drawn=draw_charts(summary, samples, monthly),
        costs=tables.cost_table(summary.costs),
        prices=tables.price_words(summary.costs),
        points=tables.point_table(listed),
        server=tables.server_table(listed),
        recommender=tables.recommender_table(summary.recommender),
        recommender_title=tables.RECOMMENDER_TITLE,
        recommender_note=tables.RECOMMENDER_NOTE,
        remarks=[point for point in listed if point.reasons],
        unlisted=len(summary.points) - len(listed),
        searches=[
            (search, tables.objective_words(search.objectives), tables.probe_table(search))
            for search in summary.searches
        ],
        facts=facts(summary.run),
        load_words=load_words,
    )


def draw_charts(
    summary: Summary, samples: Callable[[str], Samples], monthly: Sequence[MonthlyCost]
) -> Charts:
    """Draw every chart; samples are read for the points that are shown, one at a time."""
    keys = (f"chart-{i}" for i in count(1))
    searches = {search.instance: search for search in summary.searches}
    objectives = summary.run.objectives
    load: list[tuple[str, list[Figure]]] = []
    instances = list(dict.fromkeys(p.instance for p in summary.points))
    charted = 0
    for instance in instances:
        if charted >= CHARTED_POINTS or len(load) == CHARTED_INSTANCES:
            break
        points = [p for p in summary.points if p.instance == instance]
        charted += len(points)
        groups = groups_of(points)
        opened = [group for group in groups if group.model != "closed"]
        closed = [group for group in groups if group.model == "closed"]
        figures = []
        for group in opened:
            search = searches.get(instance) if group.model == "poisson" else None
            figures.append(latency_by_throughput(next(keys), group, objectives, search))
        if opened:
            members = [point for group in opened for point in group.points]
            figures.append(offered_and_achieved(next(keys), members))
        for group in closed:
            figures.append(latency_by_throughput(next(keys), group, objectives, None))
            figures.append(latency_by_concurrency(next(keys), group))
        load.append((instance, figures))
    run = about(summary.points)
    cost = [cost_by_volume(next(keys), monthly, summary.costs, run)]
    if len(summary.costs) > 1:
        cost.insert(0, cost_by_latency(next(keys), summary.costs, run))
    drawn = []
    for point in shown_points(summary):
        found = samples(point.id)
        figures = [percentiles(next(keys), point, found), course(next(keys), point, found)]
        drawn.append((point, figures))
    return Charts(load, cost, drawn, len(summary.points) - len(drawn), len(instances) - len(load))


def shown_points(summary: Summary) -> list[PointSummary]:
    """The points whose samples are drawn: first the deciding point of each instance.

    Then those with another verdict than OK, then first repeats, up to SHOWN_POINTS.
    """
    passed = {
        point
        for s in summary.searches
        for p in s.probes
        if p.passed
        for point in [p.point, *p.points]
    }
    first: dict[str, PointSummary] = {}
    for point in summary.points:
        best = first.get(point.instance)
        if best is None or _weight(point, passed) > _weight(best, passed):
            first[point.instance] = point
    leading = [point.id for point in first.values()]
    others = sorted(
        (p for p in summary.points if p.id not in leading),
        key=lambda p: (p.verdict == "OK", p.repeat),
    )
    return [*first.values(), *others][:SHOWN_POINTS]


def _weight(point: PointSummary, passed: Iterable[str]) -> tuple[bool, bool, bool, float]:
    return (
        point.id in passed,
        point.verdict == "OK",
        point.load.model != "closed",
        point.throughput_per_s,
    )
