"""What every module that looks after one kind of AWS resource offers.

`deploy` and `wire-api` walk the resources forwards: look at all of them, show the plan, then ensure
each. `teardown` walks them backwards and deletes. Each call may be repeated, and may find that an
earlier run was cut off anywhere in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Action = Literal["create", "keep", "update", "replace"]


@dataclass(frozen=True, slots=True)
class Look:
    """What a resource needs, as found by reading only."""

    action: Action
    detail: str = ""
    """What is there or will be, or what differs: `ml.c5.xlarge × 1`, `instance m5 → c5`."""
    usd_per_hour: float | None = None
    """What it will cost while it is up; None: nothing by the hour."""
    found: Mapping[str, str] = field(default_factory=dict)
    """Ids that only AWS knows, such as an API's."""


class Remains(Protocol):
    """One kind of AWS resource of a deployment, for taking it away; its name tells which it is."""

    @property
    def kind(self) -> str:
        """For people and the journal: `endpoint configuration`."""
        ...

    @property
    def name(self) -> str:
        """Its name on AWS."""
        ...

    def delete(self) -> bool:
        """Delete it and wait until it is gone; False if it was not there."""
        ...

    def exists(self) -> bool:
        """Whether any of it is left, for the proof after a teardown."""
        ...


class Resource(Remains, Protocol):
    """One AWS resource of a deployment, as it is wanted."""

    def look(self) -> Look:
        """See what it needs; changes nothing. Errors are those of `Clients.call`."""
        ...

    def ensure(self) -> Mapping[str, str]:
        """Create or update it, wait until it can be used; returns ids that only AWS knows."""
        ...
