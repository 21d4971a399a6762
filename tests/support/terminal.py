"""A pseudo-terminal in which a program is driven as a person would."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[()][A-B0-2]|.)")
_WITHIN_S = 240.0
"""A busy machine may take this long to train what a program has to train before it draws."""
_ROOT = Path(__file__).parents[2]


class Terminal:
    """A terminal with a program in it."""

    def __init__(self, process: subprocess.Popen[bytes], controller: int, terminal: int) -> None:
        self.process = process
        self.raw = ""
        self._controller = controller
        self._terminal = terminal
        self._seen = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def resize(self, width: int, height: int) -> None:
        """Give the window another size."""
        set_size(self._terminal, width, height)

    def mode(self) -> list[object]:
        """How the terminal treats what is typed."""
        return termios.tcgetattr(self._terminal)

    def type(self, keys: str) -> None:
        """Send keys."""
        os.write(self._controller, keys.encode())

    def until(self, words: str) -> str:
        """Read until a new drawing has some words; returns what is new, without escapes."""
        end_s = time.monotonic() + _WITHIN_S
        while words not in self._new():
            has_ended = self.process.poll() is not None and not self._can_read()
            too_late = has_ended or time.monotonic() > end_s
            assert not too_late, f"never shown: {words!r} in {self._new()!r}"
            self._read()
        found = self._new()
        self._seen = len(self.raw)
        return found

    def finish(self) -> int:
        """Wait for the end; returns the exit code."""
        end_s = time.monotonic() + _WITHIN_S
        while self.process.poll() is None:
            assert time.monotonic() < end_s, "it did not end"
            self._read()
        while self._can_read():
            self._read()
        return self.process.returncode

    def _can_read(self) -> bool:
        return bool(select.select([self._controller], [], [], 0.05)[0])

    def _read(self) -> None:
        if self._can_read():
            self.raw += self._decoder.decode(os.read(self._controller, 65536))

    def _new(self) -> str:
        return _ESCAPES.sub("", self.raw[self._seen :])


def set_size(terminal: int, width: int, height: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


@contextmanager
def opened(
    *arguments: str, width: int = 80, height: int = 24, **environment: str
) -> Iterator[Terminal]:
    """Run Python with arguments in a terminal of a size."""
    controller, terminal = pty.openpty()
    set_size(terminal, width, height)
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    for name in ("COLUMNS", "LINES", "FORCE_COLOR"):
        kept.pop(name, None)
    with subprocess.Popen(
        [sys.executable, *arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        env=kept
        | {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(_ROOT)}
        | environment,
    ) as process:
        found = Terminal(process, controller, terminal)
        try:
            yield found
        finally:
            process.kill()
            os.close(controller)
            os.close(terminal)
