"""Worker process of the model server: headlines come in over a socket, scores go back.

Messages are JSON, framed as `multiprocessing.connection` does it (a length of four bytes,
big-endian). One way come jobs, each a list of headlines; the other way goes an answer for each of
them, in one message or several: a list of [negative, neutral, positive] probabilities, or
{"error": "…"} when the model failed on that job. Each job that is begun is a byte in a pipe, so
that the server knows over which one a worker died. The worker sends the first message unasked, once
the engine has made a real prediction or, as {"error": "…"}, has failed to. The process ends when
its socket is closed, so it never outlives the server.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from newsclf.common.errors import ModelError
from newsclf.serving.engines.logits import PROBE
from newsclf.serving.engines.onnx_runtime import Engine

_HELD_S = 0.002
"""How long answers are collected, since each message wakes both processes: after that they are sent
before another headline is begun."""


def main() -> None:
    """Serve `sys.argv`: descriptors of socket and pipe, the model directory, threads, digests.

    The digests are a JSON object: the SHA-256 of each file that the engine reads, as they were when
    the server started.
    """
    descriptor, begun, folder, threads, digests = sys.argv[1:]
    with Connection(int(descriptor)) as connection, suppress(EOFError, ConnectionError):
        try:
            engine = Engine(Path(folder), threads=int(threads), digests=json.loads(digests))
            engine.classify([PROBE])
        except ModelError as error:
            connection.send_bytes(json.dumps({"error": error.message}).encode())
            sys.exit(error.exit_code)
        connection.send_bytes(b"[]")
        while True:
            jobs = json.loads(connection.recv_bytes())
            for answers in _answers(engine, jobs, int(begun)):
                connection.send_bytes(json.dumps(answers).encode())


def _answers(engine: Engine, jobs: Sequence[list[str]], begun: int) -> Iterator[list[object]]:
    """Answers of these jobs, message by message."""
    answers: list[object] = []
    began_s = time.perf_counter()
    for texts in jobs:
        os.write(begun, b".")
        answers.append(_answer(engine, texts))
        if time.perf_counter() - began_s > _HELD_S:
            yield answers
            answers, began_s = [], time.perf_counter()
    if answers:
        yield answers


def _answer(engine: Engine, texts: list[str]) -> object:
    try:
        return [prediction.scores for prediction in engine.classify(texts)]
    except ModelError as error:
        return {"error": error.message}


if __name__ == "__main__":
    main()
