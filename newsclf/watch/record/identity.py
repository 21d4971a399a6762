"""Recognise a headline again: canonical addresses, story texts, and the keys of an item.

A source may give no identifier, the same one to every item, or a new one at each edit; an article
has several addresses; an agency sends a story again with `UPDATE 2-` in front. Keys are digests, so
they have one length and hold nothing to read.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from newsclf.data.examples import normalised
from newsclf.watch.item import Item
from newsclf.watch.record.near import MIN_WORDS, words_of

_TRACKING = re.compile(
    r"""(?: utm_.* | mtm_.* | pk_.* | hsa_.* | at_.* | guce_.* | soc_.* | ns_.*
    | [gdfmty]clid | fbclid | gbraid | wbraid | msclkid | igshid | mc_[ce]id | _hs(?:enc|mi)
    | cmp(?:id)? | ncid | ocid | cvid | icid | smid | sref | srnd | ref(?:_src|errer)? | xtor | ito
    | mod | siteid | tsrc | \.tsrc | taid | guccounter | partner | via | sh | rss | feedtype
    | amp | outputtype | __twitter_impression )""",
    re.VERBOSE,
)
_AMP_VALUES = frozenset(("output=amp", "view=amp", "mode=amp", "src=rss", "source=rss", "from=rss"))
_HOST = re.compile(r"[\w.:%-]+", re.ASCII)
_HOST_PREFIX = re.compile(r"(?:www\d?|m|mobile|amp)\.(?=[^.]+\.[^.])")
_AMP_CACHES = re.compile(r"(?:[^.]+\.)*cdn\.ampproject\.org|google\.[a-z.]+")
_AMP_CACHE_PATH = re.compile(r"/(?:[acvri]|amp)/(s/)?(?=[^/]+\.[^/]+)")
_AMP_ENDING = re.compile(r"(?:/amp(?:/|$)|\.amp$|\.amp(?=\.html?$))")
_AMP_CACHES_IN_A_ROW = 5
_LONGEST_ADDRESS = 4_096
"""Characters. Servers refuse longer ones, and what compares addresses may take their square."""
_INDEX = re.compile(r"/index\.(?:html?|php|aspx?)$")
_SESSION = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/;]*", re.IGNORECASE)
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
_DEFAULT_PORTS = {"http": 80, "https": 443}

_AGENCY_PREFIX = re.compile(
    r"""\s*(?:
    (?: UPDATE\s*\d* | WRAPUP\s*\d* | (?:OFFICIAL\s+)?CORRECT(?:ED|ION) | REFILE | RPT | REPEAT
      | BRIEF | OFFICIAL | EXCLUSIVE | BREAKING | \((?:OFFICIAL|CORRECTED|UPDATED)\)
      ) (?:\s*[-–—:]+|(?<=\))) \s*
    | (?i: updated? (?:\s+\d+)? | correct(?:ed|ion) | breaking(?:\s+news)? | just\s+in | exclusive
      ) \s*: \s*
    )(?=\S)""",
    re.VERBOSE,
)
_CORRECTS = re.compile(
    r"\s*(?:(?:OFFICIAL\s+)?CORRECT(?:ED|ION)\s*[-–—:]|\(CORRECTED\)|(?i:correct(?:ed|ion)\s*:))"
)
_AGENCIES = r"(?:Reuters|Bloomberg|AP|AFP|Dow\sJones|PRNewswire|Business\sWire|GlobeNewswire)"
_BY_AGENCY = re.compile(
    rf"\s*(?:\(\s*{_AGENCIES}\s*\)|[-–—|]\s*(?:{_AGENCIES}|sources?))\s*$|\s+-\s*{_AGENCIES}\s*$"
)
_UPDATED = re.compile(r"\s*[(\[](?:updated?|corrected)[)\]]\s*$", re.IGNORECASE)


class Keys(NamedTuple):
    """Digests by which an item is recognised."""

    listing: bytes
    """The item in the documents of its source, by the best identifier that it has."""
    fallback: bytes
    """The same without trust in the source's identifier alone."""
    others: tuple[bytes, ...]
    """The item in documents with other neighbours, who decide what identifies it."""
    retraction: bytes
    """The withdrawal of the item."""
    url: bytes | None
    """The article, in whatever source; None without an address of its own."""
    text: bytes | None
    """The words of the headline, in whatever source; None where they are too few."""
    content: bytes
    """What is recorded again when it changes: all but the dates, which some feeds renew each time.
    """


def canonical_url(url: str) -> str | None:
    """An address in the form that its variants share, to compare and not to open.

    Scheme, `www.` and mobile hosts, ports, user, fragment (unless `#!`), tracking parameters, AMP
    forms, session identifiers, trailing slash and index page are dropped; parameters are sorted and
    percent-encoding is normalised (RFC 3986 §6.2.2).

    Returns:
        `https://HOST/PATH?QUERY`; None if it is no address of the web, or too long for one.
    """
    parts = _split(url)
    if parts is None:
        return None
    host, port = (parts.hostname or "").rstrip("."), parts.port
    try:
        host = host.encode("idna").decode()  # as a browser would; é and its composed form are one
    except UnicodeError:
        return None
    if not _HOST.fullmatch(host):
        return None
    host = _without_prefix(host)
    if port is not None and port not in _DEFAULT_PORTS.values():
        host = f"{host}:{port}"
    fragment = f"#{_escaped(parts.fragment)}" if parts.fragment.startswith("!") else ""
    return f"https://{host}{_canonical_path(parts)}{_canonical_query(parts.query)}{fragment}"


