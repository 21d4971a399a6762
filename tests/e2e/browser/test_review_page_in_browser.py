"""The page of a review in a real browser, with hostile headlines. Run by `make test-browser`."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from newsclf.label.review.journal import read_votes
from newsclf.label.review.page.server import serving_review
from newsclf.label.review.queue import ReviewItem
from newsclf.label.review.session import Session
from tests.support.chromium import Tab, open_browser
from tests.support.review import NOON, items, ticking, vote

EVIL = (
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    "\"'><svg onload=document.title='owned'></script></style>&lt;b&gt;\u202e{{ script }}"
)
HEADLINE = "document.getElementById('headline')?.innerText"
FIGURES = "(document.getElementById('figures')?.textContent ?? '')"
FIRST = "Profit at Nimbus Air falls short as fuel costs bite"


def visited(
    chromium: str,
    folder: Path,
    use: Callable[[Tab, str], Awaitable[None]],
    *,
    given: Sequence[ReviewItem] | None = None,
    show: bool = False,
    width: int = 1280,
    dark: bool = False,
) -> Tab:
    """Open the page of a session, wait for its headline, and use it."""

    async def run() -> Tab:
        with Session(
            items() if given is None else given,
            folder / "review",
            "ana",
            show=show,
            clock=lambda: NOON,
            monotonic=ticking(),
        ) as session:
            async with (
                serving_review(session) as address,
                open_browser(chromium, folder) as tab,
            ):
                await tab.open(address, width=width, dark=dark)
                await tab.until(f"{FIGURES} !== ''")
                await use(tab, address)
                return tab

    return asyncio.run(run())


async def press(tab: Tab, keys: str) -> None:
    """Press keys, each once the page shows what came of the one before."""
    for key in keys:
        before = await tab.evaluate("document.body.innerText")
        await tab.press(key, ord(key.upper()), key)
        await tab.until(f"document.body.innerText !== {before!r}")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(("dark", "paper"), [(False, (255, 255, 255)), (True, (0x15, 0x18, 0x1D))])
def test_the_page_fits_in_both_themes_and_on_a_phone(
    chromium: str, tmp_path: Path, width: int, paper: tuple[int, int, int], *, dark: bool
) -> None:
    pictures = []

    async def use(tab: Tab, address: str) -> None:
        await press(tab, "1")
        assert await tab.evaluate("document.documentElement.scrollWidth") == width
        pictures.append(await tab.screenshot())
        assert set(tab.requests) == {address, f"{address}state", f"{address}decide"}

    tab = visited(chromium, tmp_path, use, width=width, dark=dark)

    assert tab.complaints == []
    colours = Image.open(io.BytesIO(pictures[0])).convert("RGB").getcolors(maxcolors=1 << 24)
    assert colours is not None
    assert max(colours)[1] == paper
    assert len(colours) > 50, "something is drawn"


def test_the_whole_review_with_the_keyboard(chromium: str, tmp_path: Path) -> None:
    async def use(tab: Tab, _: str) -> None:
        assert await tab.evaluate(HEADLINE) == FIRST
        assert "gpt" not in await tab.evaluate("document.body.innerText"), "it is blind"
        await press(tab, "1")
        said = await tab.evaluate("document.getElementById('announcement').textContent")
        assert said == "negative; gpt-4.1-mini negative, model neutral"
        assert await tab.evaluate(FIGURES) == "1 of 6 · 2.0 s each"
        await press(tab, "es")
        await press(tab, "u")
        assert await tab.evaluate(FIGURES) == "2 of 6 · 2.0 s each"
        await press(tab, "pppp")
        assert await tab.evaluate("document.getElementById('done').hidden") is False
        done = await tab.evaluate("document.getElementById('done').innerText")
        assert "6 labelled (1 negative, 1 neutral, 4 positive), 0 skipped." in done
        assert await tab.evaluate("document.querySelectorAll('#agreements tr').length") == 2

    assert visited(chromium, tmp_path, use).complaints == []
    votes = [each.label for found in read_votes(tmp_path / "review").values() for each in found]
    assert votes == ["negative", "neutral", *["positive"] * 4]


def test_buttons_do_the_same_and_their_keys_are_no_second_decision(
    chromium: str, tmp_path: Path
) -> None:
    async def use(tab: Tab, _: str) -> None:
        await tab.evaluate("document.querySelector('[data-label=positive]').focus()")
        await tab.press("Enter", 13, "\r")
        await tab.until(f"{FIGURES}.startsWith('1 of 6')")
        assert await tab.evaluate("document.activeElement.id") == "headline"
        await tab.evaluate("document.getElementById('skip').click()")
        await tab.until(f"{FIGURES}.startsWith('2 of 6')")
        await tab.evaluate("document.getElementById('undo').click()")
        await tab.until(f"{FIGURES}.startsWith('1 of 6')")
        await press(tab, "?")
        assert await tab.evaluate("document.getElementById('help').open")

    assert visited(chromium, tmp_path, use).complaints == []


def test_hostile_texts_are_shown_as_texts(chromium: str, tmp_path: Path) -> None:
    given = [
        ReviewItem(EVIL, votes=(vote("negative", EVIL),), source=EVIL),
        ReviewItem("long" * 5000, votes=(vote("neutral"),)),
    ]

    async def use(tab: Tab, address: str) -> None:
        assert await tab.evaluate(HEADLINE) == EVIL.replace("\u202e", "\\u202e")
        await press(tab, "2")
        assert await tab.evaluate("document.title") == "newsclf label"
        dangerous = "main script, main img, main svg, iframe, [onerror]"
        assert await tab.evaluate(f"document.querySelectorAll('{dangerous}').length") == 0
        assert await tab.evaluate("document.documentElement.scrollWidth") == 390
        assert set(tab.requests) == {address, f"{address}state", f"{address}decide"}

    assert visited(chromium, tmp_path, use, given=given, show=True, width=390).complaints == []


def test_another_window_and_the_end_of_the_server_are_told(chromium: str, tmp_path: Path) -> None:
    problem = "document.getElementById('problem').textContent"

    async def run() -> None:
        with Session(items(), tmp_path / "review", "ana") as session:
            async with open_browser(chromium, tmp_path) as tab:
                async with serving_review(session) as address:
                    await tab.open(address)
                    await tab.until(f"{HEADLINE} === {FIRST!r}")
                    session.label("negative")
                    await tab.press("3", ord("3"), "3")
                    await tab.until(f"{problem}.startsWith('Another window had gone on')")
                    assert session.progress().labelled == 1
                await tab.press("3", ord("3"), "3")
                await tab.until(f"{problem}.startsWith('newsclf label cannot be reached')")

    asyncio.run(run())


def test_every_control_has_a_name_and_its_focus_is_seen(chromium: str, tmp_path: Path) -> None:
    async def use(tab: Tab, _: str) -> None:
        await press(tab, "1")
        tree = await tab.send("Accessibility.getFullAXTree")
        controls = ("button", "progressbar", "link")
        unnamed = [
            node
            for node in tree["nodes"]
            if not node.get("ignored")
            and node.get("role", {}).get("value") in controls
            and not node.get("name", {}).get("value", "").strip()
        ]
        assert unnamed == []
        roles = [node.get("role", {}).get("value") for node in tree["nodes"]]
        assert {"main", "banner", "heading", "region", "table", "status"} <= set(roles)
        await tab.press("Tab", 9)
        assert await tab.evaluate("document.activeElement.dataset.label") == "negative"
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert await tab.evaluate(outline) == "solid"

    assert visited(chromium, tmp_path, use).complaints == []
