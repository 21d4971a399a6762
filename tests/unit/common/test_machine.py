"""How many cores a process has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from newsclf.common import machine


@pytest.mark.parametrize(
    ("cpu_max", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("max 100000", 999)]
)
def test_a_container_s_quota_is_heeded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpu_max: str, cores: int
) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(cpu_max + "\n", encoding="utf-8")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(999)))

    assert machine.available_cores(file) == cores


def test_without_control_groups_it_is_the_machine_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 3, 7})

    assert machine.available_cores(tmp_path / "none") == 3