def story_text(title: str) -> str:
    """A headline without what an agency puts around it: `UPDATE 2-`, `CORRECTED-`, `(Reuters)`."""
    text = title.strip()
    while (found := _AGENCY_PREFIX.match(text)) is not None:
        text = text[found.end() :]
    text = _UPDATED.sub("", text) or text
    return _BY_AGENCY.sub("", text) or text


def is_correction(title: str) -> bool:
    """Whether a headline says that it corrects another one: `UPDATE 1-CORRECTED-`."""
    text = title.strip()
    while not _CORRECTS.match(text):
        found = _AGENCY_PREFIX.match(text)
        if found is None:
            return False
        text = text[found.end() :]
    return True


def keys_of(source: str, items: Sequence[Item]) -> list[Keys]:
    """Keys of the items of one document.

    An identifier or address that stands at items of different content in the same document
    identifies none of them, and so doesn't the address of a front page.
    """
    ids = [item.id.strip() if item.id else "" for item in items]
    urls = [_article(item.url) for item in items]
    texts = [normalised(story_text(item.title)) or item.title.strip() for item in items]
    shared_ids = _shared(zip(ids, zip(urls, texts, strict=True), strict=True))
    shared_urls = _shared(zip(urls, texts, strict=True))
    found = []
    for item, id_, url, text in zip(items, ids, urls, texts, strict=True):
        shower = item.shown_by or source
        own_url = "" if url in shared_urls else url
        worded = ("id+text", id_, text) if id_ else ("text", text)
        cautious = worded
        if own_url:
            cautious = ("id+url", id_, own_url) if id_ else ("url", own_url)
        named = ("id", id_) if id_ and id_ not in shared_ids else cautious
        alone = ("id", id_) if id_ else ("url", url)
        enough = len(words_of(story_text(item.title))) >= MIN_WORDS
        found.append(
            Keys(
                listing=_digest(shower, *named),
                fallback=_digest(shower, *cautious),
                others=(_digest(shower, *alone), _digest(shower, *worded)),
                retraction=_digest(shower, "retraction", id_ or own_url or text),
                url=_digest("url", own_url) if own_url else None,
                text=_digest("text", text) if enough or not (id_ or own_url) else None,
                content=_digest(item.title, url, item.summary or "", *item.tickers),
            )
        )
    return found


def _split(url: str) -> SplitResult | None:
    """Parts of an address of the web, without the AMP cache that it may be in; None for others."""
    if len(url) > _LONGEST_ADDRESS:
        return None
    for _ in range(_AMP_CACHES_IN_A_ROW):
        try:
            parts = urlsplit(url.strip())
            host, _port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            return None
        if parts.scheme not in _DEFAULT_PORTS or not host:
            return None
        inner = (
            _AMP_CACHE_PATH.match(parts.path)
            if _AMP_CACHES.fullmatch(_without_prefix(host))
            else None
        )
        if inner is None:
            return parts
        query = f"?{parts.query}" if parts.query else ""
        url = f"https://{parts.path[inner.end() :]}{query}"
    return None


def _without_prefix(host: str) -> str:
    while found := _HOST_PREFIX.match(host):
        host = host[found.end() :]
    return host


def _article(url: str | None) -> str:
    """The canonical address of an article; empty without one, and for a front page."""
    canonical = canonical_url(url) if url else None
    return canonical if canonical and "/" in canonical.removeprefix("https://") else ""


def _shared(pairs: Iterable[tuple[str, object]]) -> set[str]:
    """Keys that occur with more than one value."""
    values = defaultdict(set)
    for key, value in pairs:
        values[key].add(value)
    return {key for key, found in values.items() if len(found) > 1}


def _digest(*parts: str) -> bytes:
    joined = "\0".join(part.replace("\0", " ") for part in parts)
    return hashlib.blake2b(joined.encode("utf-8", "replace"), digest_size=16).digest()


def _canonical_path(parts: SplitResult) -> str:
    path = _escaped(_SESSION.sub("", parts.path))
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    path = "".join(f"/{segment}" for segment in segments)
    while (shorter := _INDEX.sub("", _AMP_ENDING.sub(_without_amp, path)).rstrip("/")) != path:
        path = shorter
    return path


def _without_amp(found: re.Match[str]) -> str:
    """What remains of `/amp/` in the middle of a path; of `/amp` or `.amp` at its end nothing."""
    return "/" if found.group() == "/amp/" else ""


def _canonical_query(query: str) -> str:
    kept = []
    for pair in query.split("&"):
        name = unquote(pair.partition("=")[0]).lower()
        if pair and not _TRACKING.fullmatch(name) and pair.lower() not in _AMP_VALUES:
            kept.append(_escaped(pair))
    if not kept:
        return ""
    return "?" + "&".join(sorted(kept))


def _escaped(text: str) -> str:
    """Percent-encoding in one form: needless escapes undone, needed ones in capitals."""
    return quote(_ESCAPE.sub(_unescaped, text), safe="%/:=&?@!$'()*+,;~[]|", errors="surrogatepass")


def _unescaped(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    plain = character.isascii() and (character.isalnum() or character in "-._~")
    return character if plain else found[0].upper()
