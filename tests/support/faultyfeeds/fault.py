"""A source with one fault: what it answers, request by request, and what a record should hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from newsclf.watch.feeds.outcome import Outcome
from tests.support.feedserver import Reply, reply

XML = "application/rss+xml"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to one of the addresses of a fault."""

    headers: Mapping[str, str]
    """By their names in lower case."""
    folder: str
    """Where the fault's addresses are, such as `http://127.0.0.1:4711/moved`."""
    elsewhere: str
    """Another server, which should not be asked for anything but what a redirect leads to."""
    file: str
    """URI of a file of this machine."""
    complain: Callable[[str], None]
    """Takes a phrase about what is wrong with the request."""


Stage: TypeAlias = str | bytes | Reply | Callable[[Asked], Reply]
"""What is answered: a feed, or something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A source with one fault.

    A source is asked again and again. Each answer that was recorded is followed by the next stage;
    the last one is for ever.
    """

    name: str
    """Also its folder on the server."""
    row: int | None = None
    """Of the list of 35 faults that users of feed readers report; None for what goes beyond it."""
    stages: tuple[Stage, ...]
    places: Mapping[str, Stage] = field(default_factory=dict)
    """Further addresses in the folder of the fault, to which redirects lead."""
    outcomes: frozenset[Outcome] = frozenset({Outcome.OK})
    """Of all attempts together."""
    headlines: tuple[tuple[str, ...], ...] = ()
    """Each headline by its texts: the first, and those of its edits."""
    withdrawn: frozenset[str] = frozenset()
    """First texts of the headlines that are withdrawn."""
    events: int | None = None
    """What happened; None: as many as headlines."""
    published: Mapping[str, str | None] = field(default_factory=dict)
    """ISO 8601 time of publication that a text claims; None where it is unknown."""
    links: Mapping[str, str | None] = field(default_factory=dict)
    """Address of a text; `{server}` is that of the server."""
    rows: int | None = None
    """Items that are recorded: one for each first showing and each change; None: unchecked."""
    user: str | None = None
    """`name:password` in the address of the feed."""
    patience: bool = False
    """Whether it takes hours until everything has been shown."""
    ends: bool = True
    """Whether each attempt ends before the time-outs do."""

    @property
    def path(self) -> str:
        """Of the feed."""
        return f"/{self.name}/feed"


def told(*titles: str) -> tuple[tuple[str, ...], ...]:
    """Headlines that are never edited."""
    return tuple((title,) for title in titles)


def story(name: str, number: int, title: str, more: str = "") -> str:
    """An item in good order: with a title, a guid and a link of its own."""
    return item(title, guid=f"{name}-{number}", link=link(name, number), more=more)


def item(title: str, *, guid: str | None = None, link: str | None = None, more: str = "") -> str:
    """The inside of an item of RSS.

    Args:
        title: As XML.
        guid: None: without one.
        link: None: without one.
        more: Further elements.
    """
    parts = [f"<title>{title}</title>"]
    if guid is not None:
        parts.append(f'<guid isPermaLink="false">{guid}</guid>')
    if link is not None:
        parts.append(f"<link>{link}</link>")
    return "".join([*parts, more])


def link(name: str, number: int) -> str:
    """Address of an article."""
    return f"https://news.example.com/{name}/{number}"


def answer_of(stage: Stage, asked: Asked) -> Reply:
    """The answer of a stage to a request."""
    if callable(stage):
        return stage(asked)
    if isinstance(stage, Reply):
        return stage
    body = stage.encode() if isinstance(stage, str) else stage
    return reply(body, Content_Type=XML)
