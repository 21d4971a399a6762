"""The page of `watch` in a real browser, with hostile news. Run by `make test-browser`."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from PIL import Image

from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.page.hub import Change, Hub
from newsclf.watch.page.picture import take_picture
from newsclf.watch.page.server import serving
from newsclf.watch.page.view import SourceHealth, Word
from tests.support.chromium import Tab, open_browser, unnamed
from tests.support.watch_page import (
    alert,
    classification,
    explain,
    headline,
    hub_with,
    morning,
    signal,
)

EVIL = (
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    "\"'><svg onload=document.title='owned'></script></style>&lt;b&gt;\u202e"
)
ROWS = "document.querySelectorAll('#stream > li').length"


def visited(
    chromium: str,
    folder: Path,
    hub: Hub,
    use: Callable[[Tab, str], Awaitable[None]],
    *,
    width: int = 1280,
    dark: bool = False,
) -> Tab:
    """Open the page of a hub, wait for its state, and use it."""

    async def run() -> Tab:
        async with serving(hub, explain) as address, open_browser(chromium, folder) as tab:
            await tab.open(address, width=width, dark=dark)
            await tab.until("document.querySelector('#connection[data-state=live]')")
            await use(tab, address)
            return tab

    return asyncio.run(run())


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(("dark", "paper"), [(False, (255, 255, 255)), (True, (0x15, 0x18, 0x1D))])
def test_the_page_shows_all_in_both_themes_and_on_a_phone(
    chromium: str, tmp_path: Path, width: int, paper: tuple[int, int, int], *, dark: bool
) -> None:
    pictures = []

    async def use(tab: Tab, address: str) -> None:
        await tab.until(f"{ROWS} === 77")
        assert await tab.evaluate("document.querySelectorAll('.entity svg').length") == 6
        bands = "document.querySelectorAll('.entity svg .interval').length"
        assert await tab.evaluate(bands) == 6, "one has a pause, and another no news"
        assert await tab.evaluate("document.querySelectorAll('#sources tr').length") == 3
        assert await tab.evaluate("document.querySelectorAll('#alerts > li').length") == 3
        assert await tab.evaluate("document.querySelectorAll('.marker').length") > 20
        assert await tab.evaluate("document.documentElement.scrollWidth") == width
        pictures.append(await tab.screenshot())
        assert set(tab.requests) == {address, f"{address}events"}

    tab = visited(chromium, tmp_path, hub_with(morning()), use, width=width, dark=dark)

    assert tab.complaints == []
    colours = Image.open(io.BytesIO(pictures[0])).convert("RGB").getcolors(maxcolors=1 << 24)
    assert colours is not None
    assert max(colours)[1] in (paper, (0xF4, 0xF6, 0xF8), (0x1D, 0x21, 0x27))
    assert paper in [colour for _, colour in colours]
    assert len(colours) > 50, "something is drawn"


def test_hostile_texts_are_shown_as_texts(chromium: str, tmp_path: Path) -> None:
    shown = EVIL.replace("\u202e", "\ufffd")  # it would reverse what comes after it
    words = (Word(start=0, end=len(EVIL), weight=0.5), Word(start=-3, end=9999, weight=-0.4))
    found = classification("positive").model_copy(update={"words": words})
    evil = headline(1, title=EVIL, source=EVIL, entities=(EVIL,), event=EVIL, classification=found)
    links = [
        headline(2).model_copy(update={"url": url, "id": f"link-{i}"})
        for i, url in enumerate(
            ["javascript:document.title='owned'", "data:text/html,x", EVIL, "java\nscript:x"]
        )
    ]
    evidence = {"headline": "item-1", "title": EVIL, "source": EVIL, "score": 0.5}
    hub = hub_with(
        [
            signal(EVIL),
            evil,
            *links,
            alert(entity=EVIL, evidence=[evidence]),
            SourceHealth(name=EVIL, verdict=Outcome.HOSTILE, words=EVIL),
        ]
    )

    async def use(tab: Tab, address: str) -> None:
        await tab.until(f"{ROWS} === 5")
        hub.publish(alert(id="later", entity=EVIL))
        hub.publish(evil.model_copy(update={"id": EVIL}))
        await tab.until(f"{ROWS} === 6 && document.querySelectorAll('#alerts > li').length === 2")
        await tab.evaluate("document.querySelector('.chip').click()")
        assert await tab.evaluate(f"{ROWS}") == 2
        assert await tab.evaluate("document.title") == "newsclf watch"
        dangerous = "main script, main img, main svg[onload], iframe, [onerror]"
        assert await tab.evaluate(f"document.querySelectorAll('{dangerous}').length") == 0
        hrefs = "[...document.querySelectorAll('main a')].map(a => a.protocol + a.rel + a.target)"
        assert set(await tab.evaluate(hrefs)) == {"https:noopener noreferrer_blank"}
        assert await tab.evaluate("document.querySelector('#stream .headline').innerText") == shown
        assert set(tab.requests) == {address, f"{address}events"}

    assert visited(chromium, tmp_path, hub, use).complaints == []


def test_changes_appear_and_an_alert_leads_to_its_headline(chromium: str, tmp_path: Path) -> None:
    hub = hub_with([headline(number) for number in range(70, 77)])
    said = "document.getElementById('announcement').textContent"

    async def use(tab: Tab, _: str) -> None:
        await tab.until(f"{ROWS} === 7")
        assert await tab.evaluate(said) == ""
        hub.publish(signal("Nimbus Air", signal=-0.58))
        hub.publish(alert())
        await tab.until("document.querySelector('.entity .gauge')")
        gauge = "document.querySelector('.entity .gauge').getAttribute('aria-valuetext')"
        assert await tab.evaluate(gauge) == "−0.58, negative"
        await tab.until(f"{said} === 'Alert: Nimbus Air: negative (−0.58)'")
        hub.publish(signal("Nimbus Air", 2, signal=None))
        await tab.until(f"{gauge} === 'no news'")
        # The filter hides it; the jump shows it again.
        await tab.evaluate("document.querySelector('input[value=negative]').click()")
        negative = "document.querySelectorAll('#stream > .negative').length"
        assert await tab.evaluate(negative) == 0
        await tab.evaluate("document.querySelector('#alerts details').open = true")
        await tab.evaluate("document.querySelector('#alerts details button').click()")
        assert await tab.evaluate(negative) > 0
        focused = "document.activeElement.querySelector('.headline').innerText"
        assert await tab.evaluate(focused) == headline(73).title
        hub.publish(headline(73, title="Better title", edited=True))
        await tab.until("document.getElementById('stream').innerText.includes('Better title')")
        assert await tab.evaluate(ROWS) == 7

    assert visited(chromium, tmp_path, hub, use).complaints == []


def test_pausing_holds_headlines_back(chromium: str, tmp_path: Path) -> None:
    hub = hub_with([headline(1)])
    button = "document.getElementById('pause')"

    async def use(tab: Tab, _: str) -> None:
        await tab.until(f"{ROWS} === 1")
        await tab.evaluate(f"{button}.focus()")
        await tab.press(" ", 32, " ")
        assert await tab.evaluate(f"{button}.getAttribute('aria-pressed')") == "true"
        hub.publish(headline(2))
        hub.publish(headline(3))
        await tab.until(f"{button}.textContent === 'Resume (2 new)'")
        assert await tab.evaluate(ROWS) == 1
        await tab.evaluate(f"{button}.click()")
        assert await tab.evaluate(ROWS) == 3

    assert visited(chromium, tmp_path, hub, use).complaints == []


def test_the_list_stays_bounded_in_a_flood(chromium: str, tmp_path: Path) -> None:
    hub = hub_with()

    async def use(tab: Tab, _: str) -> None:
        for number in range(1, 1201):
            hub.publish(headline(number))
            if number % 100 == 0:  # the server needs its turn to send them
                await tab.until("true")
        newest = "document.querySelector('#stream > li time')?.getAttribute('datetime')"
        expected = headline(1200).first_seen.isoformat().replace("+00:00", "Z")
        await tab.until(f"{newest} === '{expected}'")
        assert await tab.evaluate(ROWS) == 200
        count = await tab.evaluate("document.getElementById('count').textContent")
        assert count == "200 of the last 500 headlines"
        for number in range(150):
            hub.publish(alert(id=f"alert-{number}"))
        earlier = "document.querySelector('#older:not([hidden]) > summary')?.textContent"
        await tab.until(f"{earlier} === '95 earlier'")
        assert await tab.evaluate("document.querySelectorAll('#alerts > li').length") == 5

    assert visited(chromium, tmp_path, hub, use).complaints == []


def test_a_headline_can_be_tried_with_the_keyboard(chromium: str, tmp_path: Path) -> None:
    async def use(tab: Tab, address: str) -> None:
        await tab.evaluate("document.getElementById('try-text').focus()")
        await tab.send("Input.insertText", text="Profit <b>soars</b>")
        await tab.press("Enter", 13, "\r")
        await tab.until("document.querySelector('#try-result .row')")
        result = await tab.evaluate("document.getElementById('try-result').innerText")
        assert "Profit <b>soars</b>" in result
        assert "positive" in result
        assert (
            await tab.evaluate("document.querySelector('#try-result mark').innerText") == "Profit"
        )
        assert f"{address}classify" in tab.requests

    assert visited(chromium, tmp_path, hub_with(), use).complaints == []


def test_the_page_says_when_the_connection_is_lost(chromium: str, tmp_path: Path) -> None:
    hub = hub_with([headline(1)])

    async def run() -> None:
        async with open_browser(chromium, tmp_path) as tab:
            async with serving(hub, explain) as address:
                await tab.open(address)
                await tab.until(f"{ROWS} === 1")
            pill = "document.getElementById('connection').textContent"
            await tab.until(f"{pill}.startsWith('Reconnecting… stale since ')")
            assert await tab.evaluate(ROWS) == 1
            port = int(address.rstrip("/").rpartition(":")[2])
            async with serving(hub_with([headline(2), headline(3)]), explain, port=port):
                await tab.until(f"{pill} === 'Live' && {ROWS} === 2")

    asyncio.run(run())


def test_every_control_has_a_name_and_its_focus_is_seen(chromium: str, tmp_path: Path) -> None:
    async def use(tab: Tab, _: str) -> None:
        await tab.until(f"{ROWS} === 77")
        tree = await tab.send("Accessibility.getFullAXTree")
        controls = ("button", "checkbox", "combobox", "textbox", "link", "meter", "image")
        assert unnamed(tree, controls) == []
        roles = [node.get("role", {}).get("value") for node in tree["nodes"]]
        assert {"main", "banner", "navigation", "heading", "region", "table"} <= set(roles)
        await tab.press("Tab", 9)
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert await tab.evaluate("document.activeElement.textContent") == "Signals"
        assert await tab.evaluate(outline) == "solid"

    assert visited(chromium, tmp_path, hub_with(morning()), use).complaints == []


def test_the_picture_of_a_page_shows_what_its_stream_brought(chromium: str, tmp_path: Path) -> None:
    async def picture(name: str, changes: list[Change]) -> int:
        file = tmp_path / name
        async with serving(hub_with(changes), explain) as address:
            await asyncio.to_thread(take_picture, chromium, address, file, width=1000, height=900)
        with Image.open(file) as image:
            assert image.size == (1000, 900)
            colours = image.convert("RGB").getcolors(maxcolors=1 << 24)
        return len(colours or ())

    empty = asyncio.run(picture("empty.png", []))
    lively = asyncio.run(picture("lively.png", morning()))

    assert lively > 2 * empty
