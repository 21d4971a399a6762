"""Intervals and spreads against published figures."""

from __future__ import annotations

import pytest

from newsclf.common.intervals import mean_std, wilson_interval


def test_wilson_gives_newcombe_s_example() -> None:
    # Newcombe 1998, table I: 81 of 263.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_a_spread_is_a_mean_and_a_sample_deviation() -> None:
    spread = mean_std([0.94, 0.95, 0.96])

    assert spread.mean == pytest.approx(0.95)
    assert spread.deviation == pytest.approx(0.01)
    assert spread.percent() == "95.00 ± 1.00 %"
