"""Lengths of time as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.core.duration import parse_duration
from newsclf.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "minutes"), [("2h", 120), ("90m", 90), ("1d", 1440), ("1D12h", 2160), (" 1h5m ", 65)]
)
def test_durations(text: str, minutes: int) -> None:
    assert parse_duration(text, "--ttl") == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "0h", "2", "h", "2 hours", "-1h", "1m2h", "1.5h", "٣h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ConfigError, match="--ttl"):
        parse_duration(text, "--ttl")


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_days_hours_and_minutes_add_up(days: int, hours: int, minutes: int) -> None:
    wanted = timedelta(days=days, hours=hours, minutes=minutes)
    if wanted:
        assert parse_duration(f"{days}d{hours}h{minutes}m", "--ttl") == wanted
