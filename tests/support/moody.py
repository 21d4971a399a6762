"""A worker that does what the first headline of a job says: answer, hang, die, or fail.

It speaks the protocol of `newsclf.serving.worker`; "now" sends this answer, with those before it,
ahead of the others of its message. With a file `refusal` in its folder it refuses to start, with
that file's text as the reason. Each start adds a line to the file `starts` there, each message the
number of its jobs to the file `messages`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

SCORES = [0.2, 0.3, 0.5]


def main() -> None:
    """Serve `sys.argv` as the real worker does."""
    begun, folder = int(sys.argv[2]), Path(sys.argv[3])
    _note(folder / "starts", "started")
    with Connection(int(sys.argv[1])) as connection, suppress(EOFError):

        def send(document: object) -> None:
            connection.send_bytes(json.dumps(document).encode())

        if (folder / "refusal").is_file():
            send({"error": (folder / "refusal").read_text(encoding="utf-8")})
            return
        send([[SCORES]])
        while True:
            jobs = json.loads(connection.recv_bytes())
            _note(folder / "messages", str(len(jobs)))
            answers: list[object] = []
            for texts in jobs:
                os.write(begun, b".")
                if texts[0] == "hang":
                    signal.pause()
                if texts[0] == "die":
                    return
                failed = texts[0] == "fail"
                answers.append({"error": "no memory"} if failed else [SCORES] * len(texts))
                if texts[0] == "now":
                    send(answers)
                    answers = []
            if answers:
                send(answers)


def _note(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


if __name__ == "__main__":
    main()
