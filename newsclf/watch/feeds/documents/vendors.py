"""News APIs: build requests and read answers by the description of the vendor.

A description is a file of `configs/news/`, or one's own of the same form. It says how to ask, where
the items are, what their fields are called, and how the vendor says that there were too many
requests. API keys go into requests alone; what an answer says is never quoted, since some vendors
repeat the key in it.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import AfterValidator, Field, model_validator

from newsclf.common.errors import ConfigError
from newsclf.common.records import StrictRecord, from_toml, read_record
from newsclf.common.settings import shipped_config
from newsclf.common.suggestions import did_you_mean
from newsclf.common.urls import is_web_address
from newsclf.watch.feeds.documents.json_paths import JsonPath, compact, text_at, value_at, values_at
from newsclf.watch.feeds.documents.reading import Reading, Repair, failed, read
from newsclf.watch.feeds.documents.syndication import MAX_ITEMS, MAX_RAW, read_feed
from newsclf.watch.feeds.documents.text import MAX_SUMMARY, first_sentence, plain_text
from newsclf.watch.feeds.documents.times import stamp
from newsclf.watch.feeds.documents.web_pages import web_page
from newsclf.watch.feeds.fetching.answer import Request
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.item import Item

_FOLDER = "news"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_EPOCH = "epoch"
_MAX_ID = 2_000
_OK = 200
_KEY_PARAMETERS = {"api_key", "api_token", "apikey", "key", "token"}
_BY_STATUS = {
    401: Outcome.CREDENTIALS,
    402: Outcome.QUOTA,
    403: Outcome.CREDENTIALS,
    404: Outcome.GONE,
    410: Outcome.GONE,
    429: Outcome.QUOTA,
}
_REASONS = {
    Outcome.CREDENTIALS: "refuses the API key, or the plan does not allow this request",
    Outcome.QUOTA: "says that there were too many requests",
    Outcome.GONE: "has nothing at this address",
    Outcome.FAILED: "reports an error",
}


def _address(url: str) -> str:
    if not url.startswith("https://") or not is_web_address(url):
        raise ValueError("should be an address such as https://api.example.com/news")
    return url


_Given = Annotated[str, Field(min_length=1)]
_Status = Annotated[int, Field(ge=100, le=599)]


class KeyForm(StrictRecord):
    """Where an API key goes in a request; one of a parameter and a header."""

    parameter: _Given | None = None
    header: _Given | None = None
    prefix: str = ""
    """Before the key in the header, such as `Bearer `."""
    environment: _Given
    """Variable that holds the key, unless a source names another place."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.parameter is None) == (self.header is None):
            raise ValueError("give either parameter or header")
        return self


class RequestForm(StrictRecord):
    """Request for items.

    `{ticker}`, `{tickers}`, `{query}`, `{since}` and `{until}` in parameters stand for what a
    source asks for; a parameter whose value is not known is left out.
    """

    url: Annotated[str, AfterValidator(_address)]
    parameters: dict[str, str] = Field(default_factory=dict)
    needs: tuple[Literal["ticker", "tickers", "query"], ...] = ()
    """What a source must name."""
    headers: dict[str, str] = Field(default_factory=dict)
    ticker_separator: str = ","
    time_format: str = "%Y-%m-%dT%H:%M:%SZ"
    """strftime form of `{since}` and `{until}`, in UTC; `epoch` for seconds since 1970. One without
    hours asks for the day before `{since}` too: some news is listed after its day is over."""


