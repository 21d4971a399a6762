"""XML of feeds as text: refuse entity declarations, mend what parsers stumble over, find the items.

Works on broken documents too, so it reads by patterns, each of them linear in the text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

_LITERAL = r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)"
"""CDATA and comments, in which nothing has a meaning."""
_ENTITY_DECLARATION = re.compile(rf"{_LITERAL}|(?P<entity><!ENTITY\b)", re.DOTALL | re.IGNORECASE)
# Without the white space before it: a search would take the square of its length.
_PROLOG = re.compile(r"<\?xml\b[^<>]*>")
_DOCTYPE = re.compile(r"<!DOCTYPE\b[^<>\[]*(?:\[[^\]]*\]\s*)?>", re.IGNORECASE)
_FEED_START = re.compile(r"<\?xml\b|<(?:[\w.-]+:)?(?:rss|rdf|feed)\b", re.IGNORECASE)
_ROOT = re.compile(
    r"(?>\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE\b[^<>\[]*(?:\[[^\]]*\]\s*)?>)*+"
    r"(?P<tag><)(?:[\w.-]+:)?(?P<name>[\w.-]+)",
    re.DOTALL | re.IGNORECASE,
)
_REFERENCE = re.compile(
    rf"(?P<literal>{_LITERAL})|&(?:(?P<name>[A-Za-z][A-Za-z0-9]{{0,31}});"
    r"|#(?P<decimal>\d{1,7});|#[xX](?P<hex>[0-9a-fA-F]{1,6});)?",
    re.DOTALL,
)
_PREDEFINED = {"amp", "lt", "gt", "quot", "apos"}
_ILLEGAL = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\ud800-\udfff]")
_ITEM_TAG = re.compile(
    rf"{_LITERAL}|<(?P<close>/?)(?:[\w.-]+:)?(?P<name>item|entry|deleted-entry)(?=[\s/>])"
    r"(?P<attributes>[^<>]*)>",
    re.DOTALL,
)
_TAG_OR_LITERAL = re.compile(rf"(?P<literal>{_LITERAL})|<", re.DOTALL)
_PREFIXED_TAG = re.compile(r"</?[A-Za-z_][\w.-]*+:[^<>]*+>")
_LONG_TAG = re.compile(
    r"""(?P<name><[A-Za-z_][^\s<>"'/=]*+)(?P<attributes>(?:[^<>"']|"[^"<]*+"|'[^'<]*+')*+)>"""
)
_MOST_ATTRIBUTES = 100
_ATTRIBUTE = re.compile(r"""(?<![\w:.-])([\w:.-]++)\s*+=\s*+(?:"([^"]*)"|'([^']*)')""")


def declares_entities(text: str) -> bool:
    """Whether a document declares entities of its own, which an XML bomb needs."""
    return any(found["entity"] for found in _ENTITY_DECLARATION.finditer(text))


def root_name(text: str) -> str | None:
    """Name of the root element, without its prefix; None if there is no element."""
    found = _ROOT.match(text)
    return found["name"] if found else None


def without_leading_text(text: str) -> str:
    """The document from its prolog or root element on."""
    found = _FEED_START.search(text)
    return text[found.start() :] if found else text


def without_declarations(text: str) -> str:
    """The document without XML declaration, which names an encoding, and DOCTYPE."""
    text = _PROLOG.sub("", text, count=1)
    start = _DOCTYPE.search(text[:4000])
    return text[: start.start()] + text[start.end() :] if start else text


def without_illegal_characters(text: str) -> str:
    """The text without characters that XML forbids."""
    return _ILLEGAL.sub("", text)


