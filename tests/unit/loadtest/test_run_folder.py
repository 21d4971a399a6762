"""A run's folder on disk: what damaged or planted files lead to."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest

from newsclf.common.errors import StateError
from newsclf.loadtest.store.records import Point
from newsclf.loadtest.store.run_folder import RunFolder
from newsclf.loadtest.store.samples import SAMPLE, Samples
from tests.support.loadtest_builders import Queue, closed_load, simulate

POINT = "closed-2-r1"


@pytest.fixture(scope="module")
def complete() -> tuple[Point, Samples]:
    """A point and its samples."""
    load = closed_load(2)
    point = Point(
        id=POINT,
        load=load,
        repeat=1,
        instance="local",
        started_utc="2026-01-02T03:04:05Z",
        window_begin_ns=0,
        window_end_ns=10**9,
        workers=[],
        connections_opened=2,
    )
    return point, simulate(load, Queue(1, 0.01), seed=1)


@pytest.fixture
def folder(tmp_path: Path, complete: tuple[Point, Samples]) -> RunFolder:
    run = RunFolder(tmp_path)
    run.write_point(*complete)
    return run


def samples_file(folder: RunFolder) -> Path:
    return next(folder.path.glob("points/*/requests.csv.gz"))


def test_samples_are_what_was_written(folder: RunFolder, complete: tuple[Point, Samples]) -> None:
    found = folder.read_point(complete[0].id)

    assert found is not None
    assert found[1].dtype == SAMPLE
    assert np.array_equal(found[1], complete[1])


def test_samples_are_written_behind_no_link(
    folder: RunFolder, complete: tuple[Point, Samples], tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    samples_file(folder).with_name("requests.csv.gz.tmp").symlink_to(victim)

    folder.write_point(*complete)

    assert victim.read_text(encoding="utf-8") == "mine"


HEAD = ",".join(SAMPLE.names or ()).encode() + b"\n"


NOT_SAMPLES = {
    "a long line": (HEAD + b"1" * 10_000, "a line has more than 4,096 bytes"),
    "a long head": (b"x" * 10_000, "a line has more than 4,096 bytes"),
    "few columns": (HEAD + b"1,2\n", "cannot be read"),
    "no numbers": (HEAD + b"a" * 50 + b"\n", "cannot be read"),
    "NUL": (HEAD + b"\0,1\n", "cannot be read"),
    "a quotation that never ends": (
        HEAD + b'"' + b"1\n" * 100_000,
        r"""cannot be read \(invalid literal for int\(\) with base 10: '"1'\)""",
    ),
    "no text": (HEAD + b"\xff\n", "cannot be read"),
    "large numbers": (
        HEAD
        + b",".join(b"ok" if name == "outcome" else b"9" * 30 for name in SAMPLE.names or ())
        + b"\n",
        "cannot be read",
    ),
    "many columns": (
        HEAD
        + b",".join(b"ok" if name == "outcome" else b"9" for name in SAMPLE.names or ())
        + b",1\n",
        "cannot be read",
    ),
    "nothing": (b"", "cannot be read"),
}
NOT_GZIP = {
    "cut": gzip.compress(HEAD)[:20],
    "damaged": b"\x1f\x8b\x08\0\0\0\0\0\0\0" + zlib.compress(b"x"),
    "empty": b"",
}


@pytest.mark.parametrize("kind", NOT_SAMPLES)
def test_samples_that_are_none_are_refused(folder: RunFolder, kind: str) -> None:
    content, said = NOT_SAMPLES[kind]
    samples_file(folder).write_bytes(gzip.compress(content))

    with pytest.raises(StateError, match=said):
        folder.read_point(POINT)


@pytest.mark.parametrize("kind", NOT_GZIP)
def test_a_damaged_file_of_samples_is_refused(folder: RunFolder, kind: str) -> None:
    samples_file(folder).write_bytes(NOT_GZIP[kind])

    with pytest.raises(StateError, match="cannot be read"):
        folder.read_point(POINT)


def test_samples_that_unpack_to_too_much_are_refused(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsclf.loadtest.store.run_folder._SAMPLES_LIMIT_BYTES", 1_000)

    with pytest.raises(StateError, match="it unpacks to more than 1,000 bytes"):
        folder.read_point(POINT)


@pytest.mark.parametrize("linked", ["points", "closed-2-r1", "point.json", "requests.csv.gz"])
def test_a_link_in_a_run_is_not_followed(
    folder: RunFolder, complete: tuple[Point, Samples], linked: str
) -> None:
    """A run that came in an archive, and is gone on with or reported on."""
    path = next(path for path in folder.path.rglob("*") if path.name == linked)
    moved = path.rename(folder.path / "elsewhere")
    path.symlink_to(moved)
    before = sorted((each, each.stat().st_mtime_ns) for each in moved.rglob("*"))

    with pytest.raises(StateError, match="is a link"):
        folder.write_point(*complete)
    with pytest.raises(StateError, match="is a link"):
        folder.read_point(complete[0].id)
    with pytest.raises(StateError, match="is a link"):
        folder.points()
    assert sorted((each, each.stat().st_mtime_ns) for each in moved.rglob("*")) == before


def test_a_point_is_known_by_its_folder_wherever_its_record_points(folder: RunFolder) -> None:
    record = next(folder.path.glob("points/*/point.json"))
    text = record.read_text(encoding="utf-8")
    record.write_text(text.replace('"closed-2-r1"', '"../../elsewhere"'), encoding="utf-8")

    assert [point.id for point in folder.points()] == [POINT]