class Paging(StrictRecord):
    """How further pages are asked for."""

    kind: Literal["page", "offset", "next_url"]
    parameter: _Given | None = None
    """Number of the page, or of the first item."""
    first: Annotated[int, Field(ge=0)] = 1
    size: Annotated[int, Field(ge=1)] = 100
    """Items of a full page; one with fewer is the last."""
    size_path: JsonPath | None = None
    """Where the answer says how many that are, if it depends on the plan."""
    path: JsonPath | None = None
    """Where the answer has the address of the next page."""
    end_status: _Status | None = None
    """HTTP status for a page beyond the last."""
    oldest_first: bool = False
    """Whether the newest items are on the last page, so that all are asked for."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind == "next_url" and self.path is None:
            raise ValueError("path is missing")
        if self.kind != "next_url" and self.parameter is None:
            raise ValueError("parameter is missing")
        return self


class FieldNames(StrictRecord):
    """Where an item has what."""

    title: JsonPath | None = None
    id: JsonPath | None = None
    url: JsonPath | None = None
    summary: JsonPath | None = None
    published: JsonPath | None = None
    updated: JsonPath | None = None
    tickers: JsonPath | None = None
    """Symbols, or texts with symbols and commas between."""
    source: JsonPath | None = None
    """Publisher; a title that ends with it is cut there."""


class Refusal(StrictRecord):
    """A way in which the vendor says no; all conditions that are given must hold."""

    status: _Status | None = None
    path: JsonPath | None = None
    """There is something at this place."""
    contains: str | None = None
    """And it has this in it, whatever the case."""
    outcome: Outcome

    def fits(self, status: int, document: Any) -> bool:
        """Whether an answer is this refusal."""
        if self.status is not None and self.status != status:
            return False
        if self.path is None:
            return True
        found = value_at(document, self.path)
        if found is None:
            return False
        return self.contains is None or self.contains.lower() in compact(found).lower()


class Vendor(StrictRecord):
    """Description of a news API."""

    schema_version: Literal[1]
    title: str
    pages: Annotated[tuple[str, ...], Field(min_length=1)]
    """Documentation that it follows."""
    checked: dt.date
    """Day on which this description was compared,"""
    checked_by: Literal["documentation", "client library", "digest", "not verified"]
    """with this: the vendor's documentation, a client that is in use, what others made of the
    documentation, or nothing. Stored copies, not the service itself."""
    terms: str
    """Limits and terms of use, as far as they were found."""
    form: Literal["json", "feed"] = "json"
    request: RequestForm
    key: KeyForm | None = None
    items: tuple[JsonPath, ...] = ("",)
    """Places of the list of items; the first that is there counts."""
    fields: FieldNames = FieldNames()
    removed_title: str | None = None
    """Title of items whose content was withdrawn, which are left out."""
    retracts: str | None = None
    """Name of the API whose items it withdraws, if its own are identifiers of these."""
    paging: Paging | None = None
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a source asks a vendor for."""

    tickers: tuple[str, ...] = ()
    query: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of the source's own, which take precedence."""


def vendor_names() -> list[str]:
    """Names of the descriptions that ship with the package."""
    return sorted(path.stem for path in shipped_config(_FOLDER).glob("*.toml"))


def load_vendor(name: str, *, folder: Path | None = None) -> Vendor:
    """Read a description.

    Args:
        name: Of a shipped one, such as `finnhub`, or the path of a file that ends with `.toml`.
        folder: What a relative path is relative to.

    Raises:
        ConfigError: There is no such description, or it has another form.
    """
    own = name.endswith(".toml")
    if not own and name not in vendor_names():
        advice = did_you_mean(name, vendor_names()) or f"known are {', '.join(vendor_names())}"
        raise ConfigError(
            f"no news API {name[:40]!r} is described ({advice})",
            hint="a path that ends with .toml names a description of your own",
        )
    path = (folder or Path()) / name if own else shipped_config(_FOLDER) / f"{name}.toml"
    return read_record(
        path,
        partial(from_toml, Vendor),
        error=ConfigError,
        hint="configs/news/ has descriptions that show the form",
        follow=True,
    )


def request(vendor: Vendor, wanted: Wanted, *, key: str | None, page: str | None = None) -> Request:
    """Build the request for a page of items.

    Args:
        vendor: Whom to ask.
        wanted: For what.
        key: API key.
        page: `next_page` of the last reading; None for the first page.

    Raises:
        ConfigError: The vendor needs a key, or the page is on another host.
    """
    if vendor.key is not None and not key:
        raise ConfigError(
            f"{vendor.title}: no API key", hint=f"set {vendor.key.environment} to your key"
        )
    check_wanted(vendor, wanted)
    paging = vendor.paging
    if page is not None and paging is not None and paging.kind == "next_url":
        if not _same_host(page, vendor.request.url):
            raise ConfigError(f"{vendor.title}: its next page is on another host")
        own, parts = urlsplit(vendor.request.url), urlsplit(page)
        parameters = dict(parse_qsl(parts.query))
        base = urlunsplit((own.scheme, own.netloc, parts.path, "", ""))
    else:
        base, parameters = vendor.request.url, _parameters(vendor.request, wanted)
        if page is not None and paging is not None and paging.parameter is not None:
            parameters[paging.parameter] = page
    headers = dict(vendor.request.headers)
    if vendor.key is not None and key:
        if vendor.key.header is not None:
            headers[vendor.key.header] = f"{vendor.key.prefix}{key}"
        elif vendor.key.parameter is not None:
            parameters[vendor.key.parameter] = key
    return Request(
        url=f"{base}?{urlencode(parameters)}" if parameters else base,
        headers=headers,
        secrets=(key,) if vendor.key is not None and key else (),
    )


