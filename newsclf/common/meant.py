"""What a mistyped name was meant to be.

A real region or instance that is merely not known here is told from a slip by its form.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_LIKENESS = 0.75
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)?-(north|south|east|west|central)+-\d+")
_INSTANCE = re.compile(r"ml\.[a-z]+\d+[a-z-]*\.(nano|micro|small|medium|large|\d*xlarge|metal)")


def region_meant(typed: str, known: Iterable[str]) -> str | None:
    """The region that a mistyped one is most like; None if it can be one, or is like none."""
    return None if _REGION.fullmatch(typed) else closest(typed, known)


def instance_meant(typed: str, known: Iterable[str]) -> str | None:
    """The instance that a mistyped one is most like; None if it can be one, or is like none.

    EC2's names lack the `ml.` of SageMaker's.
    """
    if _INSTANCE.fullmatch(typed):
        return None
    return closest(f"ml.{typed.removeprefix('ml.')}", known)


def closest(typed: str, known: Iterable[str]) -> str | None:
    """The known name that a typed one is most like; None if it is like none."""
    found = difflib.get_close_matches(typed, sorted(known), cutoff=_LIKENESS)
    swapped = [each for each in found if sorted(each) == sorted(typed)]
    return next(iter([*swapped, *found]), None)
