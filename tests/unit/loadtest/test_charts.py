"""The charts of a load test: axes, labels that never collide, and what raw samples become."""

from __future__ import annotations

import math
from collections.abc import Callable
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from newsclf.common.intervals import percent
from newsclf.common.visible import visible
from newsclf.costs.formulas import MonthlyCost
from newsclf.loadtest.report.cost_charts import cost_by_latency, cost_by_volume, frontier
from newsclf.loadtest.report.groups import groups_of
from newsclf.loadtest.report.load_charts import (
    latency_by_concurrency,
    latency_by_throughput,
    offered_and_achieved,
)
from newsclf.loadtest.report.sample_charts import course, percentiles
from newsclf.loadtest.report.series import over_time, percentile_curves
from newsclf.loadtest.store.records import Objective, PointSummary
from newsclf.loadtest.store.samples import NEVER, SAMPLE, Outcome, Samples
from newsclf.reporting import text
from newsclf.reporting.figure import Figure
from newsclf.reporting.labels import Box, Label, place
from newsclf.reporting.panel import HEIGHT, WIDTH
from newsclf.reporting.scale import Scale, legible, linear, logarithmic, nines, suited
from tests.support.loadtest_builders import (
    Queue,
    build_case,
    build_search,
    closed_load,
    cost_row,
    open_load,
    simulate,
    summarised,
)

positive = st.floats(1e-3, 1e9)
OBJECTIVES = [Objective(percentile=95, limit_ms=100), Objective(percentile=99, limit_ms=110)]


