"""Chromium without a window, driven over its DevTools protocol, for pages that change.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
)
"""Of every test: no window, and nothing of its own that it asks of the network."""
_WITHIN_S = 20.0


@dataclass
class Tab:
    """A tab of the browser, and what was noticed in it."""

    _socket: aiohttp.ClientWebSocketResponse
    complaints: list[str] = field(default_factory=list)
    """Warnings and errors of the console, exceptions, violations of the policy."""
    requests: list[str] = field(default_factory=list)
    """Addresses that the page asked for, reached or not."""
    _number: int = 0
    _answers: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    async def send(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method of the protocol."""
        self._number += 1
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[self._number] = answer
        call = {"id": self._number, "method": method, "params": parameters}
        await self._socket.send_str(json.dumps(call))
        async with asyncio.timeout(_WITHIN_S):
            return await answer

    async def listen(self) -> None:
        """Take answers and events until the connection ends."""
        async for message in self._socket:
            document = json.loads(message.data)
            if "id" in document:
                future = self._answers.pop(document["id"])
                if "error" in document:
                    future.set_exception(RuntimeError(str(document["error"])))
                else:
                    future.set_result(document["result"])
            else:
                self._notice(document["method"], document["params"])

    def _notice(self, method: str, event: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(event["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(event["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("warning", "error"):
            self.complaints.append(json.dumps(event["args"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("warning", "error"):
            self.complaints.append(event["entry"]["text"])

    async def open(self, address: str, *, width: int = 1280, dark: bool = False) -> None:
        """Open an address in a window of a width and a theme."""
        for domain in ("Page", "Network", "Runtime", "Log"):
            await self.send(f"{domain}.enable")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme, still])
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        await self.send("Page.navigate", url=address)

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression.

        Raises:
            AssertionError: it throws.
        """
        answer = await self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until a JavaScript expression is true.

        Raises:
            AssertionError: it does not become true.
        """
        loop = asyncio.get_running_loop()
        end_s = loop.time() + _WITHIN_S
        while True:
            if await self.evaluate(f"Boolean({expression})"):
                return
            assert loop.time() < end_s, f"never true: {expression}; {self.complaints}"
            await asyncio.sleep(0.05)

    async def press(self, key: str, code: int, text: str = "") -> None:
        """Press and release a key."""
        parts: dict[str, object] = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        await self.send("Input.dispatchKeyEvent", **parts, **down)
        await self.send("Input.dispatchKeyEvent", **parts, type="keyUp")

    async def screenshot(self) -> bytes:
        """A picture of what the window shows, as PNG."""
        answer = await self.send("Page.captureScreenshot")
        return base64.b64decode(answer["data"])


@asynccontextmanager
async def open_browser(chromium: str, folder: Path) -> AsyncIterator[Tab]:
    """Run Chromium with its profile in a folder; gives its first tab."""
    port_file = folder / "profile" / "DevToolsActivePort"
    process = await asyncio.create_subprocess_exec(
        chromium,
        *FLAGS,
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder / 'profile'}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        port = await _port(port_file)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                [target] = [tab for tab in await answer.json() if tab["type"] == "page"]
            address = target["webSocketDebuggerUrl"]
            async with session.ws_connect(address, max_msg_size=0) as socket:
                tab = Tab(socket)
                listening = asyncio.create_task(tab.listen())
                try:
                    yield tab
                finally:
                    listening.cancel()
    finally:
        process.terminate()
        await process.wait()


async def _port(file: Path) -> int:
    """The port of the protocol, which Chromium writes down when it listens."""
    async with asyncio.timeout(_WITHIN_S):
        while (port := _read_port(file)) is None:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
    return port


def _read_port(file: Path) -> int | None:
    lines = file.read_text(encoding="utf-8").split("\n") if file.is_file() else []
    return int(lines[0]) if len(lines) > 1 else None


def unnamed(tree: Mapping[str, Any], controls: Collection[str]) -> list[Mapping[str, Any]]:
    """The controls of an accessibility tree that have no name.

    Args:
        tree: What Accessibility.getFullAXTree answers.
        controls: Roles of controls.
    """
    return [
        node
        for node in tree["nodes"]
        if node.get("role", {}).get("value") in controls
        and not node.get("name", {}).get("value", "").strip()
    ]
