"""A process that classifies for the server: texts come in over a socket, scores go back.

Messages are a length of four bytes, big-endian, and JSON: a list of headlines one way, a list of
[negative, neutral, positive] probabilities the other, or {"error": "…"} when the model failed. The
first message is sent unasked when the engine has made a real prediction, or when it cannot. The
process ends when its socket is closed, so it never outlives the server, however that ends.
"""

from __future__ import annotations

import json
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

from newsclf.common.errors import ModelError
from newsclf.serving.engine import PROBE, Engine

HEADER = struct.Struct(">I")


def main() -> None:
    """Serve `sys.argv`: the socket's descriptor, the model directory, the threads, the digests.

    The digests are a JSON object: the SHA-256 of each file that the engine reads, as they were when
    the server started.
    """
    # Ctrl-C in a terminal goes to the whole group; the server decides when workers stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descriptor, folder, threads, digests = sys.argv[1:]
    with socket.socket(fileno=int(descriptor)) as connection, suppress(ConnectionError):
        try:
            engine = Engine(Path(folder), threads=int(threads), digests=json.loads(digests))
            engine.classify([PROBE])
        except ModelError as error:
            _send(connection, {"error": error.message})
            sys.exit(error.exit_code)
        message: bytes | None = json.dumps([PROBE]).encode()
        while message is not None:
            _send(connection, _answer(engine, json.loads(message)))
            message = _receive(connection)


def _answer(engine: Engine, texts: list[str]) -> object:
    try:
        return [prediction.scores for prediction in engine.classify(texts)]
    except ModelError as error:
        return {"error": error.message}


def _send(connection: socket.socket, document: object) -> None:
    body = json.dumps(document).encode()
    connection.sendall(HEADER.pack(len(body)) + body)


def _receive(connection: socket.socket) -> bytes | None:
    header = _receive_exactly(connection, HEADER.size)
    return _receive_exactly(connection, HEADER.unpack(header)[0]) if header else None


def _receive_exactly(connection: socket.socket, size: int) -> bytes | None:
    received = bytearray()
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            return None
        received += part
    return bytes(received)


if __name__ == "__main__":
    main()
