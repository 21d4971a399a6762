"""Read single keys from a terminal, which is as it was before when that ends."""

from __future__ import annotations

import os
import re
import select
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress

ESCAPE = "escape"
_ARROWS = {b"D": "left", b"B": "down", b"C": "right", b"A": "up"}
_KEY = re.compile(
    rb"\x1b\[200~.*?\x1b\[201~"  # a pasted text
    rb"|\x1b[\[O][0-9;]*(?P<arrow>[A-D])"
    rb"|\x1b\[(?!200~)[0-?]*[ -/]*[@-~]|\x1bO."  # other keys that send several bytes
    rb"|(?P<character>[^\x1b])",
    re.DOTALL,
)
_BEGUN = re.compile(rb"\x1b(\[([0-?]*[ -/]*|200~.*)|O)?", re.DOTALL)
_PASTE = b"\x1b[200~"
_MAX_BYTES = 4096
_OFF = b"\0"


class Keys:
    """Split what a terminal sends into keys; what is pasted is no key."""

    def __init__(self) -> None:
        self._waiting = b""

    def feed(self, data: bytes) -> list[str]:
        """Keys in what was received: a character, "left", "down", "right" or "up".

        Args:
            data: Bytes that came; none when no more came for a while, which tells the key Escape
                from the beginning of a sequence.
        """
        found = []
        rest = self._waiting + data
        while rest and (match := _KEY.match(rest) or self._lone(rest, is_all=not data)):
            if arrow := match["arrow"]:
                found.append(_ARROWS[arrow])
            elif character := match["character"]:
                found.append(ESCAPE if character == b"\x1b" else character.decode("latin-1"))
            rest = rest[match.end() :]
        # Nothing that is pasted grows without end.
        self._waiting = _PASTE + rest[-_MAX_BYTES:] if len(rest) > 2 * _MAX_BYTES else rest
        return found

    @staticmethod
    def _lone(rest: bytes, *, is_all: bool) -> re.Match[bytes] | None:
        """An Escape that begins no sequence."""
        may_go_on = _BEGUN.fullmatch(rest) is not None
        if may_go_on and (not is_all or rest.startswith(_PASTE)):
            return None
        return re.match(rb"(?P<arrow>)(?P<character>\x1b)", rest)


def read_keys(descriptor: int, keys: Keys, within_s: float) -> list[str] | None:
    """Wait for keys; an empty list if none came in time, None if the terminal is gone."""
    if not select.select([descriptor], [], [], within_s)[0]:
        return keys.feed(b"")
    try:
        data = os.read(descriptor, _MAX_BYTES)
    except OSError:  # EIO: it was hung up
        return None
    return keys.feed(data) if data else None


@contextmanager
def single_keys(descriptor: int) -> Iterator[None]:
    """Have a terminal send keys at once and unseen, and mark what is pasted.

    Ctrl-C stays a signal. Ctrl-Z does nothing: it would leave the terminal as it is here.
    """
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSADRAIN)
        changed = termios.tcgetattr(descriptor)
        changed[6][termios.VSUSP] = _OFF
        termios.tcsetattr(descriptor, termios.TCSADRAIN, changed)
        yield
    finally:
        with suppress(termios.error):  # it may be gone
            # What was typed ahead is dropped: it must not run as a command.
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
