"""A process that classifies for the server: texts come in over a socket, scores go back.

Messages are a length of four bytes, big-endian, and JSON: a list of headlines one way, a list of
[negative, neutral, positive] probabilities the other. The first message is sent unasked when the
engine has made a real prediction. The process ends when its socket is closed, so it never outlives
the server, however that ends.
"""

from __future__ import annotations

import json
import signal
import socket
import struct
import sys
from pathlib import Path

from newsclf.core.errors import ModelError
from newsclf.serving.engine import PROBE, Engine

HEADER = struct.Struct(">I")


def main() -> None:
    """Serve `sys.argv`: the socket's descriptor, the model directory, the threads."""
    # Ctrl-C in a terminal goes to the whole group; the server decides when workers stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descriptor, folder, threads = sys.argv[1:]
    with socket.socket(fileno=int(descriptor)) as connection:
        try:
            engine = Engine(Path(folder), threads=int(threads))
        except ModelError as error:
            # Said before the socket closes, at which the server ends this process.
            sys.stderr.write(f"{error.message}\n")
            sys.exit(error.exit_code)
        _send(connection, engine, [PROBE])
        while (message := _receive(connection)) is not None:
            _send(connection, engine, json.loads(message))


def _send(connection: socket.socket, engine: Engine, texts: list[str]) -> None:
    body = json.dumps([prediction.scores for prediction in engine.classify(texts)]).encode()
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
