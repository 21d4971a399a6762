"""Open data files as streams of plain bytes, unpacking compressed files and archives.

The format is determined by the first bytes (gzip, zip, Parquet, Arrow, Excel), else by the suffix.
The unpacked size is limited, so that a small file can't exhaust memory or time.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shlex
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from newsclf.common.errors import DataError, reason_of

if TYPE_CHECKING:
    from collections.abc import Buffer  # type: ignore[attr-defined]

BINARY_FORMATS = (".parquet", ".arrow", ".xlsx")
FORMATS = (".csv", ".tsv", ".jsonl", ".json", ".txt", *BINARY_FORMATS)
_ALIASES = {
    ".ndjson": ".jsonl",
    ".jsonlines": ".jsonl",
    ".tab": ".tsv",
    ".text": ".txt",
    ".feather": ".arrow",
    ".xlsm": ".xlsx",
}
PACKED = (".gz", ".gzip", ".bz2", ".xz", ".zip")
"""Endings of compressed files and archives."""
_ZIP = b"PK\x03\x04"
_COMPRESSED: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_MAGIC = {b"PAR1": ".parquet", b"ARROW1": ".arrow"}
_UNREADABLE = {
    b"\xd0\xcf\x11\xe0": ("an Excel file of the old kind (.xls)", "save it as .xlsx, or as CSV"),
    b"\x28\xb5\x2f\xfd": ("packed with zstd", "unpack it: unzstd {path}"),
    b"7z\xbc\xaf": ("a 7z archive", "unpack it, and name the file in it"),
    b"version https://git-lfs": ("a pointer of Git LFS, not the file itself", "git lfs pull"),
    b"<!doctype html": ("an HTML page, not data", "download the file itself"),
    b"<html": ("an HTML page, not data", "download the file itself"),
}
_DAMAGE = (EOFError, OSError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile, LZMAError)
"""Errors of reading a packed file; RuntimeError: it is encrypted, or packed in an unknown way."""
_HEAD_BYTES = 32
_FREE_BYTES = 256 * 2**20
_MAX_RATIO = 200
"""Text seldom compresses by more than 20; deflate compresses zeros by 1,000."""


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes of one data file."""

    name: str
    """For messages: the path, with the member of an archive, or `stdin`."""
    format: str | None
    """One of FORMATS; None for a stream whose first line has to tell."""
    open: Callable[[], BinaryIO]
    """Opens the unpacked bytes at their start; a stream can be opened once."""
    once: bool = False


def file_format(path: Path) -> str | None:
    """Format by a file's name, ignoring suffixes of compression."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    suffix = _ALIASES.get(suffixes[-1], suffixes[-1]) if suffixes else None
    return suffix if suffix in FORMATS else None


def check_regular(path: Path) -> None:
    """Raise DataError for a pipe or a device: it has no end, or can't be read again."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise DataError(f"{path}: {reason_of(error)}") from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise DataError(
            f"{path}: a pipe or a device, not a file",
            hint="write its contents to a file, and name that; newsclf predict - reads pipes",
        )


def find_source(path: Path) -> Source:
    """The data in a file.

    Raises:
        DataError: there is no such file, it can't be read, or does not hold exactly one table.
    """
    check_regular(path)
    source = Source(str(path), file_format(path), lambda: path.open("rb"))
    try:
        head = _head(source)
        size_bytes = path.stat().st_size
    except OSError as error:
        raise DataError(f"{path}: {reason_of(error)}") from error
    unpack = next((each for magic, each in _COMPRESSED.items() if head.startswith(magic)), None)
    if unpack is not None:
        source = replace(source, open=lambda: _bounded(unpack(path), str(path), size_bytes))
    elif head.startswith(_ZIP):
        source = _in_zip(path, size_bytes)
    if source.format == ".xlsx" and head.startswith(_ZIP):
        return source
    head = _head(source)
    if head.startswith((_ZIP, *_COMPRESSED)):
        raise DataError(
            f"{source.name}: an archive in an archive",
            hint=f"unpack {shlex.quote(str(path))}, and name the file in it",
        )
    return replace(source, format=_recognised(source, head))


