"""A program in tmux, a real terminal, whose screen can be read."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_WITHIN_S = 60.0
_LOOK_S = 0.05
_SIZES = ("COLUMNS", "LINES")
"""Variables that would be believed before the window."""
_ROOT = Path(__file__).parents[2]


class Pane:
    """The window of a tmux with a server of its own."""

    def __init__(self, tmux: str, socket: Path) -> None:
        self._command = [tmux, "-S", str(socket), "-f", os.devnull]

    def call(self, *arguments: str) -> str:
        """Run a command of tmux; returns what it prints."""
        return subprocess.run(
            [*self._command, *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={name: value for name, value in os.environ.items() if name not in _SIZES},
        ).stdout

    def type(self, *keys: str) -> None:
        """Press keys, by tmux's names: `1`, `Left`, `C-c`."""
        self.call("send-keys", *keys)

    def screen(self, *, colours: bool = False) -> str:
        """What the window shows; on request with the escapes of colours."""
        return self.call("capture-pane", "-p", *(["-e"] if colours else []))

    def until(self, words: str, *, without: str = "\0") -> str:
        """Wait until the window shows some words, without others, and is drawn.

        Returns:
            All that it shows, which was the same at two looks.

        Raises:
            AssertionError: it does not show them.
        """
        end_s = time.monotonic() + _WITHIN_S
        before, shown = "", self.screen()
        while words not in shown or without in shown or shown != before:
            assert time.monotonic() < end_s, f"never shown: {words!r} in\n{shown}"
            time.sleep(_LOOK_S)  # noqa: TID251 - tmux tells of nothing that is drawn
            before, shown = shown, self.screen()
        return shown

    def wait(self) -> None:
        """Wait until the program has ended; tmux often doesn't know its exit status.

        Raises:
            AssertionError: it does not end.
        """
        end_s = time.monotonic() + _WITHIN_S
        while self.call("display-message", "-p", "#{pane_dead}").strip() != "1":
            assert time.monotonic() < end_s, f"it has not ended:\n{self.screen()}"
            time.sleep(_LOOK_S)  # noqa: TID251 - tmux tells of nothing that has ended


@contextmanager
def in_tmux(
    tmux: str, folder: Path, *arguments: str, width: int = 90, height: int = 24
) -> Iterator[Pane]:
    """Run `newsclf` with arguments in a folder, in tmux; the window stays when it has ended.

    Args:
        tmux: Path of tmux.
        folder: Working folder, in which tmux's socket is, too.
        arguments: Of newsclf.
        width: Of the window, cells.
        height: Of the window, lines.
    """
    pane = Pane(tmux, folder / "tmux")
    size = ("-x", str(width), "-y", str(height))
    place = ("-c", str(folder), "-e", f"PYTHONPATH={_ROOT}")
    then = (";", "set-option", "remain-on-exit", "on")
    command = (sys.executable, "-m", "newsclf", *arguments)
    try:
        pane.call("new-session", "-d", *size, *place, "--", *command, *then)
        yield pane
    finally:
        subprocess.run(
            [tmux, "-S", str(folder / "tmux"), "kill-server"], capture_output=True, check=False
        )
