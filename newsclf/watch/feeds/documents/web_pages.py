"""Web pages that come instead of a feed: recognise challenges, error pages and home pages."""

from __future__ import annotations

import re
from urllib.parse import urljoin

from newsclf.common.visible import visible
from newsclf.watch.feeds.documents.reading import Reading, failed
from newsclf.watch.feeds.documents.text import plain_text
from newsclf.watch.feeds.outcome import Outcome

_PAGE = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?><!--.*?-->\s*)*+"
    r"<(?:!doctype\s+html|html|head|body|title|script|meta)\b",
    re.IGNORECASE | re.DOTALL,
)
_TITLE = re.compile(r"<title[^>]{0,200}>(.{0,500}?)</title", re.IGNORECASE | re.DOTALL)
_SERVER_ERROR = re.compile(
    r"\b50[0-4]\b|internal server error|bad gateway|service unavailable|temporarily unavailable"
    r"|maintenance",
    re.IGNORECASE,
)
_LINK = re.compile(r"<link\b[^<>]{0,1000}>", re.IGNORECASE)
_FEED_TYPE = re.compile(r"application/(?:rss|atom|feed)\+(?:xml|json)", re.IGNORECASE)
_HREF = re.compile(r"""href\s*=\s*["']?([^"'\s>]{1,1000})""", re.IGNORECASE)
_LOOKED_AT = 100_000
_SHOWN_CHARACTERS = 80


def web_page(text: str, url: str) -> Reading | None:
    """The result of a document that is a web page; None for any other.

    Args:
        text: The document.
        url: Its address.
    """
    if not _PAGE.match(text):
        return None
    text = text[:_LOOKED_AT]
    found = _TITLE.search(text)
    name = visible(plain_text(found[1], at_most=_SHOWN_CHARACTERS)) if found else ""
    page = f"a web page (“{name}”)" if name else "a web page without a title"
    detail = f"{page} came instead of a feed"
    if feed := _named_feed(text, url):
        detail += f"; its feed is {feed}"
    return failed(Outcome.FAILED if _SERVER_ERROR.search(name) else Outcome.BLOCKED, detail)


def _named_feed(text: str, url: str) -> str | None:
    """Address of the feed that a page names for readers."""
    for link in _LINK.findall(text):
        if _FEED_TYPE.search(link) and (href := _HREF.search(link)):
            try:
                address = urljoin(url, plain_text(href[1]))
            except ValueError:
                continue
            return visible(address) if address.startswith(("http://", "https://")) else None
    return None
