"""Waiting for something that AWS takes minutes for, with a log line for each new status."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from newsclf.deploy.aws.call.clock import Clock

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")
_REPEAT_S = 5 * 60.0
"""How long until an unchanged status is logged again."""


def follow(
    clock: Clock,
    what: str,
    look: Callable[[], tuple[str, _Result | None]],
    *,
    at_most_s: float,
) -> _Result | None:
    """Look again and again until there is a result; None when the time is over.

    Args:
        what: What is followed, for the log: `endpoint newsclf-news`.
        look: Finds its status, empty if there is nothing to log, and a result once it has ended.
        at_most_s: How long.
    """
    began_s = clock.now_s()
    logged: tuple[str, float] = ("", began_s)

    def result() -> _Result | None:
        nonlocal logged
        status, found = look()
        now_s = clock.now_s()
        if status and (status != logged[0] or now_s - logged[1] > _REPEAT_S):
            minutes, seconds = divmod(int(now_s - began_s), 60)
            log.info("%d:%02d %s: %s", minutes, seconds, what, status)
            logged = status, now_s
        return found

    return clock.until(result, at_most_s=at_most_s)
