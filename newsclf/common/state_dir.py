"""The state directory: private folders and files, none of them behind a link.

    .newsclf/
      deployments/NAME.json   what is deployed
      run/NAME/               its logs, and the credential and settings of its API
      runs/                   load tests
      wheels/                 what archives hold besides the model
      prices.toml             what AWS was asked for

It lies in the working directory, so it may have come with a repository or an archive, or lie where
others can write. Nothing in it is believed before it was looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from newsclf.common.errors import StateError, reason_of
from newsclf.common.files import PRIVATE, is_partial_of
from newsclf.common.ownership import ownership_problem

DEFAULT_STATE_DIR = Path(".newsclf")
SERVER_LOG = "server.log"
GATEWAY_LOG, OLD_GATEWAY_LOG = "gateway.log", "gateway.log.1"
KEY_FILE, SETTINGS_FILE = "api.key", "gateway.json"
RUN_FILES = (SERVER_LOG, GATEWAY_LOG, OLD_GATEWAY_LOG, KEY_FILE, SETTINGS_FILE)
"""Names of all files that newsclf writes into a deployment's folder."""

_PRIVATE_FOLDER = 0o700


class StateDir:
    """Where the files of deployments are; all paths derive from the directory and a name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.deployments = path / "deployments"

    def record(self, name: str) -> Path:
        """The record of a deployment."""
        return self.deployments / f"{name}.json"

    def lock(self, name: str) -> Path:
        """Lock file of a deployment."""
        return self.deployments / f".{name}.lock"

    def run_folder(self, name: str) -> Path:
        """The folder of a deployment's logs and credential: absolute, for other processes."""
        return self.path.resolve() / "run" / name

    def check(self) -> None:
        """Refuse a state directory that somebody else could have written, or that is a link.

        Raises:
            StateError: it says what is wrong, and what to type.
        """
        for folder in (self.path, self.deployments, self.path / "run"):
            self._check(folder, folder=True)

    def check_files(self, name: str) -> None:
        """Refuse the files of a deployment in the same way."""
        run = self.path / "run" / name
        self._check(run, folder=True)
        for file in (self.record(name), self.lock(name), *(run / each for each in RUN_FILES)):
            self._check(file, folder=False)

    def create(self, *parts: str) -> Path:
        """Create a private folder in the state directory, and the directory itself.

        Returns:
            The folder.

        Raises:
            StateError: it can't be made, or one of the folders is refused.
        """
        self.check()
        folder = self.path
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
        _make(folder)
        for part in parts:
            folder /= part
            self._check(folder, folder=True)
            _make(folder)
        return folder

    def remove_run_folder(self, name: str) -> list[Path]:
        """Remove the files that newsclf wrote into the folder of a deployment, and the folder.

        Returns:
            Files left in place because newsclf did not write them.

        Raises:
            StateError: a file can't be removed.
        """
        folder = self.path / "run" / name
        left = []
        with writing(folder):
            for path in sorted(folder.iterdir()) if folder.is_dir() else []:
                if path.is_dir() and not path.is_symlink():
                    left.append(path)
                elif path.name in RUN_FILES or any(is_partial_of(path, f) for f in RUN_FILES):
                    path.unlink(missing_ok=True)
                else:
                    left.append(path)
            if not left and folder.is_dir():
                folder.rmdir()
        return left

    def remove_record(self, name: str) -> None:
        """Remove the record of a deployment, and partial files of killed commands."""
        record = self.record(name)
        with writing(record):
            for path in [*self.deployments.glob(".*.partial"), record]:
                if path == record or is_partial_of(path, record.name):
                    path.unlink(missing_ok=True)

    def _check(self, path: Path, *, folder: bool) -> None:
        try:
            found = ownership_problem(path, folder=folder)
        except OSError as error:
            raise unusable(path, error) from None
        if found is None:
            return
        leads_to = f"--state-dir {path.resolve()} names what it leads to, if you trust that"
        hints = {
            "link": leads_to if path == self.path else f"rm {path}",
            "kind": "move it away, or name another directory with --state-dir",
            "owner": "name a state directory of your own with --state-dir",
            "mode": f"if you trust what is in it: chmod -R go-w {self.path}",
        }
        more = ", and newsclf follows none in its state directory" if found.kind == "link" else ""
        raise StateError(f"{path} {found.words}{more}", hint=hints[found.kind])


def private_folder(folder: Path) -> Path:
    """Make a folder in a state directory, such as that of the load tests; see `StateDir.create`."""
    return StateDir(folder.parent).create(folder.name)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a file system error into a StateError with the path and a hint.

    Raises:
        StateError: instead of OSError.
    """
    try:
        yield
    except OSError as error:
        raise unusable(path, error) from None


def open_log(path: Path) -> int:
    """Open a private log for appending; StateError if that fails."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    with writing(path):
        descriptor = os.open(path, flags, PRIVATE)
        os.fchmod(descriptor, PRIVATE)
        return descriptor


def _make(folder: Path) -> None:
    with writing(folder):
        try:
            folder.mkdir(mode=_PRIVATE_FOLDER)
        except FileExistsError:
            return
        folder.chmod(_PRIVATE_FOLDER)  # the umask may have removed bits


def unusable(path: Path, error: OSError) -> StateError:
    """The StateError for a path that cannot be used, with a hint."""
    return StateError(
        f"{path}: cannot be used ({reason_of(error)})",
        hint="see that it can be written and has room, or name another directory with"
        " --state-dir DIR",
    )