def zip_members(path: Path) -> list[zipfile.ZipInfo]:
    """Members of a zip archive, except those that macOS and file managers add.

    Raises:
        DataError: it is no zip file, or a damaged one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [
                member
                for member in archive.infolist()
                if not member.is_dir()
                and not member.filename.startswith("__MACOSX")
                and not PurePosixPath(member.filename).name.startswith(".")
            ]
    except _DAMAGE as error:
        raise _damaged(str(path), error) from error


def open_member(path: Path, member: zipfile.ZipInfo) -> BinaryIO:
    """One file of a zip archive; reading it raises DataError if it is damaged or unbounded."""
    name = f"{path}/{member.filename}"
    try:
        with zipfile.ZipFile(path) as archive:  # the member keeps its file open
            return _bounded(archive.open(member), name, member.compress_size)
    except _DAMAGE as error:
        raise _damaged(name, error) from error


def seekable(source: Source) -> IO[bytes]:
    """The bytes of a source as a seekable file: a copy, if they are packed."""
    stream = source.open()
    if stream.seekable():
        return stream
    with stream:
        copy = tempfile.TemporaryFile()  # noqa: SIM115 - the reader closes it
        shutil.copyfileobj(stream, copy)
    copy.seek(0)
    return copy


def unknown_format(name: str) -> DataError:
    """The error for a file of an unknown format."""
    return DataError(
        f"{name}: cannot tell what kind of file this is",
        hint=f"use a file that ends in {', '.join(FORMATS)}; .gz, .bz2, .xz and .zip may pack it",
    )


def _head(source: Source) -> bytes:
    with source.open() as stream:
        return stream.read(_HEAD_BYTES)


def _recognised(source: Source, head: bytes) -> str:
    """The format of a file by its first bytes, else by its name."""
    for magic, (what, hint) in _UNREADABLE.items():
        if head.lower().startswith(magic):
            quoted = shlex.quote(source.name)
            raise DataError(f"{source.name}: {what}", hint=hint.format(path=quoted))
    found = next((form for magic, form in _MAGIC.items() if head.startswith(magic)), source.format)
    if found is None:
        raise unknown_format(source.name)
    return found


def _in_zip(path: Path, size_bytes: int) -> Source:
    members = zip_members(path)
    names = sorted({member.filename for member in members})
    if "xl/workbook.xml" in names:
        if sum(member.file_size for member in members) > _bound(size_bytes):
            raise _too_large(str(path), size_bytes)
        return Source(str(path), ".xlsx", lambda: path.open("rb"))
    tables = [m for m in members if file_format(Path(m.filename)) and m.file_size]
    if len(tables) != 1:
        raise DataError(
            f"{path}: an archive with {len(tables) or 'no'} data files"
            f" ({', '.join(names[:5]) or 'no file'}), where one is expected",
            hint=f"unpack it, and name one of them: unzip {shlex.quote(str(path))}",
        )
    name = f"{path}/{tables[0].filename}"
    return Source(name, file_format(Path(name)), lambda: open_member(path, tables[0]))


def _bounded(stream: IO[bytes], name: str, packed_bytes: int) -> BinaryIO:
    return io.BufferedReader(_Bounded(stream, name, packed_bytes), 2**16)


def _bound(packed_bytes: int) -> int:
    return max(_FREE_BYTES, _MAX_RATIO * packed_bytes)


class _Bounded(io.RawIOBase):
    """Unpacked bytes up to a limit; damage is a DataError."""

    def __init__(self, stream: IO[bytes], name: str, packed_bytes: int) -> None:
        self._stream = stream
        self._name = name
        self._packed_bytes = packed_bytes
        self._left_bytes = _bound(packed_bytes)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        try:
            piece = self._stream.read(len(view))
        except _DAMAGE as error:
            raise _damaged(self._name, error) from error
        self._left_bytes -= len(piece)
        if self._left_bytes < 0:
            raise _too_large(self._name, self._packed_bytes)
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _damaged(name: str, error: Exception) -> DataError:
    what = "not a zip file, or a damaged one" if ".zip" in name else "damaged"
    return DataError(
        f"{name}: {what} ({reason_of(error)})",
        hint="download it again, or unpack it yourself and name the file in it",
    )


def _too_large(name: str, packed_bytes: int) -> DataError:
    return DataError(
        f"{name}: unpacks to more than {_bound(packed_bytes) / 1e9:.1f} GB, which is out of"
        " proportion",
        hint="if you trust it, unpack it and name the file in it",
    )
