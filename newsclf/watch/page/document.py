"""HTML document of the page, with its style and script inside, and its security policy."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from newsclf.serving.local_page import Document, make_document

_SCRIPTS = (
    "texts.js",
    "headlines.js",
    "signals.js",
    "alerts.js",
    "sources.js",
    "classify.js",
    "page.js",
)


@cache
def document() -> Document:
    """Put the page together from its files."""
    script = "".join(map(_asset, _SCRIPTS))
    return make_document(_asset("page.html"), style=_asset("page.css"), script=script)


def _asset(name: str) -> str:
    return files("newsclf.watch.page").joinpath("assets", name).read_text(encoding="utf-8")
