"""The playground in a real browser, with hostile texts. Run by `make test-browser`."""

from __future__ import annotations

import ast
import asyncio
import io
import json
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.support.chromium import Tab, open_browser, unnamed
from tests.support.playground import KEY, predict, serving_playground

EVIL = (
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    "\"'><svg onload=document.title='owned'></script>&lt;b&gt; {{ script }} $(touch owned) \u202e"
)
ANSWERS = "document.querySelectorAll('.answer').length"
PROBLEM = "document.getElementById('problem')"
CURL = "document.getElementById('curl').textContent"
FOCUS = "document.activeElement.id"


def visited(
    chromium: str,
    folder: Path,
    use: Callable[[Tab, str], Awaitable[None]],
    *,
    needs_key: bool = False,
    name: str = "news",
    width: int = 1280,
    dark: bool = False,
) -> Tab:
    """Open the playground of an API, and use it."""

    async def run() -> Tab:
        async with (
            serving_playground(needs_key=needs_key, name=name) as address,
            open_browser(chromium, folder) as tab,
        ):
            await tab.open(address, width=width, dark=dark)
            await tab.until("document.getElementById('curl')?.textContent")
            await use(tab, address)
            return tab

    return asyncio.run(run())


async def write(tab: Tab, text: str, field: str = "headlines") -> None:
    """Replace the text of a field, as if it was typed."""
    await tab.evaluate(f"document.getElementById('{field}').focus()")
    await tab.evaluate("document.activeElement.select()")
    await tab.send("Input.insertText", text=text)


async def classify(tab: Tab) -> None:
    await tab.evaluate("document.getElementById('try').requestSubmit()")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(("dark", "paper"), [(False, (255, 255, 255)), (True, (0x15, 0x18, 0x1D))])
def test_the_page_fits_in_both_themes_and_on_a_phone(
    chromium: str, tmp_path: Path, width: int, paper: tuple[int, int, int], *, dark: bool
) -> None:
    pictures = []

    async def use(tab: Tab, address: str) -> None:
        await tab.evaluate("document.getElementById('examples').click()")
        await write(tab, KEY, "key")
        await classify(tab)
        await tab.until(f"{ANSWERS} === 3")
        assert await tab.evaluate("document.documentElement.scrollWidth") == width
        pictures.append(await tab.screenshot())
        assert set(tab.requests) == {address, f"{address}classify"}

    tab = visited(chromium, tmp_path, use, needs_key=True, width=width, dark=dark)

    assert tab.complaints == []
    colours = Image.open(io.BytesIO(pictures[0])).convert("RGB").getcolors(maxcolors=1 << 24)
    assert colours is not None
    assert max(colours)[1] == paper
    assert len(colours) > 50, "something is drawn"


def test_a_headline_is_classified_with_the_keyboard(chromium: str, tmp_path: Path) -> None:
    text = "Profit rose 😀 while costs rise"

    async def use(tab: Tab, _: str) -> None:
        assert await tab.evaluate(FOCUS) == "headlines"
        await tab.send("Input.insertText", text=text)
        control = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "modifiers": 2}
        await tab.send("Input.dispatchKeyEvent", type="rawKeyDown", **control)
        await tab.until(f"{ANSWERS} === 1")
        shares = await tab.evaluate(
            "[...document.querySelectorAll('.share')].map((each) => each.textContent)"
        )
        assert shares == [f"{100 * share:.1f} %" for share in predict(text).scores]
        chosen = "document.querySelector('.chosen .name').textContent"
        assert await tab.evaluate(chosen) == "▲ positive"
        assert await tab.evaluate("document.querySelector('.answer mark.w3').textContent") == "rose"
        words = await tab.evaluate("document.querySelector('.words').innerText")
        assert words.splitlines()[0].startswith("rose +")
        figures = await tab.evaluate("document.getElementById('figures').textContent")
        assert figures.startswith("1 headline in ")
        assert "7 texts were classified" in figures
        await tab.press("Tab", 9)
        assert await tab.evaluate("document.activeElement.textContent") == "Classify"
        await tab.press("Tab", 9)
        await tab.press(" ", 32, " ")
        assert "explain" not in await tab.evaluate(CURL)
        await classify(tab)
        await tab.until("document.querySelectorAll('.words, .answer mark').length === 0")
        assert await tab.evaluate("document.getElementById('legend').hidden")

    assert visited(chromium, tmp_path, use).complaints == []


def test_hostile_texts_are_shown_as_texts(chromium: str, tmp_path: Path) -> None:
    async def use(tab: Tab, address: str) -> None:
        await write(tab, f"{EVIL}\nProfit rose")
        await classify(tab)
        await tab.until(f"{ANSWERS} === 2")
        shown = await tab.evaluate("document.querySelector('.headline').textContent")
        assert shown == EVIL.replace("\u202e", "\ufffd")
        assert (
            await tab.evaluate("document.title") == f"newsclf: {EVIL}".replace("\u202e", "").strip()
        )
        dangerous = "main script, main img, main svg, iframe, [onerror], [onload]"
        assert await tab.evaluate(f"document.querySelectorAll('{dangerous}').length") == 0
        assert await tab.evaluate("document.scripts.length") == 1
        code = await tab.evaluate("document.getElementById('same-call').innerText")
        assert "\u202e" not in code
        assert set(tab.requests) == {address, f"{address}classify"}

    name = EVIL.replace("\u202e", "").strip()
    assert visited(chromium, tmp_path, use, name=name).complaints == []


