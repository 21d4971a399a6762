"""Decompression with a limit on what comes out."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.watch.feeds.fetching.decoding import Decoder, TooLargeError, UndecodableError


def raw_deflate(body: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(body) + deflate.flush()


ENCODED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "identity": ("", bytes),
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZIP", gzip.compress),
    "gzip in name only": ("gzip", bytes),
    "a file that is gzip": ("", gzip.compress),
    "two members": ("gzip", lambda b: gzip.compress(b[:5]) + gzip.compress(b[5:])),
    "bytes after the end": ("gzip", lambda b: gzip.compress(b) + b"\0\0\0"),
    "deflate": ("deflate", zlib.compress),
    "deflate without zlib's header": ("deflate", raw_deflate),
    "deflate in name only": ("deflate", bytes),
}


@pytest.mark.parametrize("form", ENCODED)
@given(words=st.lists(st.sampled_from([b"profit ", b"rose ", b"\xff"])), size=st.integers(1, 40))
def test_each_form_is_decoded_however_it_is_cut(form: str, words: list[bytes], size: int) -> None:
    body = b"<rss>" + b"".join(words) + b"</rss>"
    encoding, encode = ENCODED[form]
    wire = encode(body)
    decoder = Decoder(at_most_bytes=len(body))
    decoder.choose(encoding)

    for start in range(0, len(wire), size):
        decoder.feed(wire[start : start + size])

    assert decoder.finish()
    assert bytes(decoder.body) == body


@pytest.mark.parametrize("encode", [gzip.compress, zlib.compress, raw_deflate])
def test_a_bomb_stops_before_it_expands(encode: object) -> None:
    assert callable(encode)
    decoder = Decoder(at_most_bytes=1000)
    decoder.choose("deflate")

    with pytest.raises(TooLargeError, match="1,000 bytes when decoded"):
        decoder.feed(encode(b" " * 50_000_000))

    assert len(decoder.body) == 1001


def test_a_cut_body_has_not_ended() -> None:
    decoder = Decoder(at_most_bytes=1000)
    decoder.choose("gzip")
    decoder.feed(gzip.compress(b"profit rose")[:-9])

    assert not decoder.finish()


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "deflate, br"])
def test_what_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(UndecodableError, match="was not asked for"):
        Decoder(at_most_bytes=1000).choose(encoding)


def test_damaged_data_is_an_error() -> None:
    decoder = Decoder(at_most_bytes=1000)
    decoder.choose("gzip")

    with pytest.raises(UndecodableError, match="damaged"):
        decoder.feed(gzip.compress(b"profit")[:10] + b"\xff" * 20)
