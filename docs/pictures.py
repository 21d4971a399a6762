"""Make the pictures of docs/label.md, docs/serving.md and docs/watch.md.

.venv/bin/python docs/pictures.py     needs Chromium; prints the terminal that docs/watch.md quotes
"""

from __future__ import annotations

import asyncio
import io
import re
import sys
import tempfile
from pathlib import Path

from PIL import Image
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from newsclf.cli.label.screen import Shown, render
from newsclf.cli.watch.screen import render as render_watch
from newsclf.label.review.page.server import serving_review
from newsclf.label.review.session import Session

sys.path.insert(0, str(Path(__file__).parents[1]))

from newsclf.watch.page.hub import Hub
from newsclf.watch.page.picture import find_browser
from newsclf.watch.page.server import serving
from tests.support.chromium import Tab, open_browser
from tests.support.playground import serving_playground
from tests.support.review import NOON, items, ticking
from tests.support.watch_morning import explain, morning

_FOLDER = Path(__file__).parent / "images"
_WIDTH = 1000
_PLAYGROUND_WIDTH = 1200
_CELLS = (92, 15)
_WATCH_CELLS = (118, 33)
_WITHOUT_FONTS = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""Rich's picture, but without fonts from the network."""


def session_in(folder: Path) -> Session:
    """A review of invented headlines, two of which are decided."""
    session = Session(items(), folder / "review", "ana", clock=lambda: NOON, monotonic=ticking(1.3))
    if session.progress().labelled == 0:
        session.label("negative")
        session.label("negative")
    return session


async def draw_page(browser: str, folder: Path, *, dark: bool) -> None:
    """Take a picture of the page in one of its themes, as high as it is."""
    with session_in(folder) as session:
        async with serving_review(session) as address, open_browser(browser, folder) as tab:
            await tab.open(address, width=_WIDTH, dark=dark)
            await tab.until("document.getElementById('headline')?.innerText")
            await save(tab, "label-dark.png" if dark else "label-light.png", _WIDTH)


async def draw_playground(browser: str, folder: Path, *, dark: bool) -> None:
    """Take a picture of the playground with three examples; the scores are of a stand-in."""
    async with serving_playground() as address, open_browser(browser, folder) as tab:
        await tab.open(address, width=_PLAYGROUND_WIDTH, dark=dark)
        await tab.until("document.getElementById('curl')?.textContent")
        await tab.evaluate("document.getElementById('examples').click()")
        await tab.evaluate("document.getElementById('try').requestSubmit()")
        await tab.until("document.querySelectorAll('.answer').length === 3")
        await tab.evaluate("document.activeElement.blur()")
        name = "playground-dark.png" if dark else "playground-light.png"
        await save(tab, name, _PLAYGROUND_WIDTH)


async def draw_watch(browser: str, folder: Path, hub: Hub, name: str, *, dark: bool) -> None:
    """Take a picture of the page of a watch, in a wide window or on a phone."""
    width, height = (390, 1300) if "phone" in name else (1100, 1660)
    async with serving(hub, explain) as address, open_browser(browser, folder) as tab:
        await tab.open(address, width=width, dark=dark)
        await tab.until("document.querySelector('#stream > li')")
        await save(tab, name, width, height)


def draw_watch_terminal(hub: Hub) -> str:
    """What the terminal shows of the same watch."""
    width, height = _WATCH_CELLS
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as printed:
        console.print(render_watch(hub.state(), width=width, height=height))
    return "\n".join(line.rstrip() for line in printed.get().splitlines())


async def save(tab: Tab, name: str, width: int, height: int | None = None) -> None:
    """Write a picture of the page, as high as it is if no height is given."""
    height = height or await tab.evaluate(
        "Math.ceil(document.querySelector('main').getBoundingClientRect().bottom) + 24"
    )
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    await tab.send("Emulation.setDeviceMetricsOverride", **size)
    picture = Image.open(io.BytesIO(await tab.screenshot())).convert("RGB")
    small = picture.quantize(colors=256, dither=Image.Dither.NONE)
    small.save(_FOLDER / name, optimize=True)


def draw_terminal(folder: Path) -> None:
    """Draw what the terminal shows."""
    width, height = _CELLS
    console = Console(
        file=io.StringIO(), record=True, width=width, height=height, force_terminal=True
    )
    with session_in(folder) as session:
        console.print(render(Shown.of(session), console))
    svg = console.export_svg(title="newsclf label", code_format=_WITHOUT_FONTS, unique_id="label")
    lines = [line.rstrip() for line in svg.splitlines()]
    (_FOLDER / "label-terminal.svg").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    browser = find_browser()
    if browser is None:
        sys.exit("neither Chromium nor Chrome is installed: apt-get install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        for is_dark in (False, True):
            asyncio.run(draw_page(browser, _made(Path(place) / f"page-{is_dark}"), dark=is_dark))
            profile = _made(Path(place) / f"playground-{is_dark}")
            asyncio.run(draw_playground(browser, profile, dark=is_dark))
        draw_terminal(_made(Path(place) / "terminal"))
        news = morning(_made(Path(place) / "morning"))
        for name in ("watch-light.png", "watch-dark.png", "watch-phone.png"):
            profile, is_dark = _made(Path(place) / name), name != "watch-light.png"
            asyncio.run(draw_watch(browser, profile, news, name, dark=is_dark))
        sys.stdout.write(f"{draw_watch_terminal(news)}\n")
