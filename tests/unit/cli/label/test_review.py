"""Review on a terminal: a pseudo-terminal is driven as a person would."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from newsclf.cli.label.keys import ESCAPE, Keys
from newsclf.label.review.journal import read_votes
from tests.support.terminal import Terminal
from tests.support.terminal import opened as opened_terminal

SCRIPT = """
import sys
from pathlib import Path
from newsclf.cli.console import Output, make_streams_usable
from newsclf.cli.label.review import review_in_terminal
from newsclf.cli.signals import ended_by_signals
from newsclf.common.errors import NewsclfError
from newsclf.label.review.queue import ReviewItem
from newsclf.label.review.session import Session
from tests.support.review import items

make_streams_usable()
given = [ReviewItem(sys.argv[2], source=sys.argv[2])] if len(sys.argv) > 2 else items()
with ended_by_signals() as received:
    try:
        with Session(given, Path(sys.argv[1]), "ana") as session:
            progress = review_in_terminal(session, Output().console)
    except NewsclfError as error:
        print(error.message, error.hint)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(received.exit_code)
print(f"labelled {progress.labelled}, skipped {progress.skipped}")
"""
_ROOT = Path(__file__).parents[4]
FIRST = "Profit at Nimbus Air falls short as fuel costs bite"


@contextmanager
def opened(
    path: Path, *more: str, width: int = 80, height: int = 24, **environment: str
) -> Iterator[Terminal]:
    """A review in a terminal."""
    with opened_terminal(
        "-c", SCRIPT, str(path), *more, width=width, height=height, **environment
    ) as terminal:
        yield terminal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "review"


def labels(path: Path) -> list[str | None]:
    return [vote.label for votes in read_votes(path).values() for vote in votes]


@pytest.mark.parametrize(("width", "height"), [(60, 20), (80, 24), (200, 50)])
def test_a_review_is_driven_by_single_keys(path: Path, width: int, height: int) -> None:
    with opened(path, width=width, height=height) as terminal:
        before = terminal.mode()
        first = terminal.until("quit")
        for words in ("ana", "0 of 6", FIRST, "Would an investor", "negative", "skip", "undo"):
            assert words in first.replace("\r\n", " ")
        assert "gpt" not in first, "it is blind"
        terminal.type("1")
        second = terminal.until("you ▼ negative · gpt-4.1-mini ▼ negative 80%")
        assert "1 of 6" in second
        terminal.type("\x1b[C")
        terminal.until("2 of 6")
        terminal.type("\x1bOB")
        terminal.until("3 of 6")
        terminal.type("sP")
        terminal.until("5 of 6")
        terminal.type("u")
        terminal.until("4 of 6")
        terminal.type("?")
        assert "first-named subject" in terminal.until("any key")
        terminal.type("n")  # closes the help and labels nothing
        terminal.until("4 of 6")
        terminal.type("eenq")
        assert terminal.finish() == 0
        assert terminal.mode() == before
        assert terminal.until("labelled 5, skipped 1")
    assert labels(path) == ["negative", "positive", "neutral", "neutral", "neutral"]
    assert "\x1b[?1049l" in terminal.raw
    assert terminal.raw.rindex("\x1b[?1049l") > terminal.raw.rindex("\x1b[?1049h")


def test_the_end_is_shown(path: Path) -> None:
    with opened(path) as terminal:
        terminal.until("quit")
        terminal.type("111111")
        shown = terminal.until("agrees with gpt-4.1-mini on 2 of 6 (33%)")
        assert "All headlines are decided." in shown
        assert "6 labelled (6 negative, 0 neutral, 0 positive)" in shown
        terminal.type("q")
        assert terminal.finish() == 0


def test_without_colours_and_in_ascii(path: Path) -> None:
    with opened(path, NO_COLOR="1", PYTHONIOENCODING="ascii") as terminal:
        terminal.until("quit")
        terminal.type("1q")
        terminal.until("labelled 1")
        assert terminal.raw.isascii()
        assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", terminal.raw)


def test_hostile_headlines_drive_no_terminal(path: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202e profit\r\n[red]soars[/red] " + "long " * 400
    with opened(path, evil, width=60, height=20) as terminal:
        terminal.until("quit")
        assert "\x1b]0;" not in terminal.raw
        assert "\x07" not in terminal.raw
        assert "\u202e" not in terminal.raw
        assert "\\x1b]0;owned\\x07" in terminal.raw
        assert "[red]soars" in terminal.raw
        terminal.type("q")
        assert terminal.finish() == 0


def test_a_new_size_is_drawn(path: Path) -> None:
    with opened(path, width=100, height=30) as terminal:
        terminal.until("quit")
        terminal.resize(40, 9)
        shown = terminal.until("quit")
        assert len([line for line in shown.split("\r\n") if len(line) > 40]) == 0
        assert "Nimbus" in shown
        terminal.type("3q")
        assert terminal.finish() == 0
    assert labels(path) == ["positive"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_restore_the_terminal_and_lose_nothing(path: Path, number: int) -> None:
    with opened(path) as terminal:
        before = terminal.mode()
        terminal.until("quit")
        terminal.type("1")
        terminal.until("1 of 6")
        terminal.process.send_signal(number)
        assert terminal.finish() == 128 + number
        assert terminal.mode() == before
        assert terminal.raw.rindex("\x1b[?1049l") > terminal.raw.rindex("\x1b[?1049h")
        assert terminal.raw.rindex("\x1b[?25h") > terminal.raw.rindex("\x1b[?25l")
    assert labels(path) == ["negative"]


def test_what_is_pasted_labels_nothing(path: Path) -> None:
    with opened(path) as terminal:
        terminal.until("quit")
        terminal.type("\x1b[200~npepq\x1b[201~1q")
        assert terminal.finish() == 0
    assert labels(path) == ["negative"]


@pytest.mark.parametrize(("term", "words"), [("dumb", "cannot move its cursor"), ("", "stdin and")])
def test_where_it_cannot_work_it_says_what_to_do(path: Path, term: str, words: str) -> None:
    if term:
        with opened(path, TERM=term, width=200) as terminal:
            assert terminal.finish() == 2
            shown = terminal.until("--page")
    else:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=_ROOT,
        )
        assert done.returncode == 2
        shown = done.stdout
    assert words in shown
    assert "--page" in shown


def test_keys_come_in_any_pieces() -> None:
    keys = Keys()

    assert keys.feed(b"1\x1b") == ["1"]
    assert keys.feed(b"[") == []
    assert keys.feed(b"D\x1b[3~\x1bOP2") == ["left", "2"]
    assert keys.feed(b"\x1b") == []
    assert keys.feed(b"") == [ESCAPE]
    assert keys.feed(b"\x1b[200~nn") == []
    assert keys.feed(b"") == []
    assert keys.feed(b"p" * 100_000) == []
    assert keys.feed(b"\x1b[201~3") == ["3"]
