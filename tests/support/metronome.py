"""A worker that is bound by the clock: each job takes 20 ms, whatever the processor does meanwhile.

It speaks the protocol of `newsclf.serving.worker`, so a server before it has a known capacity.
"""

from __future__ import annotations

import json
import select
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection

JOB_S = 0.02
_CATCH_UP_S = 0.25
SCORES = [0.2, 0.3, 0.5]


def main() -> None:
    """Serve `sys.argv` as the real worker does: the socket's descriptor, and what else there is."""
    with Connection(int(sys.argv[1])) as connection, suppress(EOFError):
        jobs, done_s = [["ready"]], time.monotonic()
        while True:
            connection.send_bytes(json.dumps([[SCORES] * len(texts) for texts in jobs]).encode())
            jobs = json.loads(connection.recv_bytes())
            # A job begins when the one before it was due to end, so that waking late (others use
            # the processor) does not add up.
            done_s = max(done_s, time.monotonic() - _CATCH_UP_S) + JOB_S * len(jobs)
            select.select([], [], [], max(0, done_s - time.monotonic()))


if __name__ == "__main__":
    main()
