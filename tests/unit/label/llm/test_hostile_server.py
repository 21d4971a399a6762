"""A server that is out to harm its client: whatever it sends ends in a vote, a failure or an error.

A real socket sends the bytes, since no library of servers would.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import zlib
from decimal import Decimal
from pathlib import Path

import pytest

from newsclf.common.errors import NewsclfError
from newsclf.label.llm.journal import Journal
from newsclf.label.llm.model import MOST_ANSWER_BYTES
from newsclf.label.llm.openai import OpenAiModel
from newsclf.label.llm.plan import LlmAnnotator, LlmSettings
from newsclf.label.llm.prices import price_from
from newsclf.label.llm.prompt import Prompt
from newsclf.label.llm.run import LlmVotes, Waiting, annotate

KEY = 'sk-"quoted"\\0123'
TEXT = "Acme's profit rose"
USAGE = {"prompt_tokens": 200, "completion_tokens": 7}
BOMB_BYTES = 64 << 20


def document(content: object = '{"label": "positive"}', usage: object = USAGE) -> bytes:
    """An answer in the form of OpenAI's."""
    choice = {"message": {"content": content}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice], "usage": usage}).encode()


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """An answer of a server."""
    size = len(body) if length is None else length
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {size}", *headers))
    return f"{head}\r\nConnection: close\r\n\r\n".encode() + body


def endless(piece: bytes) -> bytes:
    """The start of an answer of unknown length, which the server goes on with for ever."""
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%b\r\n" % (
        len(piece),
        piece,
    )


