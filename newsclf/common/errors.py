"""Errors shown to the user, with their exit codes.

    NewsclfError                exit 1   anything below, or a failure that fits nowhere else
    ├─ ConfigError              exit 2   a flag, an environment variable or a TOML field is wrong
    ├─ CredentialsError         exit 2   AWS credentials are missing or unusable
    ├─ DataError                exit 2   a data file can't be used; names the file and the line
    │  └─ MissingColumnError            it has no column of the name that was asked for
    ├─ MissingExtraError        exit 2   the command needs packages that are not installed
    ├─ StateError               exit 3   a deployment is unknown, in the way, or of another version
    ├─ ModelError               exit 3   a model directory is missing, damaged or of another make
    ├─ TargetError              exit 4   the target refused, or what was deployed did not come up
    ├─ RequestRejectedError     exit 5   a deployment did not take a request
    ├─ ServiceError             exit 5   a deployment did not answer, or failed
    ├─ DownloadError            exit 5   the Hub did not deliver a data set or a base model
    ├─ CheckFailedError         exit 6   an accuracy or parity gate was not met
    └─ InterruptedRunError      exit 130 Ctrl-C stopped something that can be resumed

A message says what failed and on what; a hint holds the next command to type. The CLI turns these
into one line on stderr, and so what the operating system refuses (OSError, exit 1) and a wrong
command line (exit 2); anything else is a bug and keeps its traceback. Ctrl-C exits with 130,
SIGTERM with 143, SIGHUP with 129.
"""

from __future__ import annotations

import json
import shlex
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit


class NewsclfError(Exception):
    """Base of the errors that are shown to the user instead of a traceback."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(NewsclfError):
    """A flag, an environment variable or a settings file holds something unusable."""

    exit_code = 2


class CredentialsError(NewsclfError):
    """AWS credentials are needed but missing or incomplete."""

    exit_code = 2


class DataError(NewsclfError):
    """A data file can't be read or lacks required content."""

    exit_code = 2


class MissingColumnError(DataError):
    """A data file lacks a requested column."""

    def __init__(self, message: str, *, hint: str, setting: str) -> None:
        super().__init__(message, hint=hint)
        self.setting = setting
        """`text_column` or `label_column`."""


class MissingExtraError(NewsclfError):
    """A package that belongs to an optional extra is not installed."""

    exit_code = 2

    def __init__(self, package: str, *, extra: str | None, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed",
            hint=f"pip install {package}" if extra is None else install_command(extra),
        )


def install_command(extra: str) -> str:
    """How to install an extra: from the wheel or the clone, since newsclf is not on PyPI.

    A package of that name on an index would be somebody else's.
    """
    wheel = _wheel()
    if wheel is not None:
        return f"pip install {shlex.quote(f'{wheel}[{extra}]')}"
    return f"pip install '.[{extra}]' in the clone of newsclf"


def _wheel() -> Path | None:
    """The file from which pip has installed newsclf (PEP 610); None if that was no file."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        origin = json.loads(distribution("newsclf").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return None
    if "archive_info" not in origin or not str(origin.get("url")).startswith("file:"):
        return None
    path = Path(unquote(urlsplit(origin["url"]).path))
    return path if path.is_file() else None


class StateError(NewsclfError):
    """A deployment is unknown, in the way, or recorded by another version."""

    exit_code = 3


class TargetError(NewsclfError):
    """The target refused something, or what was deployed did not come up."""

    exit_code = 4


class RequestRejectedError(NewsclfError):
    """A deployment did not take a request."""

    exit_code = 5


class ServiceError(NewsclfError):
    """A deployment did not answer, or failed."""

    exit_code = 5
    code = ""
    """The service's own code of the failure, if it gave one."""


class ModelError(NewsclfError):
    """A model directory is missing, incomplete or not what its card says."""

    exit_code = 3


class DownloadError(NewsclfError):
    """A data set or a base model could not be fetched."""

    exit_code = 5


class CheckFailedError(NewsclfError):
    """A gate that the user or the project set was not met."""

    exit_code = 6


class InterruptedRunError(NewsclfError):
    """The user interrupted a run; its progress is kept and can be resumed."""

    exit_code = 130


def reason_of(error: Exception) -> str:
    """Why something failed, in the middle of a sentence: `permission denied`, without the path."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    if isinstance(error, EOFError) and not str(error):  # of a zip whose size is a lie
        return "it ends early"
    return (str(error) or type(error).__name__).splitlines()[0]


def require_extra(*packages: str, extra: str | None, purpose: str) -> None:
    """Raise MissingExtraError unless every package can be imported. Imports none of them.

    Args:
        packages: Their names, for imports as for pip.
        extra: What to install; None: the package alone, which is enough for the purpose.
        purpose: What they are needed for.
    """
    for package in packages:
        if find_spec(package) is None:
            raise MissingExtraError(package, extra=extra, purpose=purpose)
