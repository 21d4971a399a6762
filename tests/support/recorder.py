"""A server on loopback that gives every request the same answer and keeps what it was sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass(frozen=True)
class Recorder:
    """The server, as long as it runs."""

    port: int
    requests: list[str] = field(default_factory=list)
    """First line and headers of each request."""
    bodies: list[bytes] = field(default_factory=list)
    """Body of each request."""

    @property
    def url(self) -> str:
        """URL of the server."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def recorder(status: int = 200, body: bytes = b"{}", port: int = 0) -> Iterator[Recorder]:
    """Run the server.

    Args:
        status: Of every answer.
        body: Of every answer.
        port: Where it listens; 0 takes a free one.
    """

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            found.requests.append(f"{self.requestline}\n{self.headers}")
            found.bodies.append(self.rfile.read(int(self.headers.get("content-length", 0))))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_CONNECT = _answer  # noqa: N815 - http.server calls these

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        found = Recorder(server.server_port)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
