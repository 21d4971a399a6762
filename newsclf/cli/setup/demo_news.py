"""News of `newsclf demo`: headlines that appear while it watches, and a picture of the page."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from newsclf.common.errors import NewsclfError
from newsclf.common.settings import shipped_config

DURATION = "30s"
"""Of the watch: the headlines take some 15 s, the picture a few."""
_EVERY_S = 0.6
_SETTLE_S = 4.0
"""From the last headline to the picture: until it is read, scored, and in a signal."""
_LOOK_S = 0.2


@dataclass(slots=True)
class Picture:
    """What became of the picture of the page."""

    file: Path
    problem: str | None = None
    """Why there is no picture."""


def prepare(folder: Path) -> None:
    """Make a folder with the demo's watch.toml and its sources, which have no headlines yet."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    shutil.copyfile(shipped_config("demo-watch.toml"), folder / "watch.toml")
    for name in {line["file"] for line in _lines()}:
        _file(folder, name).touch()


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@contextmanager
def appearing(folder: Path, port: int) -> Iterator[Picture]:
    """Add the headlines one by one while the block watches, then take a picture of the page.

    Nothing is added before the page is served, or after the block has ended.

    Args:
        folder: Made by `prepare`.
        port: Where the watch serves its page.
    """
    picture = Picture(folder / "page.png", problem="the watch ended before it")
    ended = Event()

    def work() -> None:
        if _wait_for(port, ended) and _publish(folder, ended) and not ended.wait(_SETTLE_S):
            picture.problem = _take(picture.file, port)

    thread = Thread(target=work, name="demo news")
    thread.start()
    try:
        yield picture
    finally:
        ended.set()
        thread.join()


def _wait_for(port: int, ended: Event) -> bool:
    """Wait until something listens on a port; False if the watch has ended before."""
    while not ended.wait(_LOOK_S):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=_LOOK_S).close()
        except OSError:
            continue
        return True
    return False


def _publish(folder: Path, ended: Event) -> bool:
    """Add the headlines with the time of now; False if the watch has ended before the last."""
    seen = set()
    for line in _lines():
        clock = "updated" if line["id"] in seen else "published"
        seen.add(line["id"])
        item = {name: value for name, value in line.items() if name != "file"}
        item[clock] = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        with _file(folder, line["file"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(item) + "\n")
        if ended.wait(_EVERY_S):
            return False
    return True


def _take(file: Path, port: int) -> str | None:
    """Take the picture; returns why that failed, or None."""
    from newsclf.watch.page.picture import find_browser, take_picture

    browser = find_browser()
    if browser is None:
        return "neither Chromium nor Chrome is on PATH"
    try:
        take_picture(browser, f"http://127.0.0.1:{port}/", file)
    except NewsclfError as error:
        return error.message
    return None


def _lines() -> list[dict[str, str]]:
    text = shipped_config("demo-headlines.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.jsonl"
