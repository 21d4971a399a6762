"""Run newsclf in a process where waiting is short: its monotonic clock goes faster.

    python fast_clock.py SPEED ARGUMENTS…

Intervals, pauses and time-outs of the event loop take 1/SPEED of their time. The wall clock is as
it is, and so is the time that work takes.
"""

from __future__ import annotations

import selectors
import signal
import sys
import time

_monotonic = time.monotonic
_select = selectors.DefaultSelector.select


def main() -> None:
    """Change the clock, then run the command line."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    speed = float(sys.argv.pop(1))

    def monotonic() -> float:
        return _monotonic() * speed

    def select(
        self: selectors.DefaultSelector, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        return _select(self, timeout if timeout is None else timeout / speed)

    time.monotonic = monotonic
    selectors.DefaultSelector.select = select  # type: ignore[method-assign]
    # Only now: many modules take the clock when they are imported.
    from newsclf.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
