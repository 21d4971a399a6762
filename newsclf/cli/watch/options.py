"""Options of `newsclf watch` and its subcommands, and what they need."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from newsclf.common.settings import Settings
    from newsclf.watch.configuration import WatchSettings
    from newsclf.watch.record.storage.address import Place


def utc_time(text: str | dt.datetime) -> dt.datetime:
    """Read a time; one without a zone is UTC.

    Raises:
        ValueError: It is no time.
    """
    if isinstance(text, dt.datetime):
        return text
    try:
        at = dt.datetime.fromisoformat(text)
        return at.replace(tzinfo=dt.UTC) if at.tzinfo is None else at.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        message = "expected a time such as 2026-11-26T12:00, in UTC, or with +01:00"
        raise ValueError(message) from None


FileOpt = Annotated[
    Path | None,
    typer.Option(
        "--file",
        "-f",
        metavar="FILE",
        help="Sources, watch list, signals and alerts, in TOML.",
        show_default="watch.toml",
    ),
]
UntilOpt = Annotated[
    dt.datetime | None,
    typer.Option(
        parser=utc_time,
        metavar="TIME",
        help="Use nothing that became known later, such as 2026-11-26T12:00 (UTC).",
        show_default="all that is recorded",
    ),
]
RecordOpt = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|URL",
        help="Record of what was seen, and when: a file, or postgresql://HOST/NAME, which"
        " several watches can share.",
        show_default=".newsclf/watch/record.db",
    ),
]
_FILE = Path("watch.toml")


def require_watch(purpose: str = "watch") -> None:
    """Raise MissingExtraError unless the extra `watch` is installed."""
    from newsclf.common.errors import require_extra

    require_extra("feedparser", "protego", "sqlalchemy", extra="watch", purpose=purpose)


def settings_file(given: Path | None) -> Path:
    """The watch.toml to read, or to write."""
    return given if given is not None else _FILE


def read_settings(given: Path | None) -> tuple[WatchSettings, Path]:
    """What to watch, and the folder to which its paths are relative.

    Raises:
        ConfigError: The file is missing, or can't be used.
    """
    from newsclf.common.errors import ConfigError
    from newsclf.watch.configuration import load_watch

    path = settings_file(given)
    if given is None and not path.exists():
        raise ConfigError(
            f"{path}: no such file in this folder",
            hint="newsclf watch --init writes one to start from; --file names another",
        )
    return load_watch(path), path.parent


def record_place(given: str | None, settings: Settings, *, make: bool) -> Place:
    """Where the record is.

    Args:
        given: By --record: a file, whose folder must exist, or the URL of a database.
        settings: With the state directory, for the default.
        make: Make the default's folder, so that the file can be made.

    Raises:
        ConfigError: The URL can't be used, or holds a password.
        StateError: The folder can't be made, or could have been written by somebody else.
    """
    from newsclf.common.state_dir import private_folder
    from newsclf.watch.record.storage.address import place_of_option

    if given is not None:
        return place_of_option(given)
    folder = settings.state_dir / "watch"
    return (private_folder(folder) if make else folder) / "record.db"