def check_wanted(vendor: Vendor, wanted: Wanted) -> None:
    """Check that a source names what a vendor needs.

    Raises:
        ConfigError: Something is missing, or there is more than one ticker where one is taken.
    """
    given = {
        "ticker": bool(wanted.tickers),
        "tickers": bool(wanted.tickers),
        "query": bool(wanted.query),
    }
    for need in vendor.request.needs:
        if not given[need]:
            name = "tickers" if need == "ticker" else need
            raise ConfigError(
                f"{vendor.title}: it needs {name}", hint=f"add {name} to the source in watch.toml"
            )
    one = any("{ticker}" in template for template in vendor.request.parameters.values())
    if one and len(wanted.tickers) > 1:
        raise ConfigError(
            f"{vendor.title}: it takes one ticker at a time",
            hint="give each ticker a source of its own in watch.toml",
        )


def _parameters(form: RequestForm, wanted: Wanted) -> dict[str, str]:
    values = {
        "ticker": wanted.tickers[0] if wanted.tickers else None,
        "tickers": form.ticker_separator.join(wanted.tickers) or None,
        "query": wanted.query,
        "since": _time(wanted.since, form.time_format, margin=_margin(form.time_format)),
        "until": _time(wanted.until, form.time_format),
    }
    filled = {}
    for name, template in form.parameters.items():
        needed = _PLACEHOLDER.findall(template)
        if all(values.get(each) for each in needed):
            filled[name] = _PLACEHOLDER.sub(lambda found: values[found[1]] or "", template)
    return {**filled, **wanted.parameters}


def _margin(form: str) -> dt.timedelta:
    return dt.timedelta(days=0 if form == _EPOCH or "%H" in form else 1)


def _time(
    at: dt.datetime | None, form: str, *, margin: dt.timedelta = dt.timedelta()
) -> str | None:
    if at is None:
        return None
    at = at.astimezone(dt.UTC) - margin
    return str(int(at.timestamp())) if form == _EPOCH else at.strftime(form)


def _same_host(url: str, other: str) -> bool:
    """Whether an address is one of the vendor's; some write the port of https into it."""
    known = urlsplit(other)
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and "@" not in parts.netloc
        and (parts.hostname, port) == (known.hostname, known.port or 443)
    )


def read_answer(
    body: bytes,
    vendor: Vendor,
    *,
    status: int = _OK,
    content_type: str | None = None,
    page: str | None = None,
) -> Reading:
    """Read what a news API answered.

    Args:
        body: The document, uncompressed.
        vendor: Who answered.
        status: HTTP status.
        content_type: Value of the HTTP header.
        page: What was asked for.

    Returns:
        The items, or why there are none. It raises nothing for an answer.
    """
    paging = vendor.paging
    if page is not None and paging is not None and status == paging.end_status:
        return read(())
    document = _parsed(body) if vendor.form == "json" else None
    if refusal := _refusal(vendor, status, document):
        return refusal
    if vendor.form == "feed":
        found = read_feed(body, url=vendor.request.url, content_type=content_type)
        return _with_next(found, vendor, page=page, document=None, count=len(found.items))
    if document is None:
        text = body.decode("utf-8", "replace")
        return web_page(text, vendor.request.url) or failed(
            Outcome.MALFORMED, f"{vendor.title} answered with something other than JSON"
        )
    return _read_json(document, vendor, page=page)


