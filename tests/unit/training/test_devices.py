"""The choice of device and precision by measuring."""

from __future__ import annotations

import pytest
import torch

from newsclf.common.errors import ConfigError
from newsclf.common.machine import Device
from newsclf.common.settings import TrainSettings
from newsclf.training.devices import Compute, candidates, fastest

FLOAT32, BFLOAT16 = Compute("cpu", "float32"), Compute("cpu", "bfloat16")


class Stopwatch:
    """A clock that only steps move, by as many seconds as each precision takes."""

    def __init__(self, **seconds_of: float) -> None:
        self._seconds_of = seconds_of
        self._now_s = 0.0

    def step(self, choice: Compute) -> None:
        """Let as much time pass as a step of this precision takes."""
        self._now_s += self._seconds_of[choice.precision]

    def read(self) -> float:
        """The time in seconds."""
        return self._now_s

    @property
    def fastest(self) -> Compute:
        """The choice by this clock."""
        return fastest([FLOAT32, BFLOAT16], self.step, clock=self.read)


def test_settings_leave_what_they_do_not_name_to_be_measured() -> None:
    assert candidates(TrainSettings(device="cpu")) == [FLOAT32, BFLOAT16]
    assert candidates(TrainSettings(device="cpu", precision="bfloat16")) == [BFLOAT16]
    assert candidates(TrainSettings(device="auto"))[-2:] == [FLOAT32, BFLOAT16]


def test_a_device_that_torch_lacks_is_an_error() -> None:
    missing: Device = "mps" if torch.cuda.is_available() else "cuda"

    with pytest.raises(ConfigError, match=f"device '{missing}' is not available"):
        candidates(TrainSettings(device=missing))


def test_the_fastest_is_chosen() -> None:
    assert Stopwatch(float32=3, bfloat16=2).fastest == BFLOAT16
    assert Stopwatch(float32=2, bfloat16=3).fastest == FLOAT32


def test_the_exact_precision_is_kept_where_the_other_gains_little() -> None:
    assert Stopwatch(float32=1.15, bfloat16=1).fastest == FLOAT32


def test_a_candidate_that_is_far_slower_takes_two_steps_only() -> None:
    watch = Stopwatch(float32=1, bfloat16=100)

    assert watch.fastest == FLOAT32
    assert watch.read() == 4 * 1 + 2 * 100


def test_a_single_candidate_is_not_measured() -> None:
    def step(_: Compute) -> None:
        raise AssertionError("measured")

    assert fastest([BFLOAT16], step) == BFLOAT16


def test_a_candidate_that_cannot_do_a_step_is_left_out() -> None:
    def step(choice: Compute) -> None:
        if choice == BFLOAT16:
            raise RuntimeError("no kernel for bfloat16")

    assert fastest([BFLOAT16, FLOAT32], step) == FLOAT32


def test_it_fails_as_the_last_one_does_where_none_can() -> None:
    def step(choice: Compute) -> None:
        raise RuntimeError(choice.precision)

    with pytest.raises(RuntimeError, match="bfloat16"):
        fastest([FLOAT32, BFLOAT16], step)


def test_bfloat16_is_the_format_of_matrix_products_only() -> None:
    weights, inputs = torch.ones(4, 4), torch.ones(2, 4)

    with BFLOAT16.autocast():
        assert (inputs @ weights).dtype == torch.bfloat16
    with FLOAT32.autocast():
        assert (inputs @ weights).dtype == torch.float32
    assert weights.dtype == torch.float32
