"""A worker that does what the first headline of a job says: answer, hang, die, or fail.

It speaks the protocol of `newsclf.serving.worker`. With a file `refusal` in its folder it refuses
to start, with that file's text as the reason. Each start adds a line to the file `starts` there,
each message the number of its jobs to the file `messages`.
"""

from __future__ import annotations

import json
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

SCORES = [0.2, 0.3, 0.5]


def main() -> None:
    """Serve `sys.argv` as the real worker does."""
    folder = Path(sys.argv[2])
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
            moods = [texts[0] for texts in jobs]
            if "hang" in moods:
                signal.pause()
            if "die" in moods:
                return
            send(
                [
                    {"error": "no memory"} if texts[0] == "fail" else [SCORES] * len(texts)
                    for texts in jobs
                ]
            )


def _note(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


if __name__ == "__main__":
    main()
