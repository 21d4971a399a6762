"""From measured points to cost rows and monthly curves, and `newsclf cost` on a run folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsclf.common.errors import ConfigError, StateError
from newsclf.costs.formulas import CostRow, MonthlyCost, RequestPath
from newsclf.costs.prices import PriceBook, load_prices
from newsclf.loadtest.analysis.costs import CostBasis, RunCosts
from newsclf.loadtest.listing import latest_run
from newsclf.loadtest.store.records import PointSummary, Search, Summary
from tests.conftest import Cli
from tests.support.runs import point, search, summary

DIRECT = RequestPath(api="none", data_bytes=0)
COSTS = [name for name in CostRow.model_fields if "usd" in name or "breakeven" in name]


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return load_prices()


def rows(
    points: list[PointSummary],
    book: PriceBook,
    searches: list[Search] | None = None,
    **basis: object,
) -> list[CostRow]:
    given = {"region": "us-east-1", "path": DIRECT} | basis
    return RunCosts(points, searches or [], book, CostBasis(**given)).rows()  # type: ignore[arg-type]


def test_the_highest_closed_loop_gives_the_recommenders_figures(book: PriceBook) -> None:
    points = [
        point(concurrency=1, throughput_per_s=8, mean_ms=125),
        point(concurrency=8, throughput_per_s=10.8, mean_ms=740),
        point(concurrency=16, throughput_per_s=10.5, mean_ms=1523),
        point(concurrency=None, throughput_per_s=50),
    ]

    (row,) = rows(points, book)

    assert (row.instance, row.status, row.count, row.usd_per_hour) == (
        "ml.c5.xlarge",
        "OK",
        1,
        0.204,
    )
    assert row.max_invocations_per_minute == pytest.approx(648)
    assert row.usd_per_million == pytest.approx(5.2469, abs=1e-4)  # the Recommender's own sample
    assert row.model_latency_ms == row.p50_ms == pytest.approx(0.9 * 740)
    assert row.usd_per_million_at_utilisation == pytest.approx(2 * 5.2469, abs=2e-4)
    assert row.total_usd_per_million == row.usd_per_million_at_utilisation
    assert (row.path_usd_per_million, row.usd_per_million_at_slo) == (0, None)
    assert (row.price_date, row.price_region, row.priced_as) == ("2026-09-22", "us-east-1", None)


def test_of_repeats_the_median_counts(book: PriceBook) -> None:
    points = [
        point(throughput_per_s=rate, repeat=i) for i, rate in enumerate((90, 140, 100), start=1)
    ]

    (row,) = rows(points, book)

    assert row.max_invocations_per_minute == pytest.approx(6000)


def test_the_objectives_rate_is_what_the_honest_figures_are_for(book: PriceBook) -> None:
    slow, fast = (
        point(throughput_per_s=100),
        point(concurrency=None, throughput_per_s=40, mean_ms=20),
    )
    found = search(fast, instance="ml.c5.xlarge", low=40)

    (row,) = rows([slow, fast], book, [found], path=RequestPath(data_bytes=0))

    assert (row.slo_rate_low_per_s, row.slo_rate_high_per_s) == (40, 80)
    assert row.usd_per_million == pytest.approx(0.5667, abs=1e-4)
    assert row.usd_per_million_at_slo == pytest.approx(0.5667 * 100 / 40, abs=1e-3)
    assert row.usd_per_million_at_utilisation == pytest.approx(2 * 0.5667 * 100 / 40, abs=1e-3)
    # The Lambda waits as long as an answer takes at that rate: 20 ms.
    assert row.path_usd_per_million == pytest.approx(
        1 + 0.2 + 0.256 * 0.02 * 16.6667 / 1.024, abs=1e-3
    )
    assert row.total_usd_per_million == pytest.approx(
        (row.usd_per_million_at_utilisation or 0) + (row.path_usd_per_million or 0)
    )


def test_an_objectives_rate_above_every_closed_loop_is_the_maximum(book: PriceBook) -> None:
    held = point(concurrency=None, throughput_per_s=250, mean_ms=20)
    unstable = point(concurrency=16, throughput_per_s=330, verdict="UNSTABLE")

    (row,) = rows(
        [point(throughput_per_s=100), unstable, held],
        book,
        [search(held, instance="ml.c5.xlarge", low=250)],
    )

    assert row.max_invocations_per_minute == pytest.approx(60 * 250)
    assert row.usd_per_million == row.usd_per_million_at_slo
    assert row.p50_ms == pytest.approx(0.9 * 20)


def test_what_fails_is_paid_for_on_the_path_too(book: PriceBook) -> None:
    path = RequestPath(data_bytes=0)
    (all_good,) = rows([point()], book, path=path)
    (some_failed,) = rows([point(error_fraction=0.01)], book, path=path)

    assert all_good.path_usd_per_million is not None
    assert some_failed.path_usd_per_million == pytest.approx(all_good.path_usd_per_million / 0.99)


def test_an_objective_that_no_rate_met_has_no_honest_figures(book: PriceBook) -> None:
    (row,) = rows([point()], book, [search(None, instance="ml.c5.xlarge", low=None)])

    assert row.usd_per_million is not None
    assert row.slo_rate_low_per_s is None
    assert row.usd_per_million_at_slo is None
    assert row.usd_per_million_at_utilisation is None
    assert row.total_usd_per_million is None
    assert row.breakeven_requests_per_month is None


@pytest.mark.parametrize("verdict", ["UNSTABLE", "CLIENT-LIMITED", "ERRORS"])
def test_a_point_that_is_not_ok_has_no_cost(book: PriceBook, verdict: str) -> None:
    bad = point(concurrency=64, throughput_per_s=1000, verdict=verdict)

    (alone,) = rows([bad], book)
    (beside,) = rows([bad, point(throughput_per_s=100)], book)

    assert alone.status == verdict
    assert all(getattr(alone, name) is None for name in COSTS)
    assert alone.max_invocations_per_minute is None
    assert beside.max_invocations_per_minute == pytest.approx(6000)


@pytest.mark.parametrize(
    ("users", "throughput_per_s", "verdict", "status"),
    [
        (4, 140, "CLIENT-LIMITED", "OK, lower bound"),
        (16, 140, "UNSTABLE", "OK, lower bound"),
        (16, 90, "CLIENT-LIMITED", "OK, lower bound"),
        (16, 90, "UNSTABLE", "OK"),
        (16, 102, "UNSTABLE", "OK"),
        (None, 140, "CLIENT-LIMITED", "OK, lower bound"),
        (16, 140, "ERRORS", "OK"),
    ],
)
def test_a_faster_point_that_can_not_be_believed_makes_a_lower_bound(
    book: PriceBook, users: int | None, throughput_per_s: float, verdict: str, status: str
) -> None:
    other = point(concurrency=users, throughput_per_s=throughput_per_s, verdict=verdict)

    (row,) = rows([point(throughput_per_s=100), other], book)

    assert row.status == status
    assert row.usd_per_million is not None
    assert row.max_invocations_per_minute == pytest.approx(6000)


def test_what_a_search_found_too_fast_makes_no_lower_bound(book: PriceBook) -> None:
    held = point(concurrency=None, throughput_per_s=40)
    missed = point(concurrency=None, throughput_per_s=70, verdict="UNSTABLE", id="another")

    (row,) = rows([held, missed], book, [search(held, instance="ml.c5.xlarge", low=40)])

    assert row.status == "OK"


def test_several_instances_are_priced_apart_and_count_together(book: PriceBook) -> None:
    points = [point(instance="ml.c5.large"), point(instance="ml.c6g.large")]

    first, second = rows(points, book, count=3)

    assert first.usd_per_hour == pytest.approx(3 * 0.102)
    assert second.usd_per_hour == pytest.approx(3 * 0.0816)


def test_another_machine_is_priced_as_an_instance_and_says_so(book: PriceBook) -> None:
    (row,) = rows([point(instance="local:2")], book, price_as="ml.c5.large")
    (free,) = rows([point(instance="local:2")], book)

    assert (row.instance, row.priced_as, row.usd_per_hour) == ("local:2", "ml.c5.large", 0.102)
    assert all(getattr(free, name) is None for name in COSTS)
    assert free.max_invocations_per_minute == pytest.approx(6000)


def test_a_missing_price_is_an_error_not_zero(book: PriceBook) -> None:
    with pytest.raises(ConfigError, match=r"ml\.x9\.large"):
        rows([point(instance="ml.x9.large")], book)
    with pytest.raises(ConfigError, match=r"Lambda on x86_64 in ca-central-1"):
        rows([point()], book, region="ca-central-1", path=RequestPath(data_bytes=0))


def test_the_break_even_is_none_where_the_instance_can_not_carry_it(book: PriceBook) -> None:
    (strong,) = rows([point(throughput_per_s=200)], book)
    (weak,) = rows([point(throughput_per_s=100)], book)

    # 60 ms of 2 GB is USD 2.40 per million; one instance is USD 148.92 per month.
    assert strong.breakeven_requests_per_month == pytest.approx(62.05e6)
    assert weak.breakeven_requests_per_month is None


def test_break_even_and_months_agree(book: PriceBook) -> None:
    points = [
        point(instance="ml.c5.large", concurrency=1, throughput_per_s=10, mean_ms=100),
        point(instance="ml.c7g.xlarge", concurrency=1, throughput_per_s=500, mean_ms=20),
    ]
    basis = CostBasis(region="us-east-1", path=DIRECT)
    _, fast = rows(points, book)
    volume = fast.breakeven_requests_per_month
    assert volume is not None

    _, months, serverless = RunCosts(points, [], book, basis).months([0.99 * volume, 1.01 * volume])

    before, after = zip(months.usd_per_month, serverless.usd_per_month, strict=True)
    assert before[0] > before[1]
    assert after[0] < after[1]


def test_months_count_instances_path_and_the_alternatives(book: PriceBook) -> None:
    basis = CostBasis(region="us-east-1", path=RequestPath(data_bytes=0))

    instance, serverless, function = RunCosts([point()], [], book, basis).months([1e6, 1e8])

    assert instance.instances == [1, 3]
    assert instance.usd_per_month == pytest.approx([148.92 + 1.45, 3 * 148.92 + 145], rel=1e-6)
    assert serverless.usd_per_month == pytest.approx([2.4 + 1.45, 240 + 145], rel=1e-6)
    assert function.usd_per_month == pytest.approx([2.2 + 1, 220 + 100], rel=1e-4)


def test_answers_to_the_internet_are_paid_for_by_every_way_of_hosting(book: PriceBook) -> None:
    def months(data_bytes: int) -> list[MonthlyCost]:
        basis = CostBasis(region="us-east-1", path=RequestPath(data_bytes=data_bytes))
        return RunCosts([point()], [], book, basis).months([1e6])

    more = [
        after.usd_per_month[0] - before.usd_per_month[0]
        for before, after in zip(months(0), months(2**30), strict=True)
    ]

    internet, endpoint = 0.09e6, 0.016e6  # per GB of an answer, and of a request or an answer
    assert more == pytest.approx([internet + 2 * endpoint, internet + 2 * endpoint, internet])


def write(folder: Path, document: Summary) -> Path:
    folder.mkdir()
    (folder / "summary.json").write_text(document.model_dump_json(), encoding="utf-8")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    points = [
        point(instance="local:2", concurrency=1, throughput_per_s=30, mean_ms=33),
        point(instance="local:2", concurrency=8, throughput_per_s=100, mean_ms=80),
        point(concurrency=8, throughput_per_s=200, mean_ms=40),
    ]
    return write(tmp_path / "run", summary(points, price_as="ml.c5.large"))


def test_cost_shows_rows_months_and_where_prices_are_from(run: Path, newsclf: Cli) -> None:
    result = newsclf("cost", run, "--volume", "1e6,1e8,1e9")

    assert result.exit_code == 0, result.err
    assert "local:2 as ml.c5.large" in result.out
    assert "at 100 %" in result.out
    assert "never" in result.out
    cheapest = [line.split("  ")[0] for line in result.out.splitlines() if "*" in line][1:]
    assert cheapest, result.out
    assert "us-east-1, from AWS Price List" in result.err
    assert "without cold starts" in result.err


def test_cost_as_json_follows_its_options(run: Path, newsclf: Cli) -> None:
    plain = json.loads(newsclf("cost", run, "--json", "--volume", "1e6").out)
    other = json.loads(
        newsclf(
            "cost",
            run,
            "--json",
            "--volume",
            "1e6",
            "--ha",
            "--utilisation",
            ".2",
            "--memory",
            "512",
            "--api",
            "rest",
            "--price-as",
            "ml.c5.xlarge",
        ).out
    )

    assert plain["months"][0]["instances"] == [1]
    assert other["months"][0]["instances"] == [2]
    assert plain["costs"][0]["usd_per_hour"] == 0.102
    assert other["costs"][0]["usd_per_hour"] == 0.204
    assert other["costs"][0]["utilisation"] == 0.2
    path = other["costs"][0]["path_usd_per_million"] - plain["costs"][0]["path_usd_per_million"]
    assert path == pytest.approx(2.5 + 0.25 * 0.08 * 16.6667, rel=1e-3)


def test_all_instances_behind_an_endpoint_are_paid_for(tmp_path: Path, newsclf: Cli) -> None:
    run = write(tmp_path / "run", summary([point(throughput_per_s=300)], instance_count=3))

    found = json.loads(newsclf("cost", run, "--json", "--volume", "1e8").out)

    (row,) = found["costs"]
    assert (row["count"], row["usd_per_hour"]) == (3, pytest.approx(3 * 0.204))
    assert row["usd_per_million"] == pytest.approx(0.5667, abs=1e-4)  # as of one with 100 a second
    assert found["months"][0]["instances"] == [3]  # 38 a second, 115 at the peak, 50 on each


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["--volume", "many"], 2, "expected requests per month"),
        (["--volume", "1e6,-1"], 2, "expected requests per month"),
        (["--volume", "inf"], 2, "expected requests per month"),
        (["--utilisation", "0"], 2, "must be above 0"),
        (["--peak-factor", "inf"], 2, "must be a finite number"),
        (["--serverless-memory", "1500"], 2, "multiple of 1024"),
        (["--api", "soap"], 2, "'soap' is not one of"),
        (["--region", "ca-central-1"], 2, "no price is known for Lambda on x86_64 in ca-central-1"),
        (["--price-as", "ml.x9.large"], 2, "no price is known for ml.x9.large"),
        (["--prices", "none.toml"], 2, "no such price file"),
    ],
)
def test_cost_with_wrong_input(
    run: Path, newsclf: Cli, arguments: list[str], exit_code: int, said: str
) -> None:
    result = newsclf("cost", run, *arguments)

    assert result.exit_code == exit_code
    assert said in result.err
    assert result.out == ""


def test_cost_of_a_region_without_api_prices_can_leave_the_path_out(
    run: Path, newsclf: Cli
) -> None:
    result = newsclf(
        "cost", run, "--region", "ca-central-1", "--api", "none", "--data-bytes", "0", "--json"
    )

    assert result.exit_code == 0, result.err
    assert json.loads(result.out)["costs"][0]["usd_per_hour"] == 0.112


def test_cost_of_what_is_no_finished_run(tmp_path: Path, newsclf: Cli) -> None:
    missing = newsclf("cost", tmp_path / "none")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "summary.json").write_text('{"schema_version": 2}')
    other = newsclf("cost", broken)

    assert (missing.exit_code, other.exit_code) == (3, 3)
    assert "not the folder of a finished load test" in missing.err
    assert "schema_version" in other.err


def test_a_run_that_can_not_be_priced_says_why(tmp_path: Path, newsclf: Cli) -> None:
    local = newsclf("cost", write(tmp_path / "a", summary([point(instance="local:2")])))
    bad = newsclf("cost", write(tmp_path / "b", summary([point(verdict="UNSTABLE")])))
    empty = newsclf("cost", write(tmp_path / "c", summary([])))
    open_load = newsclf("cost", write(tmp_path / "e", summary([point(concurrency=None)])))
    limited = write(tmp_path / "d", summary([point(instance="local:2", verdict="CLIENT-LIMITED")]))
    given = newsclf("cost", limited, "--price-as", "ml.c5.large")

    assert given.exit_code == 2
    assert "--workers" in given.err
    assert "quiet machine" in given.err
    assert "--price-as" not in given.err
    assert local.exit_code == bad.exit_code == empty.exit_code == 2
    assert "--price-as" in local.err
    assert "ml.c5.xlarge (UNSTABLE)" in bad.err
    assert "no point has a verdict of OK" in bad.err
    assert "a longer --duration" in bad.err
    assert "nothing" in empty.err
    assert "the run found no rate that can be priced" in open_load.err
    assert "--concurrency or --slo" in open_load.err


def test_an_unfinished_run_is_not_the_latest_of_which_costs_are_known(tmp_path: Path) -> None:
    for name, files in (("1", ("run.json", "summary.json")), ("2", ("run.json",))):
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).touch()

    assert latest_run(tmp_path, finished=True).name == "1"
    assert latest_run(tmp_path).name == "2"
    (tmp_path / "1" / "summary.json").unlink()
    with pytest.raises(StateError, match="no finished load test yet"):
        latest_run(tmp_path, finished=True)