@given(
    values=st.lists(positive, min_size=1, max_size=30),
    kind=st.sampled_from([linear, logarithmic, suited]),
)
def test_an_axis_holds_its_values_and_names_round_ones(
    values: list[float], kind: Callable[..., Scale]
) -> None:
    scale = kind(values, 50.0, 464.0)

    assert 2 <= len(scale.ticks) <= 8
    places = [scale.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(50 - 1e-6 <= place <= 464 + 1e-6 for place in places)
    assert scale.low <= min(values) * (1 + 1e-9)
    assert scale.high >= max(values) * (1 - 1e-9)
    for tick in scale.ticks:
        assert scale.low * (1 - 1e-9) <= tick.value <= scale.high * (1 + 1e-9)
        digits = f"{tick.value:.6e}".partition("e")[0].rstrip("0")
        assert len(digits) <= 5, "a round value has few digits"
    assert len({tick.text for tick in scale.ticks}) == len(scale.ticks)


def test_each_nine_takes_the_same_room() -> None:
    scale = nines(99.9, 0.0, 600.0)

    assert [scale.at(p) for p in (0, 90, 99, 99.9)] == pytest.approx([0, 200, 400, 600])
    assert [tick.text for tick in legible(scale, 6.0)] == [
        "p0",
        "p50",
        "p90",
        "p95",
        "p99",
        "p99.5",
        "p99.9",
    ]


coordinates = st.floats(0, 400)


@given(
    labels=st.lists(
        st.builds(Label, st.text("ml.c5", min_size=1, max_size=14), coordinates, coordinates),
        max_size=30,
    )
)
def test_placed_labels_meet_neither_each_other_nor_points(labels: list[Label]) -> None:
    frame = Box(0, 0, 400, 400)
    boxes = [box for box in place(labels, frame) if box is not None]

    for i, box in enumerate(boxes):
        assert frame.holds(box)
        assert not any(box.meets(other) for other in boxes[:i])
        assert not any(box.left < p.x < box.right and box.top < p.y < box.bottom for p in labels)


def test_a_lonely_label_is_always_placed() -> None:
    assert None not in place([Label("ml.c5.large", x, 200) for x in (0, 400)], Box(0, 0, 400, 400))


def boxes_of_texts(svg: str) -> list[tuple[str, Box]]:
    """Where the texts of a drawing lie, by a generous width of letters."""
    found = []

    def walk(element: ET.Element, anchor: str) -> None:
        anchor = element.get("text-anchor", anchor)
        if element.tag.endswith("}text") and element.text:
            x, y = float(element.get("x", 0)), float(element.get("y", 0))
            width = 6.0 * len(element.text)
            left = x - {"start": 0, "middle": width / 2, "end": width}[anchor]
            found.append((element.text, Box(left, y - 9, left + width, y + 2)))
        for child in element:
            walk(child, anchor)

    walk(ET.fromstring(svg), "start")  # noqa: S314 - ours
    return found


def assert_readable(figure: Figure) -> None:
    assert figure.svg, figure.missing
    texts = boxes_of_texts(figure.svg)
    for i, (one, box) in enumerate(texts):
        assert Box(-2, 0, WIDTH + 2, HEIGHT + 2).holds(box), one
        for other, taken in texts[:i]:
            assert not box.meets(taken), (one, other)


def point_of(name: str, load_rate: float, p50_ms: float, *, users: int = 0) -> PointSummary:
    load = closed_load(users) if users else open_load(rate=load_rate)
    samples = simulate(load, Queue(1, p50_ms / 1000), seed=users)
    point = summarised(name, "ml.c5.large", load, samples)
    return point.model_copy(update={"offered_per_s": load_rate, "throughput_per_s": load_rate})


POINTS = [point_of(f"p{i}", 3.0 + 0.9 * i, 30) for i in range(30)]
CLOSED = [point_of(f"c{i}", 30.0, 10, users=i) for i in range(1, 31)]


@pytest.mark.parametrize("n", [2, 3, 7, 30])
def test_texts_of_load_charts_never_collide(n: int) -> None:
    search = build_search("ml.c5.large", 3.0 + 0.5 * n, 3.2 + 0.5 * n)
    for points in (POINTS[:n], CLOSED[:n]):
        [group] = groups_of(points)
        assert_readable(latency_by_throughput("k", group, OBJECTIVES, search))
    assert_readable(latency_by_concurrency("k", group))
    assert_readable(offered_and_achieved("k", POINTS[:n]))


@pytest.mark.parametrize("n", [2, 5, 12, 30])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_texts_of_cost_charts_never_collide(n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = [
        cost_row(
            f"ml.c5.{i}xlarge",
            p95_ms=float(random.lognormal(4, 1)),
            usd_per_million=float(random.lognormal(0, 1)),
            breakeven_requests_per_month=float(10 ** random.uniform(5, 9)),
        )
        for i in range(n)
    ]
    volumes = [1e5, 1e7, 1e9]
    monthly = [
        MonthlyCost(
            instance=row.instance,
            requests_per_month=volumes,
            usd_per_month=[float(c) for c in np.sort(random.lognormal(5, 2, 3))],
        )
        for row in rows[:8]
    ]

    pareto = cost_by_latency("k", rows, "n = 1")

    assert_readable(pareto)
    placed = sum(name.startswith("ml.c5.") for name, _ in boxes_of_texts(pareto.svg))
    left_out = n - placed
    assert (f"{left_out} crowded points" in pareto.caption) == (left_out > 0)
    assert_readable(cost_by_volume("k", monthly, rows, "n = 1"))


@given(points=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1))
def test_the_frontier_is_what_no_other_point_beats(points: list[tuple[int, int]]) -> None:
    best = frontier([(float(x), float(y)) for x, y in points])

    beaten = {
        (x, y) for x, y in points for a, b in points if (a <= x and b <= y) and (a, b) != (x, y)
    }
    assert set(best) == set(points) - beaten


def test_a_break_even_is_marked_on_its_own_curve() -> None:
    curve = MonthlyCost(instance="a", requests_per_month=[1e6, 1e8], usd_per_month=[100, 300])
    row = cost_row("a", breakeven_requests_per_month=50.5e6)

    figure = cost_by_volume("k", [curve], [row], "n = 1")

    assert "break-even at 50.5M requests a month, $200.00" in figure.svg
    assert "50.5M" in figure.caption
    assert cost_by_volume("k", [], [row], "n = 1").missing


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ([100, 200, 300], "The lines of a and b coincide."),
        ([900, 200, 300], "The lines of a and b coincide from 10M requests a month on."),
        ([100, 900, 300], "The lines of a and b coincide at most volumes."),
        ([100, 900, 900], None),
    ],
)
def test_lines_that_hide_each_other_are_named(costs: list[float], said: str | None) -> None:
    curves = [
        MonthlyCost(instance=name, requests_per_month=[1e6, 1e7, 1e8], usd_per_month=usd)
        for name, usd in (("a", [100.0, 200.0, 300.0]), ("b", costs))
    ]

    caption = cost_by_volume("k", curves, [], "n = 1").caption

    assert said in caption if said else "coincide" not in caption


def handmade(requests: list[tuple[float, float, float]], failed: tuple[int, ...] = ()) -> Samples:
    """Samples of (due, sent, ended) in seconds; None of sent and ended is NEVER."""
    samples = np.zeros(len(requests), SAMPLE)
    for name, column in (("intended_ns", 0), ("sent_ns", 1), ("ended_ns", 2)):
        samples[name] = [round(1e9 * r[column]) if r[column] >= 0 else NEVER for r in requests]
    samples["outcome"][list(failed)] = Outcome.TIMEOUT
    return samples


def test_a_stall_of_one_request_among_many_still_shows() -> None:
    requests = [(i / 1000, i / 1000, i / 1000 + 0.01) for i in range(35_000)]
    requests[20_000] = (20.0, 20.0, 21.0)
    load = open_load("constant", rate=1000)

    buckets = over_time(handmade(requests, failed=(7, 30_000, 30_001)), load, most=60)

    assert len(buckets) <= 60
    assert sum(b.errors for b in buckets) == 3
    slow = [b for b in buckets if b.max_ms is not None and b.max_ms > 500]
    assert [(b.begin_s <= 20 < b.end_s, b.max_ms, b.p50_ms) for b in slow] == [(True, 1000.0, 10.0)]
    figure = course("k", summarised("p", "url", load, handmade(requests)), handmade(requests))
    assert "Slowest 1,000 ms" in figure.svg


