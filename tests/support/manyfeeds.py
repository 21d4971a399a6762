"""Serve many headlines in many feeds, a part more at each request, from a thread."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread

_SYLLABLES = ("ka", "lo", "mi", "ren", "tu", "vel", "pel", "dor", "shi", "nem", "qua", "bri")


@dataclass
class ManyFeeds:
    """The server, as long as it runs."""

    feeds: int
    items: int
    """Of each feed."""
    each_time: int
    """Items that a feed adds until it is asked again; it lists all that it has added."""
    port: int = 0
    answered: Counter[int] = field(default_factory=Counter)
    """Requests by feed."""
    _came: Condition = field(default_factory=Condition)

    def url(self, feed: int) -> str:
        """Address of a feed, each on a host of its own where all of 127.0.0.0/8 is loopback."""
        host = f"127.0.2.{feed + 1}" if sys.platform == "linux" else "127.0.0.1"
        return f"http://{host}:{self.port}/{feed}"

    def wait_for_request(self) -> None:
        """Wait until any feed has been asked once more."""
        with self._came:
            before = self.answered.total()
            assert self._came.wait_for(lambda: self.answered.total() > before, timeout=60)

    def document(self, feed: int) -> bytes:
        """What a feed lists now."""
        with self._came:
            self.answered[feed] += 1
            shown = min(self.items, self.each_time * self.answered[feed])
            self._came.notify_all()
        items = "".join(
            f"<item><title>{_title(feed, number)}</title><guid>{feed}-{number}</guid></item>"
            for number in range(shown)
        )
        return f"<rss version='2.0'><channel>{items}</channel></rss>".encode()


@contextmanager
def many_feeds(*, feeds: int, items: int, each_time: int) -> Iterator[ManyFeeds]:
    """Run the server."""
    served = ManyFeeds(feeds, items, each_time)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/robots.txt":
                self.send_error(404)
                return
            body = served.document(int(self.path.strip("/")))
            self.send_response(200)
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)  # noqa: S104 - several hosts of loopback
    served.port = server.server_port
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()


def _title(feed: int, number: int) -> str:
    """Seven words of its own: no two headlines resemble each other."""
    rng = random.Random(f"{feed} {number}")  # noqa: S311 - words, not secrets
    words = ["".join(rng.choices(_SYLLABLES, k=rng.randrange(2, 5))) for _ in range(7)]
    return " ".join(words).capitalize()
