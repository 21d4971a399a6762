"""Files are written whole or not at all, and never through a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from newsclf.common.files import naming_full_disk, replacing, write_private, write_text


def test_a_text_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    write_text(path, "profit €1")
    write_text(path, "loss €2")
    assert path.read_text(encoding="utf-8") == "loss €2"
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]


def test_links_are_replaced_and_never_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    path = tmp_path / "card.json"
    for planted in (path, tmp_path / "card.json.tmp", tmp_path / ".card.json.partial"):
        planted.symlink_to(victim)
    write_text(path, "theirs")
    assert victim.read_text(encoding="utf-8") == "mine"
    assert not path.is_symlink()


def test_an_interrupted_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_text(path, "old")

    def interrupted() -> None:
        with replacing(path) as file:
            file.write(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_a_full_disk_is_found_in_a_library_s_words(tmp_path: Path) -> None:
    later = RuntimeError("unexpected pos 725504 vs 725396")  # as torch says
    later.__context__ = OSError(28, "full")
    rust = RuntimeError("I/O error: No space left (os error 28)")
    for error in (rust, OSError(28, "full"), later):
        with (
            pytest.raises(OSError, match="No space left on device") as caught,
            naming_full_disk(tmp_path),
        ):
            raise error
        assert (caught.value.errno, caught.value.filename) == (28, str(tmp_path))


@pytest.mark.parametrize(
    "error", [ValueError("os error 2"), OSError(28, "full", "a.csv"), OSError(13, "no", "b")]
)
def test_other_errors_and_those_with_a_place_stay_as_they_are(
    tmp_path: Path, error: Exception
) -> None:
    with pytest.raises(type(error)) as caught, naming_full_disk(tmp_path):
        raise error

    assert caught.value is error


def test_a_private_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_private(tmp_path / "api.key", "secret")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "api.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/proc/self/fd/1")])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "stdout"
    make(path)

    with pytest.raises(FileExistsError, match="a device or a pipe") as caught:
        write_text(path, "new")

    assert caught.value.filename == str(path)
    assert list(tmp_path.iterdir()) == [path]
    assert not path.is_file() or path.is_symlink()


def test_a_failure_names_the_file_and_not_the_temporary_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(NotADirectoryError) as caught:
        write_text(tmp_path / "file" / "card.json", "new")

    assert caught.value.filename == str(tmp_path / "file" / "card.json")


def test_what_is_written_is_on_the_disk_before_it_takes_the_place_of_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "news.json"
    write_text(path, "old")
    flushed: list[tuple[int, str]] = []

    def fsync(descriptor: int) -> None:
        flushed.append((os.fstat(descriptor).st_size, path.read_text(encoding="utf-8")))

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(path, "newer")

    assert flushed == [(len("newer"), "old")]