def with_known_references(text: str) -> str:
    """Replace HTML's entities by their characters, and escape ampersands that begin no reference.

    References to characters that XML forbids are removed.
    """

    def known(found: re.Match[str]) -> str:
        if found["literal"] is not None:
            return found["literal"]
        if (name := found["name"]) is not None:
            character = html.unescape(f"&{name};")
            if name in _PREDEFINED or not character.startswith("&"):
                return found[0] if name in _PREDEFINED else html.escape(character, quote=False)
            return f"&amp;{name};"
        if (number := found["decimal"] or found["hex"]) is not None:
            code = int(number, 10 if found["decimal"] else 16)
            return "" if code > 0x10FFFF or _ILLEGAL.match(chr(code)) else found[0]  # noqa: PLR2004
        return "&amp;"

    return _REFERENCE.sub(known, text)


def without_excessive_attributes(text: str) -> str:
    """The text without the attributes of tags that have more than anything of a feed needs.

    The time that Python's reader takes for a tag grows with the square of their number, and
    nothing else of the program can run meanwhile.
    """

    def limited(found: re.Match[str]) -> str:
        given = found["attributes"]
        if (
            given.count("=") <= _MOST_ATTRIBUTES
            or len(_ATTRIBUTE.findall(given)) <= _MOST_ATTRIBUTES
        ):
            return found[0]
        return f"{found['name']}{'/' if given.endswith('/') else ''}>"

    return _LONG_TAG.sub(limited, text)


def without_prefixed_tags(text: str) -> str:
    """The text without the tags of extensions such as `gml:pos`; what they enclose stays."""
    return _PREFIXED_TAG.sub("", text)


def has_more_tags(text: str, number: int) -> bool:
    """Whether a document has more tags than a number, closing ones included."""
    if text.count("<") <= number:
        return False
    tags = (found for found in _TAG_OR_LITERAL.finditer(text) if not found["literal"])
    return next(islice(tags, number, None), None) is not None


@dataclass(frozen=True, slots=True)
class Span:
    """The text of one item."""

    text: str
    """From its start tag to its end tag."""
    start: int
    """Where that is in the document."""
    deleted: bool = False
    """Whether it announces that an entry was removed (RFC 6721)."""


@dataclass(frozen=True, slots=True)
class Spans:
    """The items of a document as text."""

    found: tuple[Span, ...]
    open_at: int | None
    """Where the last item begins if it has no end."""


def item_spans(text: str) -> Spans:
    """Find the items of a document.

    Items don't nest: where one begins before the last has ended, the last ends there.
    """
    found: list[Span] = []
    opened: re.Match[str] | None = None
    for tag in _ITEM_TAG.finditer(text):
        if not tag["name"]:
            continue
        deleted = tag["name"] == "deleted-entry"
        if tag["close"]:
            if opened and opened["name"] == tag["name"]:
                found.append(Span(text[opened.start() : tag.end()], opened.start(), deleted))
                opened = None
            continue
        if opened:
            unclosed = text[opened.start() : tag.start()]
            found.append(Span(unclosed, opened.start(), opened["name"] == "deleted-entry"))
        opened = None if tag["attributes"].endswith("/") else tag
        if opened is None:
            found.append(Span(tag[0], tag.start(), deleted))
    return Spans(tuple(found), opened.start() if opened else None)


def without_spans(text: str, spans: Iterable[Span]) -> str:
    """A document without some of its items, which are in its order."""
    parts, position = [], 0
    for span in spans:
        parts.append(text[position : span.start])
        position = span.start + len(span.text)
    return "".join([*parts, text[position:]])


def root_tag(text: str) -> str:
    """Start tag of the root element, which has the namespaces."""
    found = _ROOT.match(text)
    return f"{text[found.start('tag') :].partition('>')[0]}>" if found else ""


def is_closed(text: str, root: str) -> bool:
    """Whether the end tag of the root element is there."""
    return re.search(rf"</(?:[\w.-]+:)?{re.escape(root)}\s*>", text) is not None


def attributes(tag: str) -> dict[str, str]:
    """Attributes of the first tag of a text."""
    head = tag.partition(">")[0]
    return {
        name: html.unescape(double or single) for name, double, single in _ATTRIBUTE.findall(head)
    }
