"""Where `newsclf label` takes its headlines from: a file, stdin, or the record of a watch."""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer

from newsclf.cli.option_groups import options_given
from newsclf.cli.watch.options import (
    RecordOpt,
    UntilOpt,
    record_place,
    require_watch,
    utc_time,
)

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.common.settings import Settings
    from newsclf.label.labelling import Headlines
    from newsclf.watch.record.storage.address import Place

_STDIN = Path("-")


@dataclass(frozen=True, kw_only=True)
class WatchOptions:
    """Options of headlines that a watch has recorded."""

    PANEL: ClassVar = "Headlines of a watch"
    from_: Annotated[
        Literal["watch"] | None,
        typer.Option(
            "--from", help="Label what newsclf watch has recorded: the last text of each headline."
        ),
    ] = None
    record: RecordOpt = None
    since: Annotated[
        dt.datetime | None,
        typer.Option(
            parser=utc_time,
            metavar="TIME",
            help="Leave out what was known before, such as 2026-11-26T12:00 (UTC).",
            show_default="all that is recorded",
        ),
    ] = None
    until: UntilOpt = None
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Take the newest N headlines of those.",
            show_default="all of them",
        ),
    ] = None


def find_headlines(
    output: Output,
    settings: Settings,
    file: Path | None,
    watch: WatchOptions,
) -> Headlines:
    """Read the headlines to label.

    Raises:
        ConfigError: There are several sources of headlines, or options of another one.
        DataError: The source can't be read, or has no headline.
        StateError: There is no such record, or a newer newsclf wrote it.
        MissingExtraError: Reading the record needs the extra `watch`.
    """
    from newsclf.common.errors import ConfigError
    from newsclf.label.labelling import read_headlines

    if watch.from_ is None:
        if given := options_given(watch):
            raise ConfigError(
                f"{given[0]} is of the record of a watch", hint="add --from watch, or leave it out"
            )
        if file is None:
            raise ConfigError(
                "nothing to label",
                hint="name a file of headlines, - for stdin, or --from watch",
            )
        if file == _STDIN:
            if sys.stdin.isatty():
                output.note("type headlines, one per line; Ctrl-D ends")
            return read_headlines(sys.stdin.buffer, settings.data)
        return read_headlines(file, settings.data)
    if file is not None:
        raise ConfigError(
            f"{file} and --from watch: headlines come from one of them",
            hint="leave one of them out",
        )
    return _recorded(record_place(watch.record, settings, make=False), watch)


def reads_stdin(file: Path | None) -> bool:
    """Whether headlines are read from stdin."""
    return file == _STDIN


def _recorded(place: Place, options: WatchOptions) -> Headlines:
    require_watch("reading the record of a watch")
    from newsclf.common.errors import DataError
    from newsclf.label.labelling import usable_headlines
    from newsclf.watch.record.replay import Record
    from newsclf.watch.record.shown import shown_texts

    with Record(place) as record:
        texts = shown_texts(record, since=options.since, until=options.until)
    if not texts:
        raise DataError(
            f"{place}: no headlines in that time"
            if options.since or options.until
            else f"{place}: there are no headlines in it yet",
            hint="newsclf watch records them; --since and --until choose a time",
        )
    newest = texts if options.limit is None else texts[-options.limit :]
    return usable_headlines("watch", newest)
