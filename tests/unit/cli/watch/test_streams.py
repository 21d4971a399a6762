"""Lines of a watch on stdout: plain text, JSON, slow readers and closed pipes."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import sys
import threading
from collections.abc import Callable

import pytest
from rich.console import Console

from newsclf.cli.console import Output
from newsclf.cli.watch.live import live_view
from newsclf.cli.watch.stream import json_stream
from newsclf.cli.watch.watch import run_for
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.page.hub import Change
from newsclf.watch.page.view import SourceHealth
from tests.support.watch_page import alert, headline, hub_with, signal


def streamed(changes: list[Change], **options: str) -> list[str]:
    written: list[str] = []

    async def run() -> None:
        hub = hub_with()
        async with json_stream(hub, written.append, **options):  # type: ignore[arg-type]
            for change in changes:
                hub.publish(change)
                await asyncio.sleep(0)

    asyncio.run(run())
    return "".join(written).splitlines()


def logged(changes: list[Change]) -> list[str]:
    file = io.StringIO()

    async def run() -> None:
        hub = hub_with()
        async with live_view(hub, Console(file=file, _environ={})):
            for change in changes:
                hub.publish(change)

    asyncio.run(run())
    return file.getvalue().splitlines()


def source(verdict: Outcome, words: str = "") -> SourceHealth:
    return SourceHealth(name="Wire", verdict=verdict, words=words)


def test_each_change_is_a_line_of_json() -> None:
    lines = streamed([headline(1), signal("Korvath Bank"), source(Outcome.OK), alert()])

    assert [json.loads(line)["kind"] for line in lines] == ["headline", "signal", "source", "alert"]
    assert {json.loads(line)["schema_version"] for line in lines} == {2}


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_json_lines_hold_any_title_and_drive_no_terminal(encoding: str) -> None:
    title = "Wärtsilä \u200d 漢\u2028x"
    [line] = streamed([headline(1, title=title)], encoding=encoding)

    assert json.loads(line)["title"] == title
    assert "\u200d" not in line
    assert line.isascii() == (encoding == "ascii")


def test_a_closed_pipe_cancels_the_watch_and_is_reported() -> None:
    hub = hub_with()

    def write(_: str) -> None:
        raise BrokenPipeError

    async def run() -> None:
        async with json_stream(hub, write):
            hub.publish(headline(1))
            await asyncio.Event().wait()

    with pytest.raises(BrokenPipeError):
        asyncio.run(run())


def test_an_error_of_the_watch_is_raised_as_it_is() -> None:
    async def run() -> None:
        async with json_stream(hub_with(), lambda _: None):
            raise ValueError("of the watch")

    with pytest.raises(ValueError, match="of the watch"):
        asyncio.run(run())


def test_a_watch_ends_after_its_duration_and_a_time_out_in_it_is_an_error() -> None:
    async def time_out() -> None:
        raise TimeoutError("of a disk")

    async def for_ever() -> None:
        await asyncio.Event().wait()

    asyncio.run(run_for(0.0, for_ever()))
    for duration_s in (None, 60.0):
        with pytest.raises(TimeoutError, match="of a disk"):
            asyncio.run(run_for(duration_s, time_out()))


def test_a_stopped_reader_does_not_stop_the_watch() -> None:
    written: list[str] = []
    reads, is_writing = threading.Event(), threading.Event()

    def write(text: str) -> None:
        is_writing.set()
        reads.wait(10)
        written.append(text)

    async def run() -> None:
        hub = hub_with()
        async with json_stream(hub, write, max_waiting=3):
            hub.publish(headline(0))
            await asyncio.to_thread(is_writing.wait, 10)
            for number in range(1, 9):
                hub.publish(headline(number))
            reads.set()

    asyncio.run(run())
    lines = [json.loads(line) for line in "".join(written).splitlines()]

    assert [line["id"] for line in lines[:-1]] == ["item-0", "item-1", "item-2", "item-3"]
    assert lines[-1] == {"schema_version": 2, "kind": "missed", "changes": 5}


def test_lines_go_to_stdout_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    Output().lines("a\nb\n")

    assert capsys.readouterr().out == "a\nb\n"
    assert Output().console.file is sys.stdout


def test_without_a_terminal_there_is_a_line_for_what_is_new() -> None:
    recall = (
        "2026-09-21T09:15:30Z headline negative 88 %, Wire: "
        "Orvane Motors recalls 40,000 vans over faulty brakes"
    )
    fall = "2026-09-21T11:56:00Z alert raised, negative, Nimbus Air: -0.58"

    assert logged(
        [
            headline(1, first_seen="2026-09-21T09:15:30Z"),
            headline(1, first_seen="2026-09-21T09:15:30Z"),
            headline(1, first_seen="2026-09-21T09:15:30Z", edited=True),
            signal("Korvath Bank"),
            alert(),
        ]
    ) == [
        f"{recall} [Orvane Motors]",
        f"{recall} [Orvane Motors] (edited)",
        f"{fall}; Wire: Profit at Nimbus Air falls short as fuel costs bite",
    ]


def test_a_source_is_told_of_when_its_verdict_changes() -> None:
    verdicts = [
        source(Outcome.OK),
        source(Outcome.EMPTY),
        source(Outcome.QUOTA, "next request at 13:00"),
        source(Outcome.QUOTA, "next request at 13:10"),
        source(Outcome.OK),
    ]

    assert logged([*verdicts]) == [
        "2026-09-21T12:00:00Z source Wire: quota (was empty): next request at 13:00",
        "2026-09-21T12:00:00Z source Wire: ok (was quota)",
    ]


@pytest.mark.parametrize("text", ["\x1b[31mred", "[bold]x[/]", "a\u202eb", "two\u2028lines"])
def test_lines_of_text_are_harmless(text: str) -> None:
    change = headline(1, title=text, source=text, entities=(text,))
    lines = logged([change, alert(entity=text), source(Outcome.GONE, text)])

    assert len(lines) == 3
    assert not any(c in line for line in lines for c in "\x1b\u202e\u2028")


class Terminal(io.StringIO):
    """A terminal that keeps what was drawn."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def drawn(act: Callable[[Callable[[Change], None]], None], term: str = "xterm") -> str:
    terminal = Terminal()
    environ = {"TERM": term, "LANG": "C.UTF-8"}
    console = Console(file=terminal, width=100, height=24, force_terminal=True, _environ=environ)

    async def run() -> None:
        hub = hub_with()
        async with live_view(hub, console):
            act(hub.publish)

    asyncio.run(run())
    return terminal.getvalue()


