"""What the options of a load test say, and what is shown of its verdicts' reasons."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from newsclf.cli.measure.loadtest_view import remarks
from newsclf.common.errors import ConfigError
from newsclf.loadtest.load.options import parse_objective
from newsclf.loadtest.measuring import measure
from tests.conftest import Cli
from tests.support.runs import point


def test_a_wrong_option_says_what_to_write() -> None:
    with pytest.raises(ConfigError, match="'p95' is not a latency objective") as objective:
        parse_objective("p95")

    assert "p95=200ms" in (objective.value.hint or "")


def test_a_slip_in_slo_is_told_before_anything_heavy_is_imported() -> None:
    code = (
        "import sys; from newsclf.cli.main import main\n"
        "sys.argv = ['newsclf', 'loadtest', '--slo', 'p95']\n"
        "try: main()\n"
        "finally: print(sorted({'numpy', 'scipy', 'httpx'} & sys.modules.keys()))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert "is not a latency objective" in result.stderr
    assert result.stdout.strip() == "[]"


def test_defaults_of_durations_have_a_unit(newsclf: Cli) -> None:
    words = newsclf("loadtest", "--help").out.split()

    for default in ("5s]", "20s]", "30s]"):
        assert default in words, default


def test_equal_reasons_of_several_points_are_one_line() -> None:
    points = [
        point(concurrency=1, reasons=["too short", "busy for 97% of the time"]),
        point(concurrency=2, reasons=["too short", "busy for 91% of the time"]),
        point(concurrency=4, reasons=["too short", "of its own"]),
    ]

    assert remarks(points) == [
        "ml.c5.xlarge-closed-1-r1 and 2 more: too short",
        "ml.c5.xlarge-closed-1-r1 and 1 more: for example, busy for 97% of the time",
        "ml.c5.xlarge-closed-4-r1: of its own",
    ]


@pytest.mark.parametrize(
    "load",
    [
        {"users": [0]},
        {"users": [1.5]},
        {"rates_per_s": [-5.0]},
        {"rates_per_s": [math.nan]},
        {"duration_s": 0},
    ],
)
def test_a_load_that_can_not_be_is_refused_before_anything_is_written(load: Any) -> None:
    with pytest.raises(ConfigError, match="must be"):
        measure(url="http://127.0.0.1:1/invocations", **load)

    assert not Path(".newsclf").exists()
