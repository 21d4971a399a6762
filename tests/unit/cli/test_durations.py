"""Durations on the command line, with and without a unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.cli.durations import duration_s
from tests.conftest import Cli


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20", 20),
        ("20s", 20),
        ("1.5s", 1.5),
        (".5", 0.5),
        ("250ms", 0.25),
        ("2m", 120),
        (" 1 h ", 3600),
        ("3d", 259_200),
        (4, 4),
    ],
)
def test_a_unit_is_understood(text: str | float, seconds: float) -> None:
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 week", "nan", "inf", "1e3", "9" * 400])
def test_anything_else_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as 20s"):
        duration_s(text)


@given(st.floats(min_value=0, max_value=1e6))
def test_seconds_come_back(seconds: float) -> None:
    assert duration_s(f"{seconds:.6f}s") == pytest.approx(seconds, abs=1e-6)


def test_a_load_test_takes_units_and_names_the_option_that_is_wrong(newsclf: Cli) -> None:
    result = newsclf("loadtest", "--duration", "5 weeks")

    assert result.exit_code == 2
    assert "--duration" in result.err
    assert "5 weeks: expected a duration such as 20s, 250ms, 2m or 1h" in result.err


@pytest.mark.parametrize("option", ["--duration", "--timeout"])
def test_a_duration_of_nothing_is_an_error(newsclf: Cli, option: str) -> None:
    result = newsclf("loadtest", option, "0")

    assert result.exit_code == 2
    assert "0: at least" in result.err
