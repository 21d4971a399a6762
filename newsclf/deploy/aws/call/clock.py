"""The clock for all waiting on AWS, which tests replace by one that does not wait."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from newsclf.common.errors import ServiceError

log = logging.getLogger(__name__)

_Found = TypeVar("_Found")
_REPEAT_S = 5 * 60.0
"""How long until an unchanged status is logged again."""
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 15.0
_GROWTH = 1.5
_UNREACHABLE_AT_MOST_S = 600.0


class Clock:
    """The real clock; tests override `now_s` and `sleep`."""

    def now_s(self) -> float:
        """Seconds since a fixed point in time."""
        return time.monotonic()

    def sleep(self, pause_s: float) -> None:
        """Wait; Ctrl-C ends it."""
        threading.Event().wait(pause_s)

    def until(self, look: Callable[[], _Found | None], *, at_most_s: float) -> _Found | None:
        """Look again and again, at first each second and later each quarter of a minute.

        Returns:
            The first look that found something, or None when the time is over.
        """
        end_s = self.now_s() + at_most_s
        pause_s = _FIRST_PAUSE_S
        while (found := look()) is None:
            left_s = end_s - self.now_s()
            if left_s <= 0:
                return None
            self.sleep(min(pause_s, left_s))
            pause_s = min(pause_s * _GROWTH, _LONGEST_PAUSE_S)
        return found

    def follow(
        self, what: str, look: Callable[[], tuple[str, _Found | None]], *, at_most_s: float
    ) -> _Found | None:
        """Look until there is a result, and log each new status; None when the time is over.

        What takes hours is not given up because a look fails: it fails all the time only after ten
        minutes.

        Args:
            what: What is followed, for the log: `endpoint newsclf-news`.
            look: Finds its status, empty if there is nothing to log, and a result once it has
                ended.

        Raises:
            ServiceError: AWS can't be reached, is busy, or failed for ten minutes.
        """
        began_s = reached_s = self.now_s()
        logged: tuple[str, float] = ("", began_s)

        def result() -> _Found | None:
            nonlocal logged, reached_s
            try:
                status, found = look()
                now_s = reached_s = self.now_s()
            except ServiceError as error:
                now_s = self.now_s()
                if now_s - reached_s > _UNREACHABLE_AT_MOST_S:
                    raise
                status, found = f"{error.message}; trying again", None
            if status and (status != logged[0] or now_s - logged[1] > _REPEAT_S):
                minutes, seconds = divmod(int(now_s - began_s), 60)
                log.info("%d:%02d %s: %s", minutes, seconds, what, status)
                logged = status, now_s
            return found

        return self.until(result, at_most_s=at_most_s)