def test_a_terminal_gets_the_alternate_screen_and_is_left_as_it_was() -> None:
    shown = drawn(lambda publish: publish(headline(1)))

    assert shown.index("\x1b[?1049h") < shown.index("\x1b[?7l") < shown.index("newsclf watch")
    assert shown.rindex("newsclf watch") < shown.index("\x1b[?7h") < shown.index("\x1b[?1049l")
    assert shown.endswith("\x1b[?25h\x1b[?1049l")
    assert "recalls" in shown


def test_a_burst_is_not_drawn_change_by_change() -> None:
    def burst(publish: Callable[[Change], None]) -> None:
        for number in range(500):
            publish(headline(number))

    assert drawn(burst).count("newsclf watch") <= 3


def test_a_terminal_is_left_as_it_was_after_an_error() -> None:
    terminal = Terminal()
    console = Console(file=terminal, width=80, height=24, force_terminal=True, _environ={})

    async def run() -> None:
        async with live_view(hub_with(), console):
            raise ValueError("of the watch")

    with pytest.raises(ValueError, match="of the watch"):
        asyncio.run(run())
    assert "\x1b[?7h" in terminal.getvalue()
    assert "\x1b[?1049l" in terminal.getvalue()


class StoppedTerminal(Terminal):
    """A terminal that takes nothing after its first drawing until it goes on (Ctrl-S, Ctrl-Q)."""

    def __init__(self) -> None:
        super().__init__()
        self.is_stopped, self.goes_on = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        """Wait, if a view is drawn."""
        if "newsclf watch" in text:
            self.is_stopped.set()
            self.goes_on.wait(10)
        return super().write(text)


def test_a_stopped_terminal_does_not_stop_the_watch() -> None:
    terminal = StoppedTerminal()
    console = Console(file=terminal, width=80, height=24, force_terminal=True, _environ={})

    async def run() -> None:
        hub = hub_with()
        async with live_view(hub, console):
            await asyncio.to_thread(terminal.is_stopped.wait, 10)
            hub.publish(headline(1))
            assert "recalls" not in terminal.getvalue()
            terminal.goes_on.set()

    asyncio.run(run())
    assert "recalls" in terminal.getvalue()


class ClosedTerminal(Terminal):
    """A terminal that is closed when a view is drawn."""

    def write(self, text: str) -> int:
        """Fail as Linux does."""
        if "newsclf watch" in text:
            raise OSError(errno.EIO, "Input/output error")
        return super().write(text)


def test_a_closed_terminal_cancels_the_watch_and_is_reported() -> None:
    console = Console(file=ClosedTerminal(), force_terminal=True, _environ={})

    async def run() -> None:
        async with live_view(hub_with(), console):
            await asyncio.Event().wait()

    with pytest.raises(OSError, match="Input/output error"):
        asyncio.run(run())


def test_notes_are_shown_on_the_last_line_and_again_afterwards(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = drawn(lambda _: Output().note("webhook refused (503)"))

    assert "12:00:00  webhook refused (503)" in shown
    assert capsys.readouterr().err == "webhook refused (503)\n"


def test_a_dumb_terminal_gets_lines() -> None:
    shown = drawn(lambda publish: publish(headline(1)), term="dumb")

    assert "\x1b" not in shown
    assert "headline negative 88 %, Wire: Orvane Motors" in shown