def _read_json(document: Any, vendor: Vendor, *, page: str | None) -> Reading:
    lists = (value for path in vendor.items for value in values_at(document, path))
    listed = next((each for each in lists if isinstance(each, list)), None)
    if listed is None:
        return failed(Outcome.MALFORMED, f"the answer of {vendor.title} has no list of items")
    repairs: set[Repair] = {Repair.TOO_MANY_ITEMS} if len(listed) > MAX_ITEMS else set()
    items = [_item(each, vendor, repairs) for each in listed[:MAX_ITEMS]]
    found = read([each for each in items if each is not None], repairs)
    return _with_next(found, vendor, page=page, document=document, count=len(listed))


def _refusal(vendor: Vendor, status: int, document: Any) -> Reading | None:
    for refusal in vendor.refusals:
        if refusal.fits(status, document):
            return _refused(vendor, refusal.outcome)
    if status >= 400:  # noqa: PLR2004 - HTTP
        return _refused(vendor, _BY_STATUS.get(status, Outcome.FAILED), status=status)
    return None


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig"), strict=False)
    except (ValueError, RecursionError):
        return None


def _refused(vendor: Vendor, outcome: Outcome, *, status: int | None = None) -> Reading:
    if outcome is Outcome.EMPTY:
        return read(())
    reason = _REASONS.get(outcome, f"refused ({outcome})")
    return failed(outcome, f"{vendor.title} {reason}" + (f" (HTTP {status})" if status else ""))


def _with_next(
    reading: Reading, vendor: Vendor, *, page: str | None, document: Any, count: int
) -> Reading:
    paging = vendor.paging
    if paging is None:
        return reading
    following: str | None = None
    if paging.kind == "next_url":
        found = text_at(document, paging.path)
        following = _without_key(found) if _same_host(found, vendor.request.url) else None
    elif count >= _full_page(paging, document):
        step = paging.size if paging.kind == "offset" else 1
        following = str(int(page if page is not None else paging.first) + step)
    return Reading(
        outcome=reading.outcome,
        items=reading.items,
        detail=reading.detail,
        repairs=reading.repairs,
        title=reading.title,
        ttl_s=reading.ttl_s,
        next_page=following,
    )


def _full_page(paging: Paging, document: Any) -> int:
    found = value_at(document, paging.size_path)
    usable = isinstance(found, int) and not isinstance(found, bool) and found >= 1
    return found if usable else paging.size


def _without_key(url: str) -> str:
    """An address without a key, which some vendors repeat."""
    parts = urlsplit(url)
    kept = [each for each in parse_qsl(parts.query) if each[0].lower() not in _KEY_PARAMETERS]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(kept), ""))


def _item(entry: Any, vendor: Vendor, repairs: set[Repair]) -> Item | None:
    names = vendor.fields
    identifier = _identifier(value_at(entry, names.id))
    summary = plain_text(text_at(entry, names.summary), at_most=MAX_SUMMARY)
    title = _title(entry, names)
    if vendor.retracts is not None:
        if identifier is None:
            repairs.add(Repair.EMPTY_ITEMS)
            return None
    elif vendor.removed_title is not None and title == vendor.removed_title:
        return None
    elif not title:
        repairs.add(Repair.NO_TITLES if summary else Repair.EMPTY_ITEMS)
        if not summary:
            return None
        title = first_sentence(summary)
    url = text_at(entry, names.url).strip()
    return Item(
        title=title,
        id=identifier,
        url=url if url.lower().startswith(("http://", "https://")) else None,
        summary=summary or None,
        published=stamp(value_at(entry, names.published)),
        updated=stamp(value_at(entry, names.updated)),
        tickers=_tickers(entry, names.tickers),
        retracted=vendor.retracts is not None,
        raw=compact(entry)[:MAX_RAW],
    )


def _title(entry: Any, names: FieldNames) -> str:
    title = plain_text(text_at(entry, names.title))
    source = plain_text(text_at(entry, names.source))
    return title.removesuffix(f" - {source}") if source else title


def _identifier(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip()[:_MAX_ID] or None


def _tickers(entry: Any, path: str | None) -> tuple[str, ...]:
    if path is None:
        return ()
    texts = [each for each in values_at(entry, path) if isinstance(each, str)]
    symbols = [symbol.strip() for text in texts for symbol in text.split(",")]
    return tuple(dict.fromkeys(symbol for symbol in symbols if symbol))
