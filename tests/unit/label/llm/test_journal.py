"""Tests of the journal: readable after a kill at any byte, one run at a time."""

from __future__ import annotations

import datetime as dt
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from newsclf.common.errors import DataError, StateError
from newsclf.label.llm.journal import Answer, Journal, key_of
from newsclf.label.llm.model import Sampling

AT = dt.datetime(2026, 11, 26, 12, 0, tzinfo=dt.UTC)
COST, MOST = Decimal("0.000123"), Decimal("0.001")


def answer(key: str) -> Answer:
    return Answer(
        key=key,
        annotator="m@here",
        prompt="00",
        at=AT,
        raw='{"label": "positive"}\n\u2028',
        label="positive",
        failure=None,
        input_tokens=10,
        output_tokens=7,
    )


def add(journal: Journal, key: str) -> None:
    asked = journal.add_asked(MOST)
    journal.add_ended(asked, COST, reported=True, answer=answer(key))


@contextmanager
def limited_file_size(size_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_was_added_is_found_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        add(journal, "a")
        journal.add_ended(journal.add_asked(MOST), MOST, reported=False, answer=None)
        journal.add_asked(MOST)
        assert journal.find("a") is not None

    with Journal(tmp_path / "journal") as journal:
        found = journal.find("a")
        assert found is not None
        assert (found.answer, found.cost_usd) == (answer("a"), COST)
        assert journal.find("b") is None
        assert journal.spent_usd == COST + 2 * MOST
        assert journal.damaged_lines == 0


def test_it_is_readable_and_goes_on_after_a_kill_at_any_byte(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        for key in ("a", "b", "c"):
            add(journal, key)
    whole = path.read_bytes()

    for size_bytes in range(len(whole)):
        path.write_bytes(whole[:size_bytes])
        with Journal(path) as journal:
            kept = [key for key in ("a", "b", "c") if journal.find(key)]
            assert kept == ["a", "b", "c"][: len(kept)]
            assert len(kept) * COST <= journal.spent_usd <= len(kept) * COST + MOST
            add(journal, "d")
        with Journal(path) as journal:
            assert [key for key in ("a", "b", "c", "d") if journal.find(key)] == [*kept, "d"]


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "journal"),
        pytest.raises(StateError, match="another run is writing to it"),
    ):
        Journal(tmp_path / "journal")
    Journal(tmp_path / "journal").close()


def test_another_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "headlines.csv"
    path.write_text("text,label\n", encoding="utf-8")
    with pytest.raises(DataError, match="not a journal"):
        Journal(path)
    assert path.read_text(encoding="utf-8") == "text,label\n"
    with pytest.raises(DataError, match="cannot be opened"):
        Journal(tmp_path)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(DataError, match="cannot be opened"):
        Journal(tmp_path / "link")


def test_a_key_tells_all_questions_apart() -> None:
    cold, warm = (Sampling(temperature=t, max_tokens=64) for t in (0.0, 0.7))
    keys = {
        key_of("m", "p", cold, "Acme", 0),
        key_of("m", "p", cold, "Acme", 1),
        key_of("m", "p", cold, "Acme ", 0),
        key_of("m", "p", warm, "Acme", 0),
        key_of("m", "q", cold, "Acme", 0),
        key_of("n", "p", cold, "Acme", 0),
        key_of("m", "p", Sampling(temperature=0.0, max_tokens=65), "Acme", 0),
    }
    assert len(keys) == 7
    assert key_of("m", "p", cold, "\ud800", 0)


def test_nothing_but_a_file_is_a_journal(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/full")):
        with pytest.raises(DataError, match="not a regular file"):
            Journal(path)


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"null",
        b'{"kind":"ended","id":"x","cost_usd":"-1","reported":true,"answer":null}',
        b'{"kind":"ended","id":"x","cost_usd":"NaN","reported":true,"answer":null}',
        b'{"kind":"ended","id":"x","cost_usd":"1E+999999999999","reported":true,"answer":null}',
        b'{"kind":"asked","id":"x","most_usd":1e999}',
        b'{"kind":"asked","id":["x"],"most_usd":1}',
    ],
)
def test_a_damaged_line_costs_only_itself(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        add(journal, "a")
    with path.open("ab") as file:
        file.write(line + b"\n")
    with Journal(path) as journal:
        add(journal, "b")
    with Journal(path) as journal:
        assert journal.find("a") is not None
        assert journal.find("b") is not None
        assert (journal.spent_usd, journal.damaged_lines) == (2 * COST, 1)


def test_what_follows_a_full_disk_stands_on_its_own_line(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        on_its_way = journal.add_asked(MOST)
        with limited_file_size(path.stat().st_size + 20), pytest.raises(DataError, match="written"):
            journal.add_asked(MOST)
        journal.add_ended(on_its_way, COST, reported=True, answer=answer("a"))
    with Journal(path) as journal:
        assert journal.find("a") is not None
        assert (journal.spent_usd, journal.damaged_lines) == (COST, 0)
