"""Write files atomically, without following planted links."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PRIVATE = 0o600
"""Mode of a file that only its owner may read."""

_NAME_CHARS = 50
"""Characters of the file name kept in its partial file name, which may have 255 bytes at most."""
_HEX_DIGITS = 16
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a full disk, a used up quota, and a file larger than a limit."""
_FULL_BYTES = 1 << 16
_NUMBER = re.compile(r"os error (\d+)")
"""As Rust ends the words of the system's errors."""


@contextmanager
def replacing(path: Path, *, mode: int | None = None) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of `path` when the block ends without an error.

    Until then it lies beside `path` under a random name and is created exclusively, so a link that
    was planted there cannot lead the bytes elsewhere. Where `path` is a link, the link is replaced,
    not the file that it points to. Whatever ends the block early, the new file goes.

    Args:
        path: What to write.
        mode: Permissions, whatever the umask; None: what the umask leaves of 0666.

    Raises:
        OSError: The file cannot be written there.
    """
    if _is_no_file(path):
        raise FileExistsError(
            errno.EEXIST, "a device or a pipe, which no file may replace", str(path)
        )
    digits = secrets.token_hex(_HEX_DIGITS // 2)
    partial = path.with_name(f"{_partial_prefix(path.name)}{digits}.partial")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(partial, flags, 0o666 if mode is None else mode), "wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            yield file
            file.flush()
            os.fsync(file.fileno())  # or a power cut may leave an empty file in place of the old
        partial.replace(path)
    except BaseException as error:
        with suppress(OSError):  # where it could not even be made, that is the error to show
            partial.unlink(missing_ok=True)
        # Of a full disk the error names no file, else the random one.
        if isinstance(error, OSError) and error.filename in (None, str(partial)):
            error.filename, error.filename2 = str(path), None
        raise


def synced(path: Path) -> Path:
    """The path of a file whose bytes are on the disk, so that it may take another's place.

    Raises:
        OSError: They can't be written.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return path


@contextmanager
def naming_full_disk(folder: Path) -> Iterator[None]:
    """Turn what a full disk makes of a library's writing into an OSError with a place.

    Native code tells the number of the system's error in words only, or fails when it reads again
    what was cut short.

    Args:
        folder: Where the block writes, except for temporary files.

    Raises:
        OSError: One of FULL_DISK, in place of the library's error.
    """
    import tempfile

    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        number = _full_disk_number(error)
        full = [place for place in (folder, Path(tempfile.gettempdir())) if _is_full(place)]
        if number is None and not full:
            raise
        number, place = number or errno.ENOSPC, (full or [folder])[0]
        raise OSError(number, os.strerror(number), str(place)) from error


def _full_disk_number(error: BaseException | None) -> int | None:
    """The number of a full disk's error, in an error or in those that led to it."""
    while error is not None:
        number = error.errno if isinstance(error, OSError) else None
        if found := _NUMBER.search(str(error)):
            number = int(found[1])
        if number in FULL_DISK:
            return number
        error = error.__cause__ or error.__context__
    return None


def _is_full(place: Path) -> bool:
    import shutil

    try:
        return shutil.disk_usage(place).free < _FULL_BYTES
    except OSError:
        return False


def is_partial_of(path: Path, name: str) -> bool:
    """Whether a file is a partial file that `replacing` left for `name` when killed."""
    prefix = re.escape(_partial_prefix(name))
    return re.fullmatch(rf"{prefix}[0-9a-f]{{{_HEX_DIGITS}}}\.partial", path.name) is not None


def _partial_prefix(name: str) -> str:
    return f".{name[:_NAME_CHARS]}."


def _is_no_file(path: Path) -> bool:
    """Whether a path is a device, pipe or socket, or a link to an open stream."""
    try:
        mode = path.stat().st_mode
        linked = path.is_symlink() and str(path.readlink()).startswith("/proc/self/fd")
    except OSError:
        return False
    return linked or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_bytes(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write a file atomically; see `replacing`."""
    with replacing(path, mode=mode) as file:
        file.write(content)


def write_text(path: Path, text: str, *, mode: int | None = None) -> None:
    """Write a text as UTF-8 atomically; see `replacing`."""
    write_bytes(path, text.encode(), mode=mode)


def write_private(path: Path, text: str) -> None:
    """Write a text that only the user may read, whatever the umask."""
    write_text(path, text, mode=PRIVATE)


def read_regular(path: Path, *, at_most_bytes: int, follow: bool = False) -> bytes:
    """The bytes of a regular file; a pipe is not waited for, nor a link followed unless asked.

    Raises:
        OSError: It is something else, larger, or can't be read.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    with os.fdopen(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        found = file.read(at_most_bytes + 1)
    if len(found) > at_most_bytes:
        raise OSError(errno.EFBIG, f"larger than {at_most_bytes} bytes", str(path))
    return found
