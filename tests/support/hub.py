"""A Hugging Face Hub on loopback: enough of its HTTP API to download a model and a data set.

Paths and headers are those that huggingface_hub asks for and needs: the list of a repository's
files at `/api/<kind>/<id>/tree/<commit>`, and each file at `/<id>/resolve/<revision>/<path>`
with its size, its ETag and the commit.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "c0ffee" + "0" * 34


@dataclass
class Hub:
    """Repositories of the server, and the requests it got."""

    repositories: dict[str, Path]
    """`models/<id>` or `datasets/<id>` → folder."""
    url: str = ""
    requests: list[str] = field(default_factory=list)
    commit: str = COMMIT
    """The newest of each repository; all have the same files."""


@contextmanager
def serve_hub(repositories: dict[str, Path]) -> Iterator[Hub]:
    """Serve repositories on a free port of loopback."""
    hub = Hub(repositories)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

        def _answer(self, *, with_body: bool) -> None:
            hub.requests.append(f"{self.command} {self.path}")
            status, body, headers = _respond(hub, self.path.partition("?")[0])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _json(document: object) -> tuple[int, bytes, dict[str, str]]:
    return 200, json.dumps(document).encode(), {"Content-Type": "application/json"}


def _respond(hub: Hub, path: str) -> tuple[int, bytes, dict[str, str]]:
    for name, folder in hub.repositories.items():
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        if path.startswith(f"/api/{name}/revision/"):
            asked = path.rpartition("/")[2]
            sha = asked if re.fullmatch("[0-9a-f]{40}", asked) else hub.commit
            return _json({"id": name.partition("/")[2], "sha": sha})
        if path.startswith(f"/api/{name}/tree/"):
            return _json(
                [
                    {
                        "type": "file",
                        "path": file.relative_to(folder).as_posix(),
                        "size": file.stat().st_size,
                        "oid": hashlib.sha1(file.read_bytes()).hexdigest(),  # noqa: S324 - git's
                    }
                    for file in files
                ]
            )
        # Models live at the root, data sets under /datasets.
        prefix = f"/{name.removeprefix('models/')}/resolve/"
        if path.startswith(prefix):
            asked, _, rest = path.removeprefix(prefix).partition("/")
            of_commit = {"X-Repo-Commit": asked if asked != "main" else hub.commit}
            file = folder / rest
            if file.is_file():
                body = file.read_bytes()
                etag = hashlib.sha256(body).hexdigest()
                return 200, body, {"ETag": f'"{etag}"', **of_commit}
            return 404, b"", {"X-Error-Code": "EntryNotFound", **of_commit}
    return 404, b"", {"X-Error-Code": "RepoNotFound"}
