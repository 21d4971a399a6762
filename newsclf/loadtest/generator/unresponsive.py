"""Noticing that a target answers nothing any more, so that it is left alone."""

from __future__ import annotations

from newsclf.loadtest.generator.messages import Progress

SILENT_S = 5.0
SILENT_REQUESTS = 50


class Silence:
    """At least 50 requests failed one after the other, for at least 5 s.

    A server under too much load that still answers some is not silent: how many it answers is what
    one wants to know.
    """

    def __init__(self) -> None:
        self._failed = 0
        self._since_ns = 0

    def note(self, progress: Progress, now_ns: int) -> None:
        """Note what happened until now."""
        if progress.ok or not self._failed:
            self._since_ns = now_ns
        self._failed = 0 if progress.ok else self._failed + progress.failed

    def lasts(self, now_ns: int) -> bool:
        """Whether it has lasted long enough to be sure."""
        return self._failed >= SILENT_REQUESTS and now_ns - self._since_ns >= SILENT_S * 1e9
