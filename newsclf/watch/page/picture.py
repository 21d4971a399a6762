"""Take a picture of the page of a watch with Chromium or Chrome.

The browser is driven over its DevTools protocol: with its option --screenshot it doesn't wait for
what the page's stream of events brings, and the picture is sometimes of an empty page.
https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientWebSocketResponse

from newsclf.common.errors import NewsclfError, reason_of

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers often have 64 MB there, with which it crashes
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)
_LIMIT_S = 30.0
_ENDS_WITHIN_S = 5.0
_LOOK_S = 0.05
_HAS_STATE = "document.querySelector('#connection[data-state=live]') !== null"
_DRAWN = "new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(() => drawn(1))))"


def find_browser() -> str | None:
    """Path of Chromium or Chrome; None if neither is on PATH."""
    return next((found for name in _BROWSERS if (found := shutil.which(name))), None)


def take_picture(
    browser: str, address: str, file: Path, *, width: int = 1280, height: int = 1400
) -> None:
    """Write a picture of the page, when it has the state of the watch, to a PNG file.

    The browser gets a profile of its own, which is deleted afterwards, and resolves no name.

    Args:
        browser: Path of Chromium or Chrome.
        address: Of the page, on 127.0.0.1.
        file: The picture; one that is there is replaced.
        width: Of the window, pixels.
        height: Of the window, pixels.

    Raises:
        NewsclfError: The browser can't be started, or has made no picture.
    """
    file.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        size = {"width": width, "height": height}
        try:
            picture = asyncio.run(_picture(browser, address, Path(folder), size))
        except TimeoutError:
            message = f"{browser} made no picture within {_LIMIT_S:g} s"
            raise NewsclfError(message) from None
        except OSError as error:
            raise NewsclfError(f"{browser} can't be used ({reason_of(error)})") from error
        except (ClientError, KeyError, ValueError, TypeError) as error:
            raise NewsclfError(f"{browser} made no picture ({type(error).__name__})") from error
    file.write_bytes(picture)


async def _picture(browser: str, address: str, folder: Path, size: dict[str, int]) -> bytes:
    profile = folder / "profile"
    own = {"HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_CACHE_HOME": folder}
    # Chromium's sandbox does not work for root, and is not weakened for anybody else.
    unsandboxed = ["--no-sandbox"] if os.geteuid() == 0 else []
    process = await asyncio.create_subprocess_exec(
        browser,
        *(*_FLAGS, *unsandboxed, f"--user-data-dir={profile}", "about:blank"),
        env=os.environ | {name: str(value) for name, value in own.items()},
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        async with asyncio.timeout(_LIMIT_S), ClientSession() as session:
            port = await _until(lambda: _port(profile / "DevToolsActivePort"), process)
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                [tab] = [each for each in await answer.json() if each["type"] == "page"]
            async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                await _call(
                    socket,
                    "Emulation.setDeviceMetricsOverride",
                    deviceScaleFactor=1,
                    mobile=False,
                    **size,
                )
                await _call(socket, "Page.navigate", url=address)
                while not await _evaluate(socket, _HAS_STATE):  # noqa: ASYNC110 - the page's
                    await asyncio.sleep(_LOOK_S)
                await _evaluate(socket, _DRAWN)
                shot = await _call(socket, "Page.captureScreenshot")
                return base64.b64decode(shot["data"])
    finally:
        await _end(process)


async def _until(look: Callable[[], int | None], process: Process) -> int:
    """Wait for what the browser writes down.

    Raises:
        OSError: The browser has ended.
    """
    while (found := look()) is None:
        if process.returncode is not None:
            raise OSError(f"it ended with {process.returncode}")
        await asyncio.sleep(_LOOK_S)
    return found


def _port(file: Path) -> int | None:
    """The port of the protocol; None while it is not there as a whole."""
    lines = file.read_text(encoding="utf-8").split("\n") if file.is_file() else []
    return int(lines[0]) if len(lines) > 1 else None


async def _evaluate(socket: ClientWebSocketResponse, expression: str) -> Any:
    """The value of a JavaScript expression."""
    found = await _call(
        socket, "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
    )
    return found["result"].get("value")


async def _call(
    socket: ClientWebSocketResponse, method: str, **parameters: object
) -> dict[str, Any]:
    """Call a method of the protocol; there is one call at a time."""
    await socket.send_str(json.dumps({"id": 1, "method": method, "params": parameters}))
    while "id" not in (document := json.loads(await socket.receive_str())):
        pass  # an event
    result: dict[str, Any] = document["result"]
    return result


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
        try:
            async with asyncio.timeout(_ENDS_WITHIN_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
