"""Speeds of models: what a round needs to count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from newsclf.common.errors import ServiceError
from newsclf.frontier import speed
from newsclf.frontier.rows import Named
from newsclf.frontier.store import Store
from newsclf.loadtest.points import Callbacks
from newsclf.loadtest.store.records import Load
from tests.support.runs import point


@pytest.mark.parametrize("silent", ["closed", "poisson"])
def test_a_load_without_a_good_answer_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    @contextmanager
    def served(*_: object) -> Iterator[tuple[str, float]]:
        yield "http://127.0.0.1:1/invocations", 1.0

    def measured(_context: object, load: Load, *_: object) -> Any:
        summary = point(throughput_per_s=0.0 if load.model == silent else 100.0)
        return SimpleNamespace(interrupted=False), None, summary

    monkeypatch.setattr(speed, "_served", served)
    monkeypatch.setattr("newsclf.loadtest.generator.preflight.check", lambda _: None)
    monkeypatch.setattr(speed, "measure", measured)
    model = cast("Named", SimpleNamespace(name="student", digest="0" * 64))
    request = speed.SpeedRequest(texts=["Profit rose"], state_dir=tmp_path)

    with pytest.raises(ServiceError, match="student, round 1 of 3: not one of 3000 requests"):
        speed.speeds_of([model], request, Store(tmp_path / "frontier"), Callbacks())
