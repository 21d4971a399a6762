"""Read an untrusted .tar.gz within limits on its size, headers and members."""

from __future__ import annotations

import gzip
import io
import itertools
import stat
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

DAMAGED = (
    *(tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError),
    *(ValueError, RecursionError),
)
"""Exceptions from reading a damaged archive; tarfile raises the last two for odd numbers and header
chains."""
_HEADER_LIMIT_BYTES = 1024 * 1024
"""Limit on the headers before a member. PAX and GNU headers and maps of sparse files are read into
memory, and may claim any size."""
_MEMBERS_LIMIT = 10_000
_BLOCK_BYTES = 1024 * 1024


def members(path: Path, *, limit_bytes: int) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Iterate over the members, each with the open archive to read it from.

    After the last one the rest of the file is read, whose checksum stands at its end.

    Args:
        path: A regular file; a pipe would block.
        limit_bytes: Limit on the unpacked size, headers included.

    Raises:
        DAMAGED: It is not a .tar.gz, or exceeds a limit.
        OSError: It can't be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise tarfile.ReadError("it is no file")
    with gzip.open(path) as packed:
        unpacked = _Unpacked(packed, limit_bytes)
        with tarfile.open(fileobj=unpacked, mode="r:") as archive:
            for number in itertools.count(1):
                unpacked.allowed_bytes = _HEADER_LIMIT_BYTES
                info = archive.next()
                if info is None:
                    break
                _check(info, number, limit_bytes)
                unpacked.allowed_bytes = limit_bytes
                yield archive, info
        unpacked.allowed_bytes = limit_bytes
        while unpacked.read(_BLOCK_BYTES):
            pass


def _check(info: tarfile.TarInfo, number: int, limit_bytes: int) -> None:
    if info.issparse():  # a few bytes can expand to any size
        raise tarfile.ReadError(f"{info.name} is a sparse file")
    if not 0 <= info.size <= limit_bytes:
        raise tarfile.ReadError(f"{info.name} claims to have {info.size:,} bytes")
    if number > _MEMBERS_LIMIT:
        raise tarfile.ReadError(f"it has more than {_MEMBERS_LIMIT:,} members")


class _Unpacked(io.RawIOBase):
    """Unpacked gzip stream with a total limit and a limit per step."""

    def __init__(self, packed: gzip.GzipFile, limit_bytes: int) -> None:
        super().__init__()
        self._packed = packed
        self._limit_bytes = limit_bytes
        self.allowed_bytes = _HEADER_LIMIT_BYTES
        """How much may be read until this is set again."""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self.allowed_bytes:
            raise tarfile.ReadError("its headers are too long")
        block = self._packed.read(size)
        self.allowed_bytes -= len(block)
        self._check(self.tell())
        return block

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        self._check(position)
        return self._packed.seek(position, whence)

    def tell(self) -> int:
        return self._packed.tell()

    def _check(self, position: int) -> None:
        if position > self._limit_bytes:
            raise tarfile.ReadError(f"it unpacks to more than {self._limit_bytes:,} bytes")
