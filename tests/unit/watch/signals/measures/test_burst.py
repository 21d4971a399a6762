"""Tests of bursts: counts of new events against the same hour of the week."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom, norm, poisson

from newsclf.watch.signals.measures.burst import Burst, Bursts, HourlyCount, deviate
from tests.support.watch_builders import scored_row

HOUR_S = 3600.0
BAR_S = 600.0
MONDAY_S = 4 * 86400.0
"""The first Monday of 1970, 00:00 UTC."""
BARS_AN_HOUR = 6


def take_bar(bursts: Bursts, at_s: float) -> dict[str | None, Burst]:
    """The bursts of a bar, which is taken."""
    found = bursts.at(at_s)
    bursts.take(HourlyCount(at_s, {name: each.new_events for name, each in found.items()}))
    return found


def watched(
    bursts: Bursts, begin_s: float, hours: int, events_an_hour: int, number: int = 0
) -> int:
    """Let hours pass, with so many new events on Apple in each; returns the last event's number."""
    number = 0
    for hour in range(hours):
        for bar in range(BARS_AN_HOUR):
            at_s = begin_s + hour * HOUR_S + bar * BAR_S
            if bar == 0:
                for _ in range(events_an_hour):
                    number += 1
                    bursts.add(scored_row(number, at_s=at_s + 1, entities=("Apple",)))
            take_bar(bursts, at_s + BAR_S)
    return number


def test_more_events_than_usual_are_a_burst_and_as_many_are_none() -> None:
    bursts = Bursts(("Apple", "Nvidia"), bar_s=BAR_S)
    number = watched(bursts, MONDAY_S, 14 * 24, 2)
    end_s = MONDAY_S + 14 * 24 * HOUR_S

    usual = bursts.at(end_s)["Apple"]
    assert usual.new_events == 2
    assert usual.usual == pytest.approx(2, rel=0.2)
    assert usual.z == pytest.approx(0, abs=0.5)
    for _ in range(10):
        number += 1
        bursts.add(scored_row(number, at_s=end_s + 1, entities=("Apple",)))
    found = take_bar(bursts, end_s + BAR_S)
    assert found["Apple"].new_events == 10  # and the two of the hour before are gone
    assert (found["Apple"].z or 0) > 2.5
    assert found[None].z == found["Apple"].z
    assert found["Nvidia"].z is None  # no news ever: nothing is known
    assert found["Nvidia"].new_events == 0


def test_an_event_is_new_once_whatever_follows() -> None:
    bursts = Bursts(("Apple",), bar_s=HOUR_S)
    row = scored_row(1, at_s=MONDAY_S + 1, entities=("Apple",))
    bursts.add(row)
    bursts.add(replace(row, item=2, known_s=MONDAY_S + 2))
    bursts.add(replace(row, item=3, scores=None, known_s=MONDAY_S + 3))

    assert take_bar(bursts, MONDAY_S + HOUR_S)["Apple"].new_events == 1
    assert take_bar(bursts, MONDAY_S + 2 * HOUR_S)["Apple"].new_events == 0


def test_an_hour_that_was_not_watched_has_no_count_and_teaches_nothing() -> None:
    bursts = Bursts(("Apple",), bar_s=BAR_S)

    assert take_bar(bursts, MONDAY_S + BAR_S)["Apple"].new_events is None
    watched(bursts, MONDAY_S + 100 * HOUR_S, 1, 3)
    assert take_bar(bursts, MONDAY_S + 101 * HOUR_S)["Apple"].new_events == 3


def test_what_is_recorded_of_each_hour_restores_what_is_usual() -> None:
    once, again = (Bursts(("Apple",), bar_s=BAR_S) for _ in range(2))
    number = watched(once, MONDAY_S, 8 * 24, 1)
    end_s = MONDAY_S + 8 * 24 * HOUR_S
    hours = [HourlyCount(MONDAY_S + n * HOUR_S, {None: 1, "Apple": 1}) for n in range(1, 193)]
    again.restore(hours, [end_s - n * BAR_S for n in range(BARS_AN_HOUR - 1, -1, -1)])
    for bursts in (once, again):
        bursts.add(scored_row(number + 1, at_s=end_s + 1, entities=("Apple",)))

    assert take_bar(again, end_s + HOUR_S) == take_bar(once, end_s + HOUR_S)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Australia/Adelaide", "Asia/Kathmandu"])
def test_the_usual_is_that_of_the_same_hour_in_zones_of_half_hours_too(zone: str) -> None:
    bursts = Bursts(("Apple",), bar_s=BAR_S, time_zone=zone)
    number = 0
    for hour in range(17 * 24):
        busy = hour % 24 == 4
        for bar in range(BARS_AN_HOUR):
            at_s = MONDAY_S + hour * HOUR_S + bar * BAR_S
            for _ in range(2 * busy):
                number += 1
                bursts.add(scored_row(number, at_s=at_s + 1, entities=("Apple",)))
            take_bar(bursts, at_s + BAR_S)
    busy_s = MONDAY_S + (17 * 24 + 4) * HOUR_S
    watched(bursts, busy_s - HOUR_S, 1, 0)
    usual = [take_bar(bursts, busy_s + n * BAR_S)["Apple"].usual for n in range(1, 7)]

    assert usual == pytest.approx([12 * n / 6 for n in range(1, 7)], abs=1.5)


def mid_p_deviate(count: int, distribution: Any) -> float:
    """By the tail that is smaller, as SciPy has it."""
    half = distribution.pmf(count) / 2
    upper, lower = distribution.sf(count) + half, distribution.cdf(count - 1) + half
    found = norm.ppf(lower) if lower < upper else norm.isf(upper)
    return float(np.clip(found, -10, 10))


@given(st.integers(0, 200), st.floats(0.01, 100), st.floats(0.3, 100))
def test_the_deviate_is_that_of_the_mid_p_value(count: int, mean: float, shape: float) -> None:
    expected = mid_p_deviate(count, nbinom(shape, shape / (shape + mean)))

    assert deviate(count, mean, shape) == pytest.approx(expected, rel=1e-3, abs=1e-4)


@given(st.integers(0, 60), st.floats(0.1, 30))
def test_a_rate_that_is_known_well_makes_it_a_poisson_test(count: int, mean: float) -> None:
    assert deviate(count, mean, 1e7) == pytest.approx(mid_p_deviate(count, poisson(mean)), abs=0.01)


def test_deviates_of_simulated_counts_are_those_of_a_normal_distribution() -> None:
    rng = np.random.default_rng(3)
    rates = rng.gamma(4, 5, 4000)  # mean 20, known as from four events
    found = np.array([deviate(int(count), 20, 4) for count in rng.poisson(rates)])

    assert found.mean() == pytest.approx(0, abs=0.06)
    assert found.std() == pytest.approx(1, abs=0.06)
    assert (found > 1.645).mean() == pytest.approx(0.05, abs=0.015)
