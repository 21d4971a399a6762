"""Stop conditions: when each is met, and which of several counts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest

from newsclf.costs.prices import load_prices
from newsclf.deploy.client import Address
from newsclf.deploy.hosting import Hosting
from newsclf.loadtest.run import LoadtestRequest, usd_per_hour
from newsclf.loadtest.stop_conditions.condition import CANCEL, DRAIN, StopConditions
from newsclf.loadtest.stop_conditions.interrupt import Interrupt
from newsclf.loadtest.stop_conditions.limits import CostLimit, RequestLimit
from newsclf.loadtest.stop_conditions.unresponsive import Unresponsive
from newsclf.loadtest.subjects import Subject, Subjects


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """The time that was set."""
        return self.now_s


@pytest.mark.parametrize(
    ("each_second", "unresponsive_after_s"),
    [
        ([(0, 10)] * 20, 5),
        ([(9, 0)] * 5 + [(0, 10)] * 20, 10),
        ([(0, 5)] * 20, 9),  # 50 requests take so long
        ([(1, 99)] * 20, None),  # overloaded, but not unresponsive
        ([(0, 99)] * 4 + [(1, 0)] + [(0, 99)] * 4, None),
        ([(0, 0)] * 20, None),  # they are under way
    ],
)
def test_unresponsive_is_many_failures_in_a_row_for_a_while(
    each_second: list[tuple[int, int]], unresponsive_after_s: int | None
) -> None:
    clock = Clock()
    condition = Unresponsive(clock=clock)
    first = None
    for second, (ok, failed) in enumerate(each_second):
        clock.now_s = second
        condition.observe(ok, failed)
        if first is None and condition.reason():
            first = second

    assert first == unresponsive_after_s


def test_a_limit_that_is_reached_is_named_with_its_option() -> None:
    clock = Clock()
    requests = RequestLimit(10, sent=9)
    cost = CostLimit(0.5, usd_per_hour=1.0, began_s=0.0, clock=clock)
    assert (requests.reason(), requests.left, cost.reason()) == (None, 1, None)

    requests.sent += 1
    clock.now_s = 1800
    assert (requests.option, requests.reason()) == (
        "--max-requests",
        "--max-requests 10 was reached",
    )
    assert (cost.option, cost.reason()) == ("--max-cost", "--max-cost 0.5 was reached")


def test_what_earlier_parts_of_a_run_cost_counts() -> None:
    clock = Clock()
    cost = CostLimit(0.5, usd_per_hour=1.0, spent_usd=0.4, began_s=0.0, clock=clock)
    assert cost.reason() is None

    clock.now_s = 360

    assert cost.reason() == "--max-cost 0.5 was reached"


@pytest.mark.parametrize(
    ("hosting", "usd"),
    [
        (Hosting(kind="sagemaker", instance="ml.c5.9xlarge", usd_per_hour=1.836), 1.836),
        (Hosting(kind="url", instance="url"), 0.102),
    ],
)
def test_the_cost_of_a_run_is_what_is_billed_and_only_else_what_it_is_priced_as(
    hosting: Hosting, usd: float
) -> None:
    address = Address("http://127.0.0.1:1", "endpoint")
    subject = Subject(
        hosting=hosting, identity="", model_digest=None, open=lambda: nullcontext(address)
    )
    request = LoadtestRequest(
        subjects=Subjects([subject]),
        loads=[],
        prices=load_prices(),
        price_as="ml.c5.large",
        runs=Path("runs"),
    )

    assert usd_per_hour(request) == usd


def test_without_limits_nothing_stops() -> None:
    requests = RequestLimit(None, sent=5)

    assert requests.left is None
    assert StopConditions(requests, CostLimit(None, 9.0), Interrupt()).met() is None


def test_the_first_condition_that_is_met_counts_and_the_most_urgent_decides() -> None:
    requests, interrupt = RequestLimit(1), Interrupt()
    stop = StopConditions(requests) | interrupt
    assert (stop.met(), stop.urgency()) == (None, 0)

    requests.sent = 1
    assert stop.urgency() == DRAIN
    interrupt.asked = 2
    assert stop.met() is requests
    assert stop.urgency() == CANCEL


def test_a_load_test_may_run_in_a_thread_which_hears_no_signals() -> None:
    def run() -> bool:
        with Interrupt().on_signals():
            return True

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(run).result()
