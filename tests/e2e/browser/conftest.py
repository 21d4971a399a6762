"""A real browser: Chromium without a window, which writes down what it asked of the network."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.chromium import FLAGS

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (*FLAGS, "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr")
_BROWSER = "not an origin"
"""Who asks for what no page asked for, such as Chromium's search for updates."""


class Visit(NamedTuple):
    """What came of opening a page."""

    dom: str
    console: list[str]
    """Lines of the page's console."""
    requests: list[str]
    """Addresses on other machines that were asked for, reached or not."""


Browser = Callable[..., Visit]


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail(f"none of {', '.join(_NAMES)} is installed: apt-get install chromium")
    return found


@pytest.fixture
def browser(chromium: str, tmp_path: Path) -> Browser:
    """Open a page; with `picture`, also take its screenshot, light or dark."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        return subprocess.run(
            [chromium, *_FLAGS, profile, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )

    def visit(
        page: Path, picture: Path | None = None, *, width: int = 1280, dark: bool = False
    ) -> Visit:
        address, log = page.as_uri(), tmp_path / "net.json"
        done = run(f"--log-net-log={log}", "--dump-dom", address)
        if picture is not None:
            scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
            run(*scheme, f"--window-size={width},1600", f"--screenshot={picture}", address)
        events = json.loads(log.read_text(encoding="utf-8"))["events"]
        starts = [e["params"] for e in events if "initiator" in e.get("params", {})]
        asked = {start["url"] for start in starts if start["initiator"] != _BROWSER}
        return Visit(
            done.stdout,
            [line for line in done.stderr.splitlines() if "CONSOLE" in line],
            sorted(url for url in asked if url.startswith(("http", "ws", "ftp"))),
        )

    return visit
