"""Open data files as streams of plain bytes, unpacking compressed files and archives.

The format is determined by the first bytes (gzip, zip, Parquet, Arrow, Excel), else by the suffix.
The unpacked size is limited, so that a small file can't exhaust memory or time.
"""

from __future__ import annotations

import io
import shlex
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from newsclf.common.errors import DataError, reason_of

if TYPE_CHECKING:
    from collections.abc import Buffer  # type: ignore[attr-defined]

TEXT_FORMATS = (".csv", ".tsv", ".jsonl", ".json", ".txt")
BINARY_FORMATS = (".parquet", ".arrow", ".xlsx")
FORMATS = (*TEXT_FORMATS, *BINARY_FORMATS)
_ALIASES = {
    ".ndjson": ".jsonl",
    ".jsonlines": ".jsonl",
    ".tab": ".tsv",
    ".text": ".txt",
    ".feather": ".arrow",
    ".xlsm": ".xlsx",
}
_PACKED = (".gz", ".gzip", ".bz2", ".xz", ".zip")
_MAGIC = {b"PAR1": ".parquet", b"ARROW1": ".arrow", b"PK\x03\x04": ".zip"}
_UNREADABLE = {
    b"\xd0\xcf\x11\xe0": ("an Excel file of the old kind (.xls)", "save it as .xlsx, or as CSV"),
    b"\x28\xb5\x2f\xfd": ("packed with zstd", "unpack it: unzstd {path}"),
    b"7z\xbc\xaf": ("a 7z archive", "unpack it, and name the file in it"),
    b"version https://git-lfs": ("a pointer of Git LFS, not the file itself", "git lfs pull"),
    b"<!DOCTYPE html": ("an HTML page, not data", "download the file itself"),
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
    while suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    if not suffixes:
        return None
    suffix = _ALIASES.get(suffixes[-1], suffixes[-1])
    return suffix if suffix in FORMATS else None


def is_packed(path: Path) -> bool:
    """Whether a file is compressed or an archive, by its name."""
    return path.suffix.lower() in _PACKED


def find_source(path: Path) -> Source:
    """The data in a file.

    Raises:
        DataError: there is no such file, it can't be read, or does not hold exactly one table.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise DataError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    unpack = _unpacker(head)
    if unpack is not None:
        packed = Source(str(path), file_format(path), lambda: _unpacked(path, unpack))
        with packed.open() as stream:
            inner = stream.read(_HEAD_BYTES)
        if inner.startswith(b"PK\x03\x04"):
            raise DataError(f"{path}: an archive in an archive", hint=f"gunzip {_quoted(path)}")
        return _known(packed, inner, path)
    if head.startswith(b"PK\x03\x04"):
        return _in_zip(path)
    return _known(Source(str(path), file_format(path), lambda: path.open("rb")), head, path)


def stream_source(stream: BinaryIO, form: str | None) -> Source:
    """The data of a pipe, in a text format."""
    return Source("stdin", form, lambda: stream, once=True)


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
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            stream = stack.enter_context(archive.open(member))
        except _DAMAGE as error:
            raise _damaged(name, error) from error
        return _bounded(stream, name, member.compress_size, stack.pop_all())
    raise AssertionError


def seekable(source: Source) -> BinaryIO:
    """The bytes of a source as a seekable file."""
    stream = source.open()
    if not isinstance(getattr(stream, "raw", None), _Bounded):
        return stream
    with stream:
        copy = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - the reader closes it
        shutil.copyfileobj(stream, copy)
        copy.seek(0)
        return copy


def unknown_format(name: str) -> DataError:
    """The error for a file of an unknown format."""
    return DataError(
        f"{name}: cannot tell what kind of file this is",
        hint=f"use a file that ends in {', '.join(FORMATS)}; .gz, .bz2, .xz and .zip may pack it",
    )


def _known(source: Source, head: bytes, path: Path) -> Source:
    for magic, (what, hint) in _UNREADABLE.items():
        if head.startswith(magic):
            raise DataError(f"{path}: {what}", hint=hint.format(path=_quoted(path)))
    found = next((form for magic, form in _MAGIC.items() if head.startswith(magic)), source.format)
    if found is None:
        raise unknown_format(str(path))
    return Source(source.name, found, source.open)


def _in_zip(path: Path) -> Source:
    members = zip_members(path)
    names = {member.filename for member in members}
    if "xl/workbook.xml" in names:
        return _excel(path, members)
    tables = [m for m in members if file_format(Path(m.filename)) and m.file_size]
    if len(tables) != 1:
        listed = ", ".join(sorted(names)[:5]) or "no file"
        raise DataError(
            f"{path}: an archive with {len(tables) or 'no'} data files ({listed}), where one is"
            " expected",
            hint=f"unpack it, and name one of them: unzip {_quoted(path)}",
        )
    member = tables[0]
    inner = PurePosixPath(member.filename)
    if inner.suffix.lower() in _PACKED:
        raise DataError(f"{path}/{inner}: an archive in an archive", hint=f"unzip {_quoted(path)}")
    source = Source(
        f"{path}/{inner}", file_format(Path(inner.name)), lambda: open_member(path, member)
    )
    with source.open() as stream:
        head = stream.read(_HEAD_BYTES)
    return _known(source, b"" if source.format == ".xlsx" else head, Path(source.name))


def _excel(path: Path, members: list[zipfile.ZipInfo]) -> Source:
    unpacked = sum(member.file_size for member in members)
    if unpacked > _bound(path.stat().st_size):
        raise _too_large(str(path), _bound(path.stat().st_size))
    return Source(str(path), ".xlsx", lambda: path.open("rb"))


def _unpacker(head: bytes) -> Callable[[IO[bytes]], IO[bytes]] | None:
    if head.startswith(b"\x1f\x8b"):
        import gzip

        return lambda file: cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    if head.startswith(b"BZh"):
        import bz2

        return lambda file: cast("IO[bytes]", bz2.BZ2File(file))
    if head.startswith(b"\xfd7zXZ\x00"):
        import lzma

        return lambda file: cast("IO[bytes]", lzma.LZMAFile(file))
    return None


def _unpacked(path: Path, unpack: Callable[[IO[bytes]], IO[bytes]]) -> BinaryIO:
    with ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        stream = stack.enter_context(unpack(file))
        return _bounded(stream, str(path), path.stat().st_size, stack.pop_all())
    raise AssertionError


def _bounded(stream: IO[bytes], name: str, packed_bytes: int, opened: ExitStack) -> BinaryIO:
    return io.BufferedReader(_Bounded(stream, name, _bound(packed_bytes), opened), 2**16)


def _bound(packed_bytes: int) -> int:
    return max(_FREE_BYTES, _MAX_RATIO * packed_bytes)


class _Bounded(io.RawIOBase):
    """Unpacked bytes up to a limit; damage is a DataError."""

    def __init__(self, stream: IO[bytes], name: str, most_bytes: int, opened: ExitStack) -> None:
        self._stream = stream
        self._name = name
        self._most_bytes = most_bytes
        self._left_bytes = most_bytes
        self._opened = opened

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
            raise _too_large(self._name, self._most_bytes)
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._opened.close()
        super().close()


def _damaged(name: str, error: Exception) -> DataError:
    return DataError(
        f"{name}: not a zip file, or a damaged one ({reason_of(error)})"
        if ".zip" in name
        else f"{name}: damaged ({reason_of(error)})",
        hint="download it again, or unpack it yourself and name the file in it",
    )


def _too_large(name: str, most_bytes: int) -> DataError:
    return DataError(
        f"{name}: unpacks to more than {most_bytes / 1e9:.1f} GB, which is out of proportion",
        hint="if you trust it, unpack it and name the file in it",
    )


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
