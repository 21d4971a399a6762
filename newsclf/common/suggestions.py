"""Suggestions for mistyped names: "did you mean us-east-1?".

A region or instance type that is well formed is not corrected: it may be newer than this version.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_SIMILARITY = 0.75
REGION = re.compile(r"[a-z]{2,}(-[a-z]+)?-(north|south|east|west|central)+-\d+")
"""A well-formed region of AWS, such as `us-east-1`."""
INSTANCE = re.compile(r"ml\.[a-z]+\d[a-z0-9-]*\.(nano|micro|small|medium|large|\d*xlarge|metal)")
"""A well-formed instance type of SageMaker, such as `ml.c5.large`."""


def closest(typed: str, known: Iterable[str]) -> str | None:
    """The known name that is most similar to a typed one; None if none is similar."""
    found = difflib.get_close_matches(typed, sorted(known), cutoff=_SIMILARITY)
    swapped = [each for each in found if sorted(each) == sorted(typed)]
    return next(iter([*swapped, *found]), None)


def closest_region(typed: str, known: Iterable[str]) -> str | None:
    """The region that is most similar to a mistyped one; None for a well-formed name."""
    return None if REGION.fullmatch(typed) else closest(typed, known)


def closest_instance(typed: str, known: Iterable[str]) -> str | None:
    """The SageMaker instance type most similar to a mistyped one, or to one of EC2 without `ml.`.

    None for a well-formed name.
    """
    if INSTANCE.fullmatch(typed):
        return None
    return closest(f"ml.{typed.removeprefix('ml.')}", known)


def did_you_mean(typed: str, known: Iterable[str]) -> str:
    """A question that offers the closest known name; empty if none is similar."""
    found = closest(typed, known)
    return f"did you mean {found}?" if found else ""
