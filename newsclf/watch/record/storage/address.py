"""Addresses of records: a file, or a PostgreSQL database."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from newsclf.common.errors import ConfigError

_SCHEMES = ("postgresql://", "postgres://")
_HINT = "such as postgresql://watch@db.example.com/news; the password in PGPASSWORD or ~/.pgpass"
# Strict, so that no part of a password is ever taken for something that may be shown.
_HOST = r"(?:\[[0-9A-Fa-f:.%\w]+\]|[^\s:@/?#\[\],]*)(?::\d*)?"
_URL = re.compile(
    rf"postgres(?:ql)?://(?:[^\s:@/?#\[\]]*(?::[^\s:@/?#\[\]]*)?@)?{_HOST}(?:,{_HOST})*"
    r"(?:/[^\s:@/?#\[\]]*)?(?:\?[^\s@?#]*)?"
)
_LOOKS_LIKE_POSTGRES = re.compile(
    r"\s*postgres(?:ql)?:|(?:^|.*\s)(?:password|dbname)\s*=", re.IGNORECASE | re.DOTALL
)
"""A URL with an error at its beginning, or libpq's `host=… password=…`."""
_SECRET_PARAMETERS = (
    "password",
    "sslpassword",
    "oauth_client_secret",
    "scram_client_key",
    "scram_server_key",
)
_SHOWN_PARAMETERS = (
    *("host", "hostaddr", "port", "dbname", "user", "service", "application_name"),
    *("sslmode", "sslrootcert", "connect_timeout", "target_session_attrs"),
)
"""Whatever is not among them, such as a misspelt password, is left out."""


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """URL of a PostgreSQL database, in the form that libpq takes."""

    text: str = field(repr=False)
    """As it was given; it may hold a password."""

    def __str__(self) -> str:
        """The URL with what may be shown and logged: no passwords, no unknown parameters."""
        parts = urlsplit(self.text)
        user, at, host = parts.netloc.rpartition("@")
        shown = f"{parts.scheme}://{user.partition(':')[0]}{at}{host}{parts.path}"
        kept = [(k, v) for k, v in parse_qsl(parts.query) if k in _SHOWN_PARAMETERS]
        return f"{shown}?{urlencode(kept, safe='/')}" if kept else shown

    @property
    def passwords(self) -> tuple[str, ...]:
        """Those that it holds, as they are."""
        parts = urlsplit(self.text)
        given = unquote(parts.netloc.rpartition("@")[0].partition(":")[2])
        named = (value for name, value in parse_qsl(parts.query) if name in _SECRET_PARAMETERS)
        return tuple(filter(None, (given, *named)))


Place: TypeAlias = Path | DatabaseUrl
"""Where a record is."""


def place_of(given: str | Path) -> Place:
    """Read where a record is: a path, or a URL that begins with `postgresql://`.

    Raises:
        ConfigError: It is empty, another URL, or one that can't be read. The message doesn't
            repeat it, since it may hold a password.
    """
    text = str(given)
    if not text.strip():
        raise ConfigError(
            "the record has an empty name", hint="name a file, such as news.db, or a database"
        )
    if isinstance(given, Path) or not ("://" in text or _LOOKS_LIKE_POSTGRES.match(text)):
        return Path(text)
    if not text.startswith(_SCHEMES):
        raise ConfigError("a record is a file, or a PostgreSQL database", hint=_HINT)
    if not _URL.fullmatch(text):
        raise ConfigError(
            "the URL of the record can't be read: in a user, a password or a parameter, write %40"
            " for @, %3A for :, %2F for /, %3F for ? and %23 for #",
            hint=_HINT,
        )
    return DatabaseUrl(text)


def place_of_option(given: str) -> Place:
    """Read where a record is from the command line.

    Raises:
        ConfigError: It can't be read, or holds a password, which every user of this machine sees
            in the list of processes.
    """
    place = place_of(given)
    if isinstance(place, DatabaseUrl) and place.passwords:
        raise ConfigError(
            f"{place}: a password on the command line is visible to others on this machine",
            hint="leave it out of the URL: export PGPASSWORD, or write it to ~/.pgpass",
        )
    return place
