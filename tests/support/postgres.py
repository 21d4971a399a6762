"""A PostgreSQL server of its own for tests: started, killed and stopped by them."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

USER = "watcher"
INSTALL = (
    "PostgreSQL's server is not installed (initdb is neither on PATH nor in the usual places):"
    " sudo apt-get install postgresql, or brew install postgresql"
)
_PLACES = ("/usr/lib/postgresql", "/usr/local/opt", "/opt/homebrew/opt")
_UNPRIVILEGED = ("postgres", "nobody")
"""Users as whom a server may run where tests run as root, which it refuses."""
# A kill of the server's processes loses nothing without fsync; only a power cut would.
_OPTIONS = "-c fsync=off -c listen_addresses=127.0.0.1 -c max_connections=40"


def binaries() -> Path | None:
    """Folder of the server's programs; None if it isn't installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    there = (path for place in _PLACES for path in Path(place).glob("**/bin/initdb"))
    return max((path.parent for path in there), default=None)


@dataclass
class PostgresServer:
    """A server on loopback, and on a socket in its folder."""

    folder: Path
    port: int
    programs: Path
    user: str | None
    """As whom it runs; None: as the tests do."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = f"-p {self.port} -k {self.folder} {_OPTIONS}"
        self.run("pg_ctl", "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` is a crash."""
        self.run("pg_ctl", "-w", "-m", mode, "stop")

    def make_database(self, *options: str) -> str:
        """A new database; returns its URL."""
        name = f"news{next(self._numbers)}"
        with self.connect("postgres") as connection:
            connection.execute(" ".join(["CREATE DATABASE", name, *options]))
        return self.url(name)

    def url(self, database: str, user: str = USER, **parameters: str) -> str:
        """URL of a database, over TCP."""
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}" + (
            f"?{query}" if query else ""
        )

    def connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        """A connection of the superuser, each of whose statements is committed."""
        import psycopg

        return psycopg.connect(self.url(database), autocommit=True)

    def run(self, program: str, *arguments: object) -> None:
        """Run one of the server's programs on its data."""
        command = [self.programs / program, "-D", self.folder / "data", *arguments]
        with (self.folder / "output").open("ab") as output:  # a server keeps what it inherits
            done = subprocess.run(
                [*map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                user=self.user,
                cwd=self.folder,
                timeout=60,
            )
        assert done.returncode == 0, (self.folder / "output").read_text("utf-8")[-2000:]


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Make a server, and remove it."""
    programs = binaries()
    assert programs is not None, INSTALL
    user = None
    if os.geteuid() == 0:
        names = {each.pw_name for each in pwd.getpwall()}
        user = next(name for name in _UNPRIVILEGED if name in names)
    # Not in pytest's folder, which no other user may enter; and the path of a socket is short.
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as name:
        folder = Path(name)
        if user is not None:
            shutil.chown(folder, user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = PostgresServer(folder, port, programs, user)
        server.run("initdb", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
