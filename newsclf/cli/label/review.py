"""Review headlines on the terminal, one key for each label."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from newsclf.cli.label.keys import Keys, read_keys, single_keys
from newsclf.cli.label.screen import Shown, render
from newsclf.common.errors import ConfigError
from newsclf.data.labelled import Label
from newsclf.label.review.session import Progress, Session

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

_LABEL_KEYS: dict[str, Label] = {
    **dict.fromkeys(("1", "n", "left"), "negative"),
    **dict.fromkeys(("2", "e", "down"), "neutral"),
    **dict.fromkeys(("3", "p", "right"), "positive"),
}
_LOOK_EVERY_S = 0.2
"""Time after which a new size of the window is noticed."""
_BEGIN, _END = "\x1b[?7l\x1b[?2004h", "\x1b[?2004l\x1b[?7h"
"""No wrapping of lines that the terminal takes for wider than we do; marks around pasted text."""


def review_in_terminal(session: Session, console: Console) -> Progress:
    """Let a person decide about one headline after the other until they quit.

    Args:
        session: Whose decisions are written as they are made.
        console: That of stdout.

    Returns:
        How far the person has come.

    Raises:
        ConfigError: stdin or stdout is not a terminal that can move its cursor.
        StateError: A decision can't be written; the terminal is restored first.
        KeyboardInterrupt: Ctrl-C, SIGTERM or SIGHUP; likewise.
    """
    check_terminal(console)
    review = _Review(session, console)
    with _screen(console) as live:
        review.run(live)
    return session.progress()


def check_terminal(console: Console) -> None:
    """Raise ConfigError unless stdin and stdout are a terminal that can move its cursor."""
    named = {"stdin": sys.stdin.isatty(), "stdout": console.file.isatty() and console.is_terminal}
    missing = [name for name, is_terminal in named.items() if not is_terminal]
    why = f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not a terminal"
    if not missing and not console.is_dumb_terminal:
        return
    raise ConfigError(
        f"cannot review here: {why if missing else 'this terminal cannot move its cursor'}",
        hint="run it in a terminal without a pipe, or review in the browser with --page",
    )


@contextmanager
def _screen(console: Console) -> Iterator[Live]:
    """Use the alternate screen and single keys; all is as before afterwards."""
    from rich.live import Live

    live = Live(
        console=console,
        screen=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with single_keys(sys.stdin.fileno()):
        try:
            live.start()
            _write(console, _BEGIN)
            yield live
        finally:
            with suppress(OSError):  # the terminal may be gone
                _write(console, _END)
                live.stop()


def _write(console: Console, text: str) -> None:
    console.file.write(text)
    console.file.flush()


class _Review:
    def __init__(self, session: Session, console: Console) -> None:
        self._session = session
        self._console = console
        self._is_help = False
        self._is_over = False

    def run(self, live: Live) -> None:
        """Take keys until the end."""
        keys = Keys()
        descriptor = sys.stdin.fileno()
        shown, size = Shown.of(self._session), None
        while not self._is_over:
            if size != self._console.size:
                size = self._console.size
                live.update(render(shown, self._console, is_help=self._is_help), refresh=True)
            pressed = read_keys(descriptor, keys, _LOOK_EVERY_S)
            if pressed is None:
                return
            for key in pressed:
                self._take(key)
            if pressed:
                shown, size = Shown.of(self._session), None

    def _take(self, key: str) -> None:
        key = key.lower() if len(key) == 1 else key
        if self._is_over:
            return
        if self._is_help:
            self._is_help = False
        elif key in _LABEL_KEYS:
            self._session.label(_LABEL_KEYS[key])
        elif key == "s":
            self._session.skip()
        elif key == "u":
            self._session.undo()
        elif key == "?":
            self._is_help = True
        elif key == "q":
            self._is_over = True
