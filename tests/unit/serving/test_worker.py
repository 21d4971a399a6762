"""The worker's side of the conversation with the server."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from newsclf.contract.answers import Prediction
from newsclf.serving import worker

SCORES = (0.2, 0.3, 0.5)


@pytest.mark.parametrize(
    ("headline_s", "messages"),
    [(0.0001, [5]), (0.0015, [2, 2, 1]), (0.003, [1, 1, 1, 1, 1])],
)
def test_answers_are_sent_together_when_that_holds_none_up_for_long(
    monkeypatch: pytest.MonkeyPatch, headline_s: float, messages: list[int]
) -> None:
    now_s = 0.0

    class Engine:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def classify(self, texts: Sequence[str]) -> list[Prediction]:
            nonlocal now_s
            now_s += headline_s * len(texts)
            return [Prediction(SCORES)] * len(texts)

    monkeypatch.setattr(worker, "Engine", Engine)
    monkeypatch.setattr("time.perf_counter", lambda: now_s)

    assert conversation([["a headline"]] * 5, monkeypatch) == messages


def conversation(jobs: Sequence[list[str]], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give a worker these jobs; the number of answers in each of its messages."""
    ours, theirs = socket.socketpair()
    reader, writer = os.pipe()
    arguments = ["worker", str(theirs.detach()), str(writer), str(Path()), "1", "{}"]
    monkeypatch.setattr(sys, "argv", arguments)
    thread = threading.Thread(target=worker.main)
    thread.start()
    found: list[int] = []
    with Connection(ours.detach()) as connection:
        assert json.loads(connection.recv_bytes()) == []
        connection.send_bytes(json.dumps(jobs).encode())
        while sum(found) < len(jobs):
            answers = json.loads(connection.recv_bytes())
            assert answers == [[list(SCORES)]] * len(answers)
            found.append(len(answers))
    thread.join()
    assert len(os.read(reader, 100)) == len(jobs)
    os.close(reader)
    os.close(writer)
    return found
