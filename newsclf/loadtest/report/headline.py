"""Headline of a load-test report: answers, facts and warnings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from newsclf.common.intervals import percent
from newsclf.costs.formulas import CostRow
from newsclf.loadtest.analysis.deciding_points import by_instance, faster_than
from newsclf.loadtest.analysis.recommended import caveats
from newsclf.loadtest.report.groups import MODELS, load_words, point_words
from newsclf.loadtest.report.tables import objective_words
from newsclf.loadtest.store.records import PointSummary, Run, Search, Summary
from newsclf.reporting.page import Card
from newsclf.reporting.text import amount, interval, moment, number, usd

_COUNT_LIMIT = 0.01
"""A larger gap between the service's count of requests and the client's is warned about."""
_POINT_WARNINGS: tuple[tuple[Callable[[PointSummary], bool], str], ...] = (
    (
        lambda p: p.verdict == "CLIENT-LIMITED",
        "At {} the client was the limit: those figures describe this machine and have no cost.",
    ),
    (
        lambda p: p.verdict == "UNSTABLE",
        "At {} no steady state was reached: those figures have no cost.",
    ),
    (
        lambda p: p.verdict == "ERRORS",
        "At {} too many requests failed: those figures have no cost.",
    ),
    (
        lambda p: p.little_gap > 0.03,  # noqa: PLR2004
        "At {} Little's law is off by more than 3 %: the measurement itself may be wrong.",
    ),
    (
        lambda p: p.server is not None and not p.server.whole_minutes,
        "At {} the window holds no whole minute, as CloudWatch's figures do: use --duration 130.",
    ),
    (
        lambda p: p.verdict == "OK" and bool(p.reasons),
        "{} have remarks, below the table of points.",
    ),
)
"""Conditions on points, and what to say of the points that meet them."""


def title(run: Run) -> str:
    """Title of the report: the deployment and what it runs on, the address, or the instances."""
    if run.kind == "url":
        return f"Load test of {run.target}"
    name, of_deployment, _ = run.target.partition(" (")  # `name (endpoint)`
    return f"Load test of {name} on {run.name}" if of_deployment else f"Load test {run.name}"


def facts(run: Run) -> list[tuple[str, str]]:
    """Facts about the run: target, loads, payloads, machine, software."""
    payloads, machine = run.payloads, run.machine
    packages = "".join(f", {name} {v}" for name, v in sorted(machine.packages.items()))
    characters = (
        f"characters: mean {number(payloads.characters_mean)}, p50 {payloads.characters_p50},"
        f" p95 {payloads.characters_p95}, longest {payloads.characters_max}"
    )
    times = "once" if run.repeats == 1 else f"{run.repeats} times"
    return [
        ("started", moment(run.started_utc)),
        ("target", f"{run.target} ({run.kind}, {run.region})"),
        ("model", run.model_digest or "not known"),
        ("loads", f"{'; '.join(map(load_words, run.loads))}; {times} each"),
        ("payloads", f"{payloads.count:,} from {payloads.source}; {characters}"),
        ("SHA-256 of the payloads", payloads.sha256),
        ("client", f"{machine.cpu}, {machine.cores} cores, {machine.kernel}"),
        ("software", f"Python {machine.python}{packages}"),
        ("seed", str(run.seed)),
        ("configuration", run.config_sha256),
    ]


def answers(summary: Summary) -> list[Card]:
    """The result of each instance, in the order in which they were run."""
    costs = {row.instance: row for row in summary.costs}
    searches = {search.instance: search for search in summary.searches}
    found = []
    for instance in dict.fromkeys([*(p.instance for p in summary.points), *searches]):
        points = [p for p in summary.points if p.instance == instance]
        search = searches.get(instance)
        figure, good, words = _search_answer(search) if search else _points_answer(points)
        tone = "good" if good else "bad"
        found.append(Card(instance, figure, words, _price(costs.get(instance)), tone))
    return found


def verdict(summary: Summary) -> str:
    """The main result in one sentence; empty where the only instance's answer says it."""
    bounded = [s for s in summary.searches if s.low_per_s is not None]
    if summary.searches and not bounded:
        return "No instance met the objective at any rate that was tried."
    priced = [
        (cost, row)
        for row in summary.costs
        if (cost := row.total_usd_per_million or row.usd_per_million_at_utilisation) is not None
        and (row.slo_rate_low_per_s is not None or not bounded)
    ]
    if len(priced) > 1:
        cost, row = min(priced, key=lambda pair: pair[0])
        held = " that meets the objective" if bounded else ""
        path = ", with Lambda and gateway" if row.path_usd_per_million else ""
        return (
            f"Cheapest{held}: {row.instance}, {usd(cost)} per million at "
            f"{percent(row.utilisation, 0)} use{path}."
        )
    found = answers(summary)
    if not found:
        return "Nothing was measured."
    best = found[0]
    return "" if len(found) == 1 else f"{best.name}: {best.figure} – {best.words}"


def warnings(summary: Summary) -> list[str]:
    """Warnings about what limits the figures."""
    return [*_warnings(summary)]