def asked(
    path: Path, answer: bytes, *, forever: bool = False, max_cost: str | None = None
) -> tuple[LlmVotes, list[bytes]]:
    """Ask a server for one vote; returns it and what the server has read."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            received.append(head)
            size = next(line for line in head.lower().split(b"\r\n") if b"content-length" in line)
            await reader.readexactly(int(size.partition(b":")[2]))
            writer.write(answer)
            while forever:
                await writer.drain()
                writer.write(answer.partition(b"\r\n\r\n")[2])
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    async def main() -> LlmVotes:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            model = OpenAiModel(url, "m", key=KEY, timeout_s=10.0)
            try:
                with Journal(path) as journal:
                    return await annotate(
                        [TEXT],
                        [LlmAnnotator(model, price_from("0.4,1.6"))],
                        Prompt(),
                        LlmSettings(
                            attempts=2, max_cost_usd=None if max_cost is None else Decimal(max_cost)
                        ),
                        journal,
                        waiting=Waiting(sleep=sleep),
                    )
            finally:
                await model.close()

    return asyncio.run(main()), received


def failure(path: Path, answer: bytes) -> str | None:
    """Why an answer has no label; None if it has one."""
    (vote,) = asked(path, answer)[0].votes[TEXT]
    return vote.failure


@pytest.mark.parametrize("encodings", [1, 2, 3])
@pytest.mark.parametrize("form", ["gzip", "deflate"])
def test_a_compressed_bomb_is_never_unpacked(tmp_path: Path, form: str, encodings: int) -> None:
    bomb = b" " * BOMB_BYTES
    for _ in range(encodings):
        bomb = gzip.compress(bomb, 1) if form == "gzip" else zlib.compress(bomb, 1)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = http(bomb, f"Content-Encoding: {', '.join([form] * encodings)}")
    if encodings == 1:
        with pytest.raises(NewsclfError, match="larger than"):
            asked(tmp_path / "journal", answer)
    else:
        assert failure(tmp_path / "journal", answer) == "wrong form"
    after_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after_kib - before_kib < 8 * MOST_ANSWER_BYTES / 1024


def test_a_compressed_answer_is_read_and_none_was_asked_for(tmp_path: Path) -> None:
    answer = http(gzip.compress(document()), "Content-Encoding: gzip")
    votes, received = asked(tmp_path / "journal", answer)
    assert votes.votes[TEXT][0].label == "positive"
    assert b"accept-encoding: identity" in received[0].lower()


@pytest.mark.parametrize("piece", [b" " * 65536, b"[" * 65536])
def test_an_endless_answer_ends(tmp_path: Path, piece: bytes) -> None:
    with pytest.raises(NewsclfError, match="larger than 1,048,576 bytes"):
        asked(tmp_path / "journal", endless(piece), forever=True)


@pytest.mark.parametrize(
    "answer",
    [
        http(document(), length=len(document()) + 10),
        http(document(), length=-5),
        http(document(), "Content-Length: 3"),
        http(document(), "X: " + "a" * 200_000),
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000,
        b"\x16\x03\x01\x02\x00",
        b"",
    ],
    ids=["too short", "negative", "two lengths", "long field", "many fields", "TLS", "nothing"],
)
def test_what_is_no_http_is_a_cut_answer(tmp_path: Path, answer: bytes) -> None:
    with pytest.raises(NewsclfError, match="connection ended within the answer"):
        asked(tmp_path / "journal", answer)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_the_key_goes_to_no_other_host(tmp_path: Path, status: str) -> None:
    where = "Location: http://localhost:9/v1/chat/completions"
    with pytest.raises(NewsclfError, match=f"it answered {status[:3]}"):
        asked(tmp_path / "journal", http(b"", where, status=status))


@pytest.mark.parametrize(
    "body",
    [
        document("\ud800"),
        document({"label": "positive"}),
        document(["positive"]),
        document('{"label": "positive", "label": "negative"}'),
        document('{"label": NaN}'),
        document("positive " * 1000),
        document("\x1b[2J\u202e" + "\0" * 100),
        b"[" * 100_000,
        *(b'{"choices": ' + b"[" * n + b"]" * n + b"}" for n in (500, 990, 5000, 100_000)),
        b'{"choices": [{"message": null}]}',
        b'{"choices": {"0": 1}}',
        b"NaN",
        b"9" * 5000,
        b"\xff\xfe",
        b"[]",
        b"null",
    ],
)
def test_whatever_the_answer_holds_is_a_failure_that_is_kept(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "journal"
    assert failure(path, http(body)) in ("wrong form", "no label")
    with Journal(path) as journal:
        assert journal.damaged_lines == 0


@pytest.mark.parametrize(
    "error",
    [
        {"message": "\ud800\x1b[2J"},
        {"message": [[[KEY]]], "code": {"a": [float("nan")]}},
        {"message": KEY * 100},
        [KEY],
        KEY,
    ],
)
def test_an_error_shows_no_key_and_no_escapes(tmp_path: Path, error: object) -> None:
    body = json.dumps({"error": error}).encode()
    with pytest.raises(NewsclfError) as raised:
        asked(tmp_path / "journal", http(body, status="403 Forbidden"))
    said = f"{raised.value} {raised.value.hint}"
    assert said.isprintable()
    assert "0123" not in said


def test_no_file_holds_a_key_that_the_server_repeats(tmp_path: Path) -> None:
    for number, body in enumerate((document(KEY), json.dumps([KEY, {KEY: KEY}]).encode())):
        assert failure(tmp_path / f"{number}", http(body)) == "wrong form"
        assert "0123" not in (tmp_path / f"{number}").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        {},
        {"prompt_tokens": -5, "completion_tokens": -5},
        {"prompt_tokens": True, "completion_tokens": 1},
        {"prompt_tokens": 1.5, "completion_tokens": float("nan")},
        {"prompt_tokens": 10**4000, "completion_tokens": 10**4000},
        {"prompt_tokens": "12", "completion_tokens": 7},
    ],
)
def test_what_a_server_counts_in_no_number_costs_as_much_as_it_may(
    tmp_path: Path, usage: object
) -> None:
    path = tmp_path / "journal"
    found, _ = asked(path, http(document(usage=usage)), max_cost="0.01")
    assert found.votes[TEXT][0].label == "positive"
    most_usd = price_from("0.4,1.6").most(Prompt().message(TEXT), LlmSettings().sampling(1))
    assert (found.totals.cost_usd, found.totals.unreported_usd) == (Decimal(0), most_usd)
    with Journal(path) as journal:
        assert journal.spent_usd == most_usd


def test_a_total_below_its_parts_lowers_no_cost(tmp_path: Path) -> None:
    usage = {**USAGE, "total_tokens": -(10**9)}
    found, _ = asked(tmp_path / "journal", http(document(usage=usage)))
    assert found.totals.cost_usd == Decimal("0.0000912")


def test_a_rate_limit_in_no_number_is_waited_for_as_without_one(tmp_path: Path) -> None:
    for number, text in enumerate(("-5", "nan", "1e400", "9" * 400, "\x80")):
        with pytest.raises(NewsclfError, match="it answered 429"):
            asked(
                tmp_path / f"{number}",
                http(b"{}", f"Retry-After: {text}", status="429 Too Many Requests"),
            )
