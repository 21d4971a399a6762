"""Lengths of time as people write them: `90m`, `2h`, `1d`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta

from newsclf.core.errors import ConfigError

_PARTS = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?", re.ASCII)


def parse_duration(text: str, option: str) -> timedelta:
    """Read days, hours and minutes, such as `1d12h` or `90m`.

    Args:
        text: What the user wrote.
        option: Where, for the message.

    Raises:
        ConfigError: it is something else, or no time at all.
    """
    match = _PARTS.fullmatch(text.strip().lower())
    days, hours, minutes = (int(part or 0) for part in (match.groups() if match else (0, 0, 0)))
    duration = timedelta(days=days, hours=hours, minutes=minutes)
    if not duration:
        raise ConfigError(f"{option} {text}: expected a time such as 90m, 2h or 1d12h")
    return duration
