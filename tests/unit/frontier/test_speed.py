"""Speeds of models: what a round needs to count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from newsclf.common.errors import InterruptedRunError, ServiceError
from newsclf.common.intervals import Interval
from newsclf.frontier import speed
from newsclf.frontier.rows import Named
from newsclf.frontier.store import StartUp, Store
from newsclf.loadtest.points import Callbacks, StoppedError
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


def test_an_interrupted_again_measures_all_rounds_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[Path, StartUp] = {}
    started: list[str] = []
    most = 99

    @contextmanager
    def served(named: Named, _: object) -> Iterator[tuple[str, float]]:
        started.append(named.name)
        if len(started) > most:
            raise StoppedError
        yield "http://127.0.0.1:1/invocations", 1.0

    def measured(*_: object) -> Any:
        return SimpleNamespace(interrupted=False), None, point()

    def measure(*, again: bool) -> None:
        started.clear()
        request = speed.SpeedRequest(texts=["Profit rose"], state_dir=tmp_path, again=again)
        speed.speeds_of(models, request, Store(tmp_path / "frontier"), Callbacks())

    monkeypatch.setattr(speed, "_served", served)
    monkeypatch.setattr("newsclf.loadtest.generator.preflight.check", lambda _: None)
    monkeypatch.setattr(speed, "measure", measured)
    monkeypatch.setattr(speed, "_speed", lambda *_: None)
    monkeypatch.setattr(Store, "start_up", lambda _, folder: kept.get(folder.path))
    monkeypatch.setattr(
        Store, "keep_start_up", lambda _, folder, start_up: kept.update({folder.path: start_up})
    )
    monkeypatch.setattr(Store, "discard", lambda _, folder: kept.pop(folder.path, None))
    models = [cast("Named", SimpleNamespace(name=name, digest=name * 64)) for name in "ab"]

    measure(again=False)
    most = 2
    with pytest.raises(InterruptedRunError, match="is kept"):
        measure(again=True)
    most = 99
    measure(again=False)

    assert started == ["b", "a", "a", "b"]  # a and b of the first round were measured before


def test_a_round_without_an_upper_end_leaves_none() -> None:
    """As of a round with a stall: it may be anywhere above."""
    figures = [
        Interval(value=14, low=13, high=17),
        Interval(value=606, low=16),
        Interval(value=608, low=15),
    ]

    assert speed.middle_of_rounds(figures) == Interval(value=606, low=13, high=None)
