"""A worker that is bound by the clock: each job takes 20 ms, whatever the processor does meanwhile.

It speaks the protocol of `newsclf.serving.worker`, so a server before it has a known capacity.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

from newsclf.serving.worker import HEADER

JOB_S = 0.02
_CATCH_UP_S = 0.25
SCORES = [0.2, 0.3, 0.5]


def main() -> None:
    """Serve `sys.argv` as the real worker does: the socket's descriptor, and what else there is."""
    with socket.socket(fileno=int(sys.argv[1])) as connection, connection.makefile("rwb") as stream:
        texts, done_s = ["ready"], time.monotonic()
        while True:
            body = json.dumps([SCORES] * len(texts)).encode()
            stream.write(HEADER.pack(len(body)) + body)
            stream.flush()
            header = stream.read(HEADER.size)
            if len(header) < HEADER.size:
                return
            texts = json.loads(stream.read(HEADER.unpack(header)[0]))
            # A job begins when the one before it was due to end, so that waking late (others use
            # the processor) does not add up.
            done_s = max(done_s, time.monotonic() - _CATCH_UP_S) + JOB_S
            select.select([], [], [], max(0, done_s - time.monotonic()))


if __name__ == "__main__":
    main()
