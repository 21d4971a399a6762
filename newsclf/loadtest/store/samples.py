"""One record for each request that was due: the raw data from which all figures come.

Times are nanoseconds since the point's load began; NEVER where the moment did not come.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

NEVER = -1


class Outcome(IntEnum):
    """What became of a request. Each request has exactly one."""

    OK = 0
    DROPPED = 1
    """Never sent: the backlog before the connections was full."""
    DNS = 2
    CONNECT_REFUSED = 3
    CONNECT_TIMEOUT = 4
    CONNECT_FAILED = 5
    TLS = 6
    WRITE = 7
    TIMEOUT = 8
    """No complete answer in time."""
    RESET_STALE = 9
    """A connection that had been used before ended without a byte of the answer: the server may
    have closed it while it was idle, or may have failed over this request."""
    RESET = 10
    """The connection ended before a complete answer."""
    PROTOCOL = 11
    """What came back is not HTTP."""
    HTTP_3XX = 12
    AUTH = 13
    """401 or 403."""
    THROTTLED = 14
    """429, or AWS's ThrottlingException under another status."""
    MODEL_ERROR = 15
    """424: SageMaker passes on an error of the container."""
    HTTP_4XX = 16
    """Any other."""
    DEPENDENCY = 17
    """530, SageMaker's InternalDependencyException."""
    HTTP_5XX = 18
    """Any other."""
    BAD_BODY = 19
    """200, but not with predictions."""
    CANCELLED = 20
    """In flight when the run was interrupted."""

    @property
    def words(self) -> str:
        """The outcome in words, for messages."""
        return self.name.lower().replace("_", " ")


class Sample(NamedTuple):
    """One request."""

    intended_ns: int
    """When it was due; in a closed loop, when it was sent."""
    payload: int
    """Index into the payloads."""
    outcome: Outcome
    sent_ns: int = NEVER
    first_byte_ns: int = NEVER
    ended_ns: int = NEVER
    """The answer was complete, or the request had failed."""
    status: int = 0
    """Of HTTP; 0 without one."""
    response_bytes: int = 0
    worker: int = 0
    connection: int = 0
    """Number of the connection in its worker."""
    reused: bool = False
    """A request had been answered on this connection before."""


SAMPLE = np.dtype(
    [
        ("intended_ns", "i8"),
        ("payload", "u4"),
        ("outcome", "u1"),
        ("sent_ns", "i8"),
        ("first_byte_ns", "i8"),
        ("ended_ns", "i8"),
        ("status", "u2"),
        ("response_bytes", "u4"),
        ("worker", "u1"),
        ("connection", "u4"),
        ("reused", "?"),
    ]
)
"""The fields of a Sample as a row of an array."""
Samples: TypeAlias = npt.NDArray[np.void]
"""An array of SAMPLE, in the order of `intended_ns`."""
