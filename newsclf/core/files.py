"""Write files whole or not at all, without following links that somebody planted."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PRIVATE = 0o600
"""Mode of a file that only its owner may read."""


@contextmanager
def replacing(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of `path` when the block ends without an error.

    Until then it lies beside `path` under a random name and is created exclusively, so a link that
    was planted there cannot lead the bytes elsewhere. Where `path` is a link, the link is replaced,
    not the file that it points to. Whatever ends the block early, the new file goes.

    Args:
        path: What to write.
        mode: Permissions, from which the umask takes its part.

    Raises:
        OSError: The file cannot be written there.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(partial, flags, mode), "wb") as file:
            yield file
        partial.replace(path)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):  # of a full disk it names no file, else the random one
            error.filename = str(path)
            error.filename2 = None
        raise


def write_text(path: Path, text: str, *, mode: int = 0o666) -> None:
    """Write a text as UTF-8, whole or not at all; see `replacing`."""
    with replacing(path, mode=mode) as file:
        file.write(text.encode())


def write_private(path: Path, text: str) -> None:
    """Write a text that only the user may read, whatever the umask."""
    write_text(path, text, mode=PRIVATE)
