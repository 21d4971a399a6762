"""Plain text of titles and summaries: entities decoded, markup removed, spaces collapsed."""

from __future__ import annotations

import html
import re

MAX_TITLE = 2_000
"""Characters of a title; a longer one is cut, since no headline is of that length."""
MAX_SUMMARY = 5_000
_MAX_MARKUP = 100_000
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TAGS = (
    "a abbr acronym address area article aside audio b bdi bdo big blockquote body br button "
    "caption center cite code col colgroup dd del details dfn div dl dt em embed fieldset "
    "figcaption figure font footer form h1 h2 h3 h4 h5 h6 head header hr html i iframe img "
    "input ins kbd label legend li link main map mark meta nav nobr noscript object ol option p "
    "param picture pre q rp rt ruby s samp script section select small source span strike "
    "strong style sub summary sup svg table tbody td template textarea tfoot th thead time "
    "title tr track tt u ul var video wbr"
)
_MARKUP = re.compile(
    rf"</?(?:{'|'.join(_TAGS.split())})(?:\s[^<>]{{0,4000}}|/)?>|<!--.*?(?:-->|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_UNSEEN = re.compile(
    r"<(script|style)\b[^<>]{0,4000}>.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL
)
_BREAKING = re.compile(
    r"</?(?:br|p|div|li|tr|td|h[1-6]|ul|ol|table|blockquote)\b[^<>]{0,4000}>", re.IGNORECASE
)
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069"
    "\ufeff\ufffe\uffff\ud800-\udfff]"
)
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+(?=[^a-z])")
_SHORTEST_SENTENCE = 20
_LONGEST_SENTENCE = 300


def plain_text(value: str, *, at_most: int = MAX_TITLE) -> str:
    """Turn what a source calls a title or a summary into plain text.

    Entities are decoded until nothing changes, at most twice, since many sources escape twice.
    Only tags that HTML knows are removed: `<3` and `a < b` stay.

    Args:
        value: Text or HTML, already read out of its XML or JSON.
        at_most: Characters to keep.
    """
    text = value[:_MAX_MARKUP]
    for _ in range(2):
        decoded = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
        if decoded == text:
            break
        text = decoded
    if "<" in text:
        text = _MARKUP.sub("", _BREAKING.sub(" ", _UNSEEN.sub(" ", text)))
    text = " ".join(_INVISIBLE.sub("", text).split())
    return text if len(text) <= at_most else f"{text[: at_most - 1].rstrip()}…"


def first_sentence(text: str) -> str:
    """The first sentence of a plain text, to stand for a missing title."""
    for end in _SENTENCE_END.finditer(text):
        if _SHORTEST_SENTENCE <= end.start() <= _LONGEST_SENTENCE:
            return text[: end.start()]
    return text if len(text) <= _LONGEST_SENTENCE else f"{text[: _LONGEST_SENTENCE - 1].rstrip()}…"
