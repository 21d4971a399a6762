"""What an inference costs: AWS's published samples, the worked numbers, and what holds always."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.common.errors import ConfigError
from newsclf.costs.formulas import (
    HOURS_PER_MONTH,
    RequestPath,
    breakeven_requests_per_month,
    capacity_per_month,
    instances_needed,
    lambda_usd,
    path_prices,
    path_usd,
    serverless_usd_per_request,
    usd_per_inference,
    usd_per_million,
)
from newsclf.costs.prices import PriceBook, load_prices

REGION = "us-east-1"


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return load_prices()


@pytest.mark.parametrize(
    ("usd_per_hour", "max_invocations", "published"),
    [
        (0.204, 648, 5.2469e-6),  # SageMaker's documentation, ml.c5.xlarge
        (0.69, 1113, 1.03324e-5),  # the same, load test on three instances
        (0.736, 1645, 7.45694e-6),  # unit tests of AWS's SageMaker SDK
    ],
)
def test_the_formula_is_that_of_the_inference_recommender(
    usd_per_hour: float, max_invocations: int, published: float
) -> None:
    assert usd_per_inference(usd_per_hour, max_invocations) == pytest.approx(published, abs=1e-9)
    assert usd_per_inference(usd_per_hour, max_invocations) == pytest.approx(published, rel=1e-5)


@pytest.mark.parametrize(("utilisation", "usd"), [(1.0, 0.567), (0.5, 1.133), (0.2, 2.833)])
def test_idle_time_is_paid_for(utilisation: float, usd: float) -> None:
    assert usd_per_million(0.204, 100, utilisation=utilisation) == pytest.approx(usd, abs=5e-4)


def test_a_lambda_before_the_endpoint_costs_more_than_the_endpoint(book: PriceBook) -> None:
    path = RequestPath(api="http", memory_mb=128, data_bytes=0)
    prices = path_prices(book, REGION, path)
    assert prices.function is not None

    assert lambda_usd(1e6, 50, 128, prices.function) == pytest.approx(0.304, abs=5e-4)
    assert path_usd(1e6, 50, path, prices) == pytest.approx(1.304, abs=5e-4)


def test_time_is_billed_in_whole_milliseconds(book: PriceBook) -> None:
    function = book.lambda_price(REGION, "x86_64")

    assert lambda_usd(1e6, 49.01, 128, function) == lambda_usd(1e6, 50, 128, function)
    assert lambda_usd(1e6, 50.01, 128, function) > lambda_usd(1e6, 50, 128, function)


@pytest.mark.parametrize(
    ("api", "requests", "usd"),
    [
        ("http", 300e6, 300),
        ("http", 400e6, 300 + 90),
        ("rest", 333e6, 1165.5),
        ("rest", 1e9, 1165.5 + 667 * 2.8),
        ("rest", 21e9, 1165.5 + 667 * 2.8 + 19_000 * 2.38 + 1000 * 1.51),
        ("none", 1e9, 0),
    ],
)
def test_each_part_of_a_volume_has_the_price_of_its_tier(
    book: PriceBook, api: str, requests: float, usd: float
) -> None:
    path = RequestPath(api=api, data_bytes=0)  # type: ignore[arg-type]
    prices = path_prices(book, REGION, path)
    alone = lambda_usd(requests, 10, path.memory_mb, prices.function) if prices.function else 0

    assert path_usd(requests, 10, path, prices) - alone == pytest.approx(usd)


def test_bytes_are_paid_into_and_out_of_the_endpoint_and_out_of_the_region(book: PriceBook) -> None:
    path = RequestPath(api="none", data_bytes=2**30)

    usd = path_usd(1, 10, path, path_prices(book, REGION, path))

    assert usd == pytest.approx(2 * 0.016 + 0.09)


def test_break_even_with_paying_by_the_request(book: PriceBook) -> None:
    serverless = serverless_usd_per_request(
        60, 2048, book.serverless_price(REGION).usd_per_gb_second
    )
    function = lambda_usd(1e6, 60, 2048, book.lambda_price(REGION, "x86_64")) / 1e6

    assert serverless * 1e6 == pytest.approx(2.40)
    assert breakeven_requests_per_month(0.204, serverless) == pytest.approx(62.05e6, rel=1e-9)
    assert breakeven_requests_per_month(0.204, function) == pytest.approx(67.69e6, rel=1e-4)
    assert breakeven_requests_per_month(0.204, serverless, minimum=2) == pytest.approx(124.1e6)


@pytest.mark.parametrize(("volume", "instances"), [(0.3, 3), (0.301, 4), (0.0, 1)])
def test_rounding_needs_no_further_instance(volume: float, instances: int) -> None:
    assert instances_needed(volume, 0.1) == instances


@given(
    usd_per_hour=st.floats(0.05, 5),
    rate_per_s=st.floats(1, 1000),
    per_request=st.floats(1e-7, 1e-4),
    minimum=st.integers(1, 3),
)
def test_before_the_break_even_and_never_after_it_requests_are_cheaper(
    usd_per_hour: float, rate_per_s: float, per_request: float, minimum: int
) -> None:
    capacity = capacity_per_month(rate_per_s, headroom=0.5, peak_factor=3)

    def instances(volume: float) -> float:
        needed = instances_needed(volume, capacity, minimum=minimum)
        return needed * usd_per_hour * HOURS_PER_MONTH

    breakeven = breakeven_requests_per_month(
        usd_per_hour, per_request, minimum=minimum, capacity=capacity
    )

    if breakeven is None:
        volumes = [minimum * capacity * factor for factor in (0.5, 1, 2, 7, 1000)]
        assert all(instances(volume) >= volume * per_request * (1 - 1e-9) for volume in volumes)
    else:
        below = 0.999 * breakeven
        assert instances(below) > below * per_request
        assert instances(breakeven) <= breakeven * per_request * (1 + 1e-9)


@pytest.mark.parametrize(
    ("volume", "minimum", "needed"),
    [(1, 1, 1), (1, 2, 2), (43_800_000, 1, 1), (43_800_001, 1, 2), (438_000_000, 2, 10)],
)
def test_instances_are_needed_for_the_peak(volume: float, minimum: int, needed: int) -> None:
    capacity = capacity_per_month(100, headroom=0.5, peak_factor=3)

    assert capacity == pytest.approx(43.8e6)
    assert instances_needed(volume, capacity, minimum=minimum) == needed


@pytest.mark.parametrize(
    "path",
    [RequestPath(api="rest", data_bytes=0), RequestPath(architecture="arm64", data_bytes=0)],
)
def test_a_missing_price_of_the_path_is_an_error(book: PriceBook, path: RequestPath) -> None:
    with pytest.raises(ConfigError, match=r"no price is known for .* in eu-west-1") as caught:
        path_prices(book, "eu-west-1", path)

    assert caught.value.hint is not None
    assert "newsclf prices refresh --region eu-west-1" in caught.value.hint


def test_a_volume_beyond_the_known_tiers_is_an_error(book: PriceBook) -> None:
    path = RequestPath(data_bytes=0)
    prices = path_prices(book, "eu-west-1", path)

    assert path_usd(300e6, 50, path, prices) > 0
    with pytest.raises(ConfigError, match=r"API Gateway beyond 300,000,000 per month"):
        path_usd(301e6, 50, path, prices)


def test_a_path_without_prices_costs_nothing_only_where_there_is_nothing(book: PriceBook) -> None:
    path = RequestPath(api="none", data_bytes=0)

    assert path_usd(1e9, 50, path, path_prices(book, "nowhere", path)) == 0


def test_a_missing_price_of_data_names_what_each_command_has(book: PriceBook) -> None:
    with pytest.raises(ConfigError) as caught:
        book.data_price("ca-central-1", "endpoint")

    assert "--prices FILE adds a price" in (caught.value.hint or "")
    assert "newsclf cost --data-bytes 0" in (caught.value.hint or "")
