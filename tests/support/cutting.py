"""A way to a server that is cut at a chosen place in what is said on it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Thread


@dataclass
class CutLine:
    """Passes connections on, and cuts one of them off, once."""

    target: int
    """Port of the server."""
    port: int = 0
    words: bytes = b""
    """What a client says when it is cut off; empty: never."""
    is_heard: bool = False
    """Whether the server hears it, and only its answer is lost."""

    def pass_on(self, client: socket.socket) -> None:
        """Pass on what either side says, until one of them ends."""
        with client, socket.create_connection(("127.0.0.1", self.target)) as server:
            answers = Thread(target=_copy, args=(server, client), daemon=True)
            answers.start()
            with suppress(OSError):
                while said := client.recv(1 << 16):
                    if self.words and self.words in said:
                        self.words = b""
                        if self.is_heard:
                            client.shutdown(socket.SHUT_RDWR)
                            server.sendall(said)
                            server.settimeout(30)
                            answers.join()
                        server.shutdown(socket.SHUT_RDWR)  # closing alone waits for the thread
                        return
                    server.sendall(said)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while said := source.recv(1 << 16):
            sink.sendall(said)


@contextmanager
def cut_line(port: int) -> Iterator[CutLine]:
    """Listen for connections to a server of this machine."""
    line = CutLine(port)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line.port = listener.getsockname()[1]

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    Thread(target=line.pass_on, args=(client,), daemon=True).start()

        Thread(target=accept, daemon=True).start()
        yield line
        listener.shutdown(socket.SHUT_RDWR)