def test_curl_and_python_make_the_same_call(chromium: str, tmp_path: Path) -> None:
    headlines = ['It\'s 5 % "up" $(touch owned) `x` \\ !', "Ünïcode 😀 \u202e\U000e0041 end"]

    async def use(tab: Tab, address: str) -> None:
        await write(tab, "\n\n  ".join(headlines) + "\n \n")
        curl = await tab.evaluate(CURL)
        assert curl.isprintable() or set(curl) - {"\n"} == {c for c in curl if c.isprintable()}
        words = shlex.split(curl.replace("\\\n", ""))
        assert words[:5] == ["curl", "-s", "-K", ".newsclf/run/news/api.key", f"{address}classify"]
        assert json.loads(words[-1]) == {"headlines": headlines, "explain": True}
        code = await tab.evaluate("document.getElementById('python').textContent")
        tree = ast.parse(code)
        [given] = [
            ast.literal_eval(each.value)
            for each in tree.body
            if isinstance(each, ast.Assign) and isinstance(each.value, ast.List)
        ]
        assert given == headlines
        assert 'Classifier.connect("news")' in code
        assert "classifier.explain(headlines)" in code

    assert visited(chromium, tmp_path, use, needs_key=True).complaints == []


def test_the_key_is_typed_in_and_stands_nowhere_else(chromium: str, tmp_path: Path) -> None:
    async def use(tab: Tab, address: str) -> None:
        await write(tab, "Profit rose")
        await classify(tab)
        await tab.until(f"{PROBLEM}.textContent === 'Type the API key.'")
        assert await tab.evaluate(FOCUS) == "key"
        await write(tab, "wrong", "key")
        await classify(tab)
        await tab.until(f"{PROBLEM}.textContent === 'The API key is wrong.'")
        assert await tab.evaluate("document.activeElement.getAttribute('aria-invalid')") == "true"
        # The line of the file may be pasted as it is.
        await write(tab, f'header = "x-api-key: {KEY}"', "key")
        await tab.press("Enter", 13, "\r")
        await tab.until(f"{ANSWERS} === 1")
        assert await tab.evaluate(f"{PROBLEM}.hidden")
        assert KEY not in await tab.evaluate("document.documentElement.outerHTML")
        assert (
            await tab.evaluate("location.href + JSON.stringify(history.state)") == f"{address}null"
        )
        assert await tab.evaluate("localStorage.length + sessionStorage.length") == 0
        assert await tab.evaluate("document.cookie") == ""
        await tab.send("Page.reload")
        await tab.until("document.getElementById('curl')?.textContent")
        assert await tab.evaluate("document.getElementById('key').value") == ""

    tab = visited(chromium, tmp_path, use, needs_key=True)

    assert [line for line in tab.complaints if "401" not in line] == []


def test_errors_say_what_to_do(chromium: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with open_browser(chromium, tmp_path) as tab:
            async with serving_playground() as address:
                await tab.open(address)
                await tab.until("document.getElementById('curl')?.textContent")
                await write(tab, " \n \n")
                await classify(tab)
                await tab.until(f"{PROBLEM}.textContent === 'Type a headline.'")
                assert await tab.evaluate(FOCUS) == "headlines"
                await write(tab, "\n".join(["Profit rose by a third this year"] * 100))
                await classify(tab)
                await tab.until(f"{PROBLEM}.textContent.includes('a request may hold 512')")
                await write(tab, "\n".join(["Profit rose"] * 513))
                await tab.evaluate("document.getElementById('explain').click()")
                await classify(tab)
                await tab.until(f"{PROBLEM}.textContent.includes('512 headlines')")
                assert await tab.evaluate(ANSWERS) == 0
                await write(tab, "Profit rose")
                await classify(tab)
                await tab.until(f"{ANSWERS} === 1")
            await classify(tab)
            await tab.until(f"{PROBLEM}.textContent.startsWith('The server cannot be reached')")
            said = await tab.evaluate(f"{PROBLEM}.textContent")
            assert said.endswith("newsclf wire-api --deployment news")
            assert await tab.evaluate(ANSWERS) == 0

    asyncio.run(run())


def test_every_control_has_a_name(chromium: str, tmp_path: Path) -> None:
    async def use(tab: Tab, _: str) -> None:
        await tab.evaluate("document.getElementById('examples').click()")
        await write(tab, KEY, "key")
        await classify(tab)
        await tab.until(f"{ANSWERS} === 3")
        tree = await tab.send("Accessibility.getFullAXTree")
        controls = ("button", "checkbox", "textbox", "link", "image", "region")
        assert unnamed(tree, controls) == []
        roles = [node.get("role", {}).get("value") for node in tree["nodes"]]
        assert {"main", "banner", "heading", "region", "status", "list"} <= set(roles)

    assert visited(chromium, tmp_path, use, needs_key=True).complaints == []
