"""Cores of a process, and what its processor can do."""

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


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx2 sse avx512_vnni\n", ["avx2", "avx512_vnni"]),
        ("Features\t: fp asimd i8mm\n", ["asimd", "i8mm"]),
        ("processor\t: 0\n", []),
    ],
)
def test_instruction_sets_are_those_that_decide_the_speed_of_a_model(
    tmp_path: Path, text: str, sets: list[str]
) -> None:
    (tmp_path / "cpuinfo").write_text(text, encoding="utf-8")
    assert machine.instruction_sets(tmp_path / "cpuinfo") == sets
    assert machine.instruction_sets(tmp_path / "none") == []