moments = st.floats(0, 9.9)


@given(spans=st.lists(st.tuples(moments, moments, moments), min_size=1, max_size=25))
def test_peaks_are_those_of_counting_at_every_moment(
    spans: list[tuple[float, float, float]],
) -> None:
    requests = sorted((*sorted(round(t, 3) for t in span),) for span in spans)
    assume(all(len(r) == 3 for r in requests))
    load = open_load(rate=1, warmup_s=0, duration_s=10)

    buckets = over_time(handmade([(r[0], r[1], r[2]) for r in requests]), load, most=10)

    assert len(buckets) == 10
    for b in buckets:
        at = [b.begin_s, *(t for r in requests for t in r if b.begin_s <= t < b.end_s)]
        assert b.in_flight == max(sum(s <= t < e for _, s, e in requests) for t in at)
        assert b.waiting == max(sum(d <= t < s for d, s, _ in requests) for t in at)


def test_requests_that_were_never_sent_or_never_ended_do_no_harm() -> None:
    samples = handmade([(6, -1, -1), (7, 7, -1), *[(8, 8, 8.1)] * 30], failed=(0, 1))
    load = open_load(rate=1)

    buckets = over_time(samples, load, most=60)

    assert sum(b.errors for b in buckets) == 2
    assert max(b.in_flight for b in buckets) == 30
    assert percentile_curves(samples, load).n == 30


@pytest.mark.parametrize("n", [1, 2, 20, 999, 1000, 12_345])
def test_percentile_curves_are_nearest_ranks(n: int) -> None:
    random = np.random.default_rng(n)
    waits = random.lognormal(0, 1, n)
    times = np.sort(random.uniform(5, 35, n))
    samples = handmade([(t, t + w, t + w + 0.01) for t, w in zip(times, waits, strict=True)])

    curves = percentile_curves(samples, open_load(rate=1))

    response = (samples["ended_ns"] - samples["intended_ns"]) / 1e6
    assert curves.n == n
    assert curves.response_ms[-1] == response.max()
    assert curves.percentiles == sorted(curves.percentiles)
    assert len(curves.percentiles) < 150
    for p, value in list(zip(curves.percentiles, curves.response_ms, strict=True))[:-1]:
        assert value == np.quantile(response, p / 100 - 1e-12, method="inverted_cdf")
    assert curves.service_ms[-1] == pytest.approx(10, abs=0.001)


def test_a_freeze_shows_in_the_response_but_hardly_in_the_service_time() -> None:
    """What only response time tells: the queue before a few connections (coordinated omission)."""
    load = open_load("constant", rate=100, max_in_flight=2)
    samples = simulate(load, Queue(2, 0.01), freeze_s=1.0)
    point = summarised("p", "url", load, samples)

    curves = percentile_curves(samples, load)
    at = next(i for i, p in enumerate(curves.percentiles) if p >= 98)

    assert curves.response_ms[at] > 400
    assert curves.service_ms[at] < 40
    assert "coordinated omission" in percentiles("k", point, samples).caption


def test_a_closed_loop_is_said_to_hide_stalls() -> None:
    load = closed_load(4)
    samples = simulate(load, Queue(1, 0.01))
    point = summarised("p", "url", load, samples)

    figure = percentiles("k", point, samples)

    assert "hidden" in figure.caption
    assert "service time" not in figure.svg


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (math.inf, "–"),
        (0, "0"),
        (0.01234, "0.0123"),
        (12.3, "12.3"),
        (12345.6, "12,346"),
    ],
)
def test_numbers_keep_three_digits(value: float | None, shown: str) -> None:
    assert text.number(value) == shown


def test_amounts_money_and_shares_in_words() -> None:
    assert [text.amount(v) for v in (57.0, 1234, 33_845_455, 2e9)] == ["57", "1,234", "33.8M", "2B"]
    assert [text.usd(v) for v in (None, 0.0123, 1234.5)] == ["–", "$0.0123", "$1,234.50"]
    assert [percent(v) for v in (0, 0.0001, 0.1234)] == ["0.0 %", "<0.1 %", "12.3 %"]
    assert visible("a\u202eb\x00\ud800é") == "a\\u202eb\\x00\\ud800é"


def test_the_points_of_a_search_are_not_joined() -> None:
    case = build_case(instances=("ml.c5.large",), users=(1,), repeats=1)
    points = [p for p in case.summary.points if p.load.model == "poisson"]
    points += [
        p.model_copy(
            update={
                "id": f"{p.id}-again",
                "load": p.load.model_copy(update={"rate_per_s": 2 * (p.load.rate_per_s or 1)}),
            }
        )
        for p in points
    ]
    [group] = groups_of(points)

    searched = latency_by_throughput("k", group, [], build_search("ml.c5.large", 10.0, 20.0))
    swept = latency_by_throughput("k", group, [], None)

    assert 'class="s0 line"' in swept.svg
    assert 'class="s0 line"' not in searched.svg
    assert "join" not in searched.caption
