"""Plans of capacity from frontiers and load tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from newsclf.common.errors import CheckFailedError, StateError
from newsclf.common.records import write_record
from newsclf.costs.formulas import RequestPath
from newsclf.costs.prices import load_prices
from newsclf.frontier.capacity import CapacityRequest, plan_capacity
from newsclf.frontier.records import Frontier
from newsclf.loadtest.store.records import Objective, Probe, Search, Summary
from tests.support.frontier_builders import build_frontier, build_row, build_speed
from tests.support.loadtest_builders import (
    Queue,
    build_run,
    closed_load,
    open_load,
    simulate,
    summarised,
)

P95 = Objective(percentile=95, limit_ms=200)


def request(tmp_path: Path, rate: float, *, runs: list[Path] | None = None, **changes: Any) -> Any:
    fields: dict[str, Any] = {
        "rate_per_s": rate,
        "objectives": [P95],
        "runs": runs or [],
        "frontiers": [tmp_path / "frontier"],
        "prices": load_prices(),
        "path": RequestPath(api="none", data_bytes=0),
    }
    return CapacityRequest(**fields | changes)


def keep_frontier(tmp_path: Path, found: Frontier) -> None:
    (tmp_path / "frontier").mkdir()
    write_record(tmp_path / "frontier" / "frontier.json", found)


def keep_run(tmp_path: Path, load: Any, instance: str = "local:1", **changes: Any) -> Path:
    point = summarised("point", instance, load, simulate(load, Queue(1, 0.004)))
    assert point.verdict == "OK"
    fields = {"objectives": [], "kind": "local", "price_as": "ml.c5.large"}
    searches = changes.pop("searches", [])
    run = build_run([load], **fields | changes)
    folder = tmp_path / f"run-{load.model}"
    folder.mkdir(parents=True)
    write_record(
        folder / "summary.json", Summary(run=run, points=[point], searches=searches, costs=[])
    )
    return folder


def test_the_cheapest_model_that_is_good_enough_and_as_many_instances_as_it_takes(
    tmp_path: Path,
) -> None:
    models = [
        build_row("mpnet", 0.96, 50),
        build_row("mini", 0.95, 300, at_most=0.015),
        build_row("tiny", 0.90, 900, at_most=0.08),
    ]
    keep_frontier(tmp_path, build_frontier(models))
    plan = plan_capacity(request(tmp_path, 400))
    best, second = plan.best, plan.runner_up
    assert best is not None
    assert second is not None
    # A core carried 150/s within the objective, so an ml.c5.xlarge with four vCPUs 600/s.
    assert (best.model, best.instance, best.rate_per_instance_s) == ("mini", "ml.c5.xlarge", 600)
    assert best.region == plan.region == "us-east-1"
    assert best.instances == 1  # as dear as two of half the size, and simpler
    assert best.usd_per_month == pytest.approx(0.204 * 730)
    assert "measured on Example CPU, 2 cores, not on ml.c5.xlarge" in best.notes
    large = next(o for o in plan.options if (o.model, o.instance) == ("mini", "ml.c5.large"))
    assert (large.instances, large.usd_per_month) == (2, best.usd_per_month)
    assert any("2 instances are assumed" in note for note in large.notes)
    assert second.model == "mpnet"
    tiny = next(each for each in plan.options if each.model == "tiny")
    assert tiny.not_recommended is not None
    assert "2 points worse than mpnet" in tiny.not_recommended
    assert tiny.usd_per_month < best.usd_per_month


def test_an_open_load_within_the_objective_is_evidence_and_a_closed_loop_is_not(
    tmp_path: Path,
) -> None:
    opened = keep_run(tmp_path, open_load(rate=60.0, duration_s=60.0, max_in_flight=256))
    closed = keep_run(tmp_path, closed_load(2))
    plan = plan_capacity(request(tmp_path, 50, runs=[opened, closed]))
    assert plan.best is not None
    assert plan.best.rate_per_instance_s == pytest.approx(60, rel=0.1)
    assert "measured on Example CPU @ 2.50GHz (local:1), not on ml.c5.large" in plan.best.notes
    assert plan.runner_up is None
    assert plan.unusable == [
        "local:1 in run-closed: no open load was OK, and a closed loop hides stalls"
    ]


def test_a_search_for_the_same_or_a_stricter_objective_counts(tmp_path: Path) -> None:
    probe = Probe(rate_per_s=120, requests=900, misses=3, passed=True, reason="", point="point")
    found = Search(
        objectives=[Objective(percentile=99, limit_ms=150)],
        instance="local:1",
        low_per_s=120,
        high_per_s=140,
        confirmed=True,
        note="",
        probes=[probe],
    )
    run = keep_run(tmp_path, closed_load(2), searches=[found])
    plan = plan_capacity(request(tmp_path, 100, runs=[run]))
    assert plan.best is not None
    assert (plan.best.rate_per_instance_s, plan.best.instances) == (120, 1)
    with pytest.raises(CheckFailedError, match="another objective"):
        plan_capacity(
            request(tmp_path, 100, runs=[run], objectives=[Objective(percentile=95, limit_ms=50)])
        )


def test_what_misses_the_objective_or_has_no_price_is_said(tmp_path: Path) -> None:
    opened = keep_run(
        tmp_path,
        open_load(rate=60.0, duration_s=60.0, max_in_flight=256),
        price_as=None,
    )
    with pytest.raises(CheckFailedError, match="it has no price"):
        plan_capacity(request(tmp_path, 50, runs=[opened]))
    strict = [Objective(percentile=95, limit_ms=1)]
    with pytest.raises(CheckFailedError, match="which is not within 1 ms"):
        plan_capacity(
            request(tmp_path, 50, runs=[opened], objectives=strict, price_as="ml.c5.large")
        )
    with pytest.raises(StateError, match="nothing was measured yet"):
        plan_capacity(request(tmp_path, 50))


def with_doubt(tmp_path: Path, doubt: str) -> Any:
    """A request about a model whose speed is in doubt."""
    row = build_row("mini", 0.95, 300)
    row = row.model_copy(update={"speed": build_speed(300, doubts=[doubt])})
    keep_frontier(tmp_path, build_frontier([row]))
    return request(tmp_path, 50)


def test_an_open_load_that_failed_is_no_evidence(tmp_path: Path) -> None:
    asked = with_doubt(tmp_path, "open load: in 3 of 3 rounds too many requests failed")

    with pytest.raises(CheckFailedError, match="too many requests failed"):
        plan_capacity(asked)


def test_a_doubt_about_the_open_load_is_noted(tmp_path: Path) -> None:
    doubt = "open load: in 1 of 3 rounds no steady state was reached"

    best = plan_capacity(with_doubt(tmp_path, doubt)).best

    assert best is not None
    assert doubt in best.notes


def test_requests_that_failed_miss_the_objective(tmp_path: Path) -> None:
    """Percentiles are of good answers: of 0.95 % failures p99 says nothing, p95 still does."""
    run = keep_run(tmp_path, open_load(rate=60.0, duration_s=60.0, max_in_flight=256))
    summary = Summary.model_validate_json((run / "summary.json").read_text(encoding="utf-8"))
    failing = summary.points[0].model_copy(update={"error_fraction": 0.0095})
    write_record(run / "summary.json", summary.model_copy(update={"points": [failing]}))
    p99 = Objective(percentile=99, limit_ms=1000)

    with pytest.raises(CheckFailedError, match=r"0\.9 % of the requests failed, too many"):
        plan_capacity(request(tmp_path, 50, runs=[run], objectives=[p99]))
    assert plan_capacity(request(tmp_path, 50, runs=[run])).best is not None


def test_requests_of_a_frontier_that_failed_miss_the_objective(tmp_path: Path) -> None:
    row = build_row("mini", 0.95, 300)
    row = row.model_copy(update={"speed": build_speed(300, failed_fraction=0.0095)})
    keep_frontier(tmp_path, build_frontier([row]))
    p99 = Objective(percentile=99, limit_ms=1000)

    with pytest.raises(CheckFailedError, match=r"0\.9 % of the requests failed, too many"):
        plan_capacity(request(tmp_path, 50, objectives=[p99]))
    assert plan_capacity(request(tmp_path, 50)).best is not None


def test_a_second_test_of_the_same_is_no_runner_up(tmp_path: Path) -> None:
    load = open_load(rate=60.0, duration_s=60.0, max_in_flight=256)
    runs = [keep_run(tmp_path / name, load) for name in ("first", "second")]

    plan = plan_capacity(request(tmp_path, 50, runs=runs))

    assert plan.best is not None
    assert plan.runner_up is None


def test_a_damaged_run_among_others_is_named_and_left_out(tmp_path: Path) -> None:
    good = keep_run(tmp_path, open_load(rate=60.0, duration_s=60.0, max_in_flight=256))
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "summary.json").write_text("{}", encoding="utf-8")

    plan = plan_capacity(request(tmp_path, 50, runs=[good, damaged]))

    assert plan.best is not None
    assert any("damaged" in each for each in plan.unusable)
    with pytest.raises(StateError, match="damaged"):
        plan_capacity(request(tmp_path, 50, runs=[damaged]))
