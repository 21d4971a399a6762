"""Decompression with a limit on what comes out, for gzip and deflate."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zlib import _Decompress

ACCEPTED = "gzip, deflate"
"""What requests ask for: the encodings whose output can be limited while it is made.

The decoders of httpx hand on what a whole piece of input expands to, a thousandfold for gzip and
far more for brotli, before anyone can count it.
"""
_GZIP_MAGIC = b"\x1f\x8b"


class TooLargeError(Exception):
    """The body is larger than allowed; the text says which limit it went over."""


class UndecodableError(Exception):
    """The body is not in the encoding that its header names; the text says what it is."""


class Decoder:
    """Decode a body piece by piece, and stop early when it grows too large.

    What is called gzip and is not compressed is taken as it is, as is deflate with and without the
    header of zlib; several gzip members count as one body.
    """

    def __init__(self, *, at_most_bytes: int) -> None:
        self._encoding: str | None = None
        self._at_most_bytes = at_most_bytes
        self._head = b""
        self._begun = False
        self._at_end = False
        self._inflate: _Decompress | None = None
        self.body = bytearray()

    def choose(self, encoding: str) -> None:
        """Take the encoding that a header names.

        Raises:
            UndecodableError: It was not asked for.
        """
        names = [n.strip().lower() for n in encoding.split(",")]
        names = [n.removeprefix("x-") for n in names if n not in ("", "identity")]
        if names not in ([], ["gzip"], ["deflate"]):
            raise UndecodableError(f"its encoding {encoding[:40]!r} was not asked for")
        self._encoding = names[0] if names else None

    def feed(self, data: bytes) -> None:
        """Decode the next piece.

        Raises:
            TooLargeError: The body is larger than `at_most_bytes`.
            UndecodableError: The piece does not continue the compressed data.
        """
        while data:
            if not self._begun:  # a body, or another member of it
                self._head += data
                if len(self._head) < len(_GZIP_MAGIC):
                    return
                data, self._head = self._head, b""
                self._begin(data)
            data = self._decoded(data)

    def finish(self) -> bool:
        """Whether the compressed data came to its end."""
        if self._inflate is None:
            self._add(self._head)
        return self._inflate is None or self._inflate.eof

    def _begin(self, data: bytes) -> None:
        self._begun = True
        if self._inflate is not None and not data.startswith(_GZIP_MAGIC):
            self._at_end = True  # what follows means nothing
        elif data.startswith(_GZIP_MAGIC):  # also where no header says so: feeds that are files
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        elif self._encoding == "deflate" and not data.lstrip().startswith((b"<", b"{", b"[")):
            has_header = data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:2]) % 31 == 0
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)

    def _decoded(self, data: bytes) -> bytes:
        """Decode what belongs together; returns what is left."""
        if self._inflate is None:
            self._add(data)
            return b""
        if self._at_end:
            return b""
        room = self._at_most_bytes - len(self.body)
        try:
            self._add(self._inflate.decompress(data, room + 1))
        except zlib.error as problem:
            raise UndecodableError("its compressed data is damaged") from problem
        self._begun = not self._inflate.eof
        return self._inflate.unused_data

    def _add(self, data: bytes) -> None:
        self.body += data
        if len(self.body) > self._at_most_bytes:
            raise TooLargeError(f"more than {self._at_most_bytes:,} bytes when decoded")