def _warnings(summary: Summary) -> Iterator[str]:
    run, points = summary.run, summary.points
    if run.interrupted:
        why = f" ({run.stop_reason})" if run.stop_reason else ""
        yield f"The run ended early{why}: only what was finished is shown."
    for meets, text in _POINT_WARNINGS:
        if found := [point_words(point, run.repeats) for point in points if meets(point)]:
            yield text.format(_some(found))
    yield from _lower_bounds(summary)
    yield from _service_warnings(summary)
    yield from caveats(summary.recommender) if summary.recommender else ()
    for s in summary.searches:
        if s.low_per_s is not None and not s.confirmed:
            yield f"The rate of {s.instance} was not confirmed by repeats: {s.note}"
    if run.shares_host:
        yield (
            "The client runs on the server's machine and competes with it for"
            f" {run.machine.cores} cores: a server on its own machine would do better."
        )
    if run.rescaled:
        yield (
            "Autoscaling changed the number of instances during the run, and costs are those of"
            f" the most that were seen, {run.instance_count}. To measure without scaling, fix their"
            " number: newsclf deploy --min 2 --max 2."
        )
    if any(p.load.model == "closed" for p in points):
        yield (
            "A closed loop says nothing about stalls seen by independent users: while the server"
            " stalls, its users send nothing. Judge latency by the Poisson loads."
        )
    if run.price_as:
        yield f"Prices are those of {run.price_as}, which is not what was measured."


def _lower_bounds(summary: Summary) -> Iterator[str]:
    """Instances that can do more than their highest believable load shows."""
    for measured in by_instance(summary.points, summary.searches):
        if measured.faster is not None and measured.peak is not None:
            yield (
                f"{measured.instance}: at {_answered(measured.faster)}:"
                f" {60 * measured.peak.throughput_per_s:,.0f} per minute is a lower bound."
            )
        elif measured.unmeasured_above_users is not None:
            yield (
                f"Beyond {_users(measured.unmeasured_above_users)} {measured.instance} could not be"
                " measured: it may take more than the invocations per minute in the table."
            )


def _service_warnings(summary: Summary) -> Iterator[str]:
    """Warnings about figures of the service that are missing or differ from the client's."""
    counted = {p.instance: p.server.counted_fraction for p in summary.points if p.server}
    for instance, fraction in counted.items():
        if fraction is not None and abs(fraction - 1) > _COUNT_LIMIT:
            yield (
                f"CloudWatch counted {percent(fraction)} of the requests sent to {instance}: it had"
                " not yet reported all, or others were sent by someone else."
            )
    if summary.run.server_unread:
        yield f"What the service measured is missing: {summary.run.server_unread}."


def _answered(point: PointSummary) -> str:
    """The rate of an unreliable point, and why it is unreliable."""
    load, limited = point.load, point.verdict == "CLIENT-LIMITED"
    closed = load.model == "closed"
    where = f"{amount(load.rate_per_s)}/s ({MODELS[load.model]})"
    why = "the client was the limit" if limited else "no steady state was reached"
    return (
        f"{_users(load.concurrency or 0) if closed else where} {amount(point.throughput_per_s)}/s"
        f" were answered, where {why}"
    )


def _users(count: int) -> str:
    return f"{count} user{'' if count == 1 else 's'}"


def _search_answer(search: Search) -> tuple[str, bool, str]:
    aim = objective_words(search.objectives)
    if search.low_per_s is None:
        at = "" if search.high_per_s is None else f", not even at {amount(search.high_per_s)}/s"
        return "no rate", False, f"{aim} was not met{at}."
    text = f"meets {aim} at {amount(search.low_per_s)}/s of Poisson arrivals"
    text += f", misses at {amount(search.high_per_s)}/s" if search.high_per_s else ""
    text += "; confirmed by repeats." if search.confirmed else "; not confirmed."
    return f"{amount(search.low_per_s)}/s", search.confirmed, text


def _points_answer(points: list[PointSummary]) -> tuple[str, bool, str]:
    good = [p for p in points if p.verdict == "OK"]
    if not good:
        kinds = ", ".join(sorted({p.verdict for p in points}))
        none = (
            "The only point does not have"
            if len(points) == 1
            else f"None of the {len(points)} points has"
        )
        return "no figure", False, f"{none} a verdict of OK ({kinds})."
    best = max(good, key=lambda p: (p.throughput_per_s, p.id))
    p95 = interval(best.response_ms.get("p95"))
    text = f"highest goodput: {load_words(best.load)}, p95 {p95} ms"
    faster = faster_than(best, points, None)
    text += f"; a lower bound: at {_answered(faster)}." if faster else "."
    return f"{amount(best.throughput_per_s)}/s", faster is None, text


def _price(row: CostRow | None) -> str:
    if row is None or row.usd_per_million_at_utilisation is None:
        return ""
    cost, used = usd(row.usd_per_million_at_utilisation), percent(row.utilisation, 0)
    text = f"{cost} per million at {used} use"
    if row.total_usd_per_million is not None and row.path_usd_per_million:
        text += f", {usd(row.total_usd_per_million)} with Lambda and gateway"
    return text


def _some(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    most = 4
    text = ", ".join(names[:most])
    return f"{text} and {len(names) - most} more" if len(names) > most else text
