"""The command `newsclf watch replay`."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.option_groups import grouped
from newsclf.cli.options import OverwriteOpt, StateOptions
from newsclf.cli.watch.options import (
    RecordOpt,
    UntilOpt,
    read_settings,
    record_place,
    require_watch,
)

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.common.records import StrictRecord
    from newsclf.watch.latency import SourceLatency
    from newsclf.watch.replaying import Bar
    from newsclf.watch.sensitivity import OtherHalfLife, Sensitivity
    from newsclf.watch.signals.aggregate import Signal

_MINUTES_FROM_S = 120


@grouped
def replay(
    *,
    until: UntilOpt = None,
    record: RecordOpt = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            help="Compute what the signals would have been with this watch.toml.",
            show_default="what they were computed with",
        ),
    ] = None,
    signals: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the signals to a .parquet, .csv, .tsv or .jsonl file.",
        ),
    ] = None,
    items: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the headlines with their scores and entities to such a file.",
        ),
    ] = None,
    latency: Annotated[
        bool,
        typer.Option(
            "--latency",
            help="Show how long the headlines of each source took: published, seen, scored, alert.",
        ),
    ] = False,
    half_lives: Annotated[
        bool,
        typer.Option(
            "--half-lives",
            help="Show how much the signals depend on the half-life: with half of it, and twice.",
        ),
    ] = False,
    overwrite: OverwriteOpt = False,
    general: StateOptions,
) -> None:
    """Compute the signals of a record again, as of a time, and compare them bit for bit."""
    output = general.start()
    require_watch()
    from newsclf.common.errors import CheckFailedError, ConfigError
    from newsclf.watch.latency import latencies
    from newsclf.watch.opening import configuration_of, reference_of
    from newsclf.watch.record.replay import Record
    from newsclf.watch.replaying import compute, headlines, last_configuration, recorded_reference
    from newsclf.watch.replaying import replay as recompute
    from newsclf.watch.sensitivity import sensitivity
    from newsclf.watch.signals.export import ItemRow, SignalRow, export, item_rows, signal_rows

    for path in (signals, items):
        if path is not None and path.exists() and not overwrite:
            raise ConfigError(
                f"{path} already exists", hint="add --overwrite, or name another file"
            )
    until = min(until, _now()) if until is not None else None
    with Record(record_place(record, general.settings(), make=False)) as known:
        used = last_configuration(known)
        if file is None:
            configuration = used
            reference = recorded_reference(known, configuration)
            bars = recompute(known, configuration, reference, until=until)
        else:
            settings, folder = read_settings(file)
            reference = reference_of(settings, folder)
            configuration = configuration_of(settings, used.model, used.engine, reference)
            bars = compute(known, configuration, reference, until=until or _now())
        totals = _Totals()
        values = totals.signals_of(bars)
        if signals is not None:
            count = export(signals, SignalRow, signal_rows(values))
            output.note(f"wrote {count:,} signals to {signals}")
        else:
            deque(values, maxlen=0)
        if items is not None:
            rows = headlines(known, configuration, reference, until=until)
            count = export(items, ItemRow, item_rows(rows, reference.clock))
            output.note(f"wrote {count:,} rows of headlines to {items}")
        more: dict[str, Sequence[StrictRecord]] = {}
        if latency:
            more["latency"] = found = latencies(known.commits(until=until))
            _show_latency(output, found)
        if half_lives:
            more["half_lives"] = compared = sensitivity(
                known, used, recorded_reference(known, used), until=until
            )
            _show_half_lives(output, compared)
    _show(output, totals, more)
    if totals.differing:
        raise CheckFailedError(
            f"{totals.differing} of {totals.signals} signals differ from those recorded",
            hint="another version of newsclf may have computed them; --signals writes those of now",
        )


@dataclass(slots=True)
class _Totals:
    """Counts of the bars so far, and the last of them."""

    bars: int = 0
    signals: int = 0
    alerts: int = 0
    compared: int = 0
    differing: int = 0
    last: Bar | None = None

    def signals_of(self, bars: Iterator[Bar]) -> Iterator[Signal]:
        """The signals of bars, which are counted on the way."""
        for bar in bars:
            self.bars += 1
            self.signals += len(bar.signals)
            self.alerts += len(bar.alerts)
            self.compared += len(bar.recorded or ())
            self.differing += bar.differences
            self.last = bar
            yield from bar.signals


def _show(output: Output, totals: _Totals, more: Mapping[str, Sequence[StrictRecord]]) -> None:
    last = totals.last
    output.data(
        {
            "bars": totals.bars,
            "signals": totals.signals,
            "alerts": totals.alerts,
            "compared": totals.compared,
            "differing": totals.differing,
            "last": [signal.model_dump(mode="json") for signal in last.signals] if last else [],
            **{
                name: [each.model_dump(mode="json") for each in found]
                for name, found in more.items()
            },
        }
    )
    if last is None:
        output.note("there are no bars by that time")
        return
    rows = [
        (
            "all headlines" if signal.entity is None else signal.entity,
            _score(signal.score),
            "" if signal.low is None else f"{signal.low:+.2f} to {signal.high:+.2f}",
            _score(signal.score_without_moves),
            signal.events,
            "–" if signal.burst is None else f"{signal.burst:+.1f}",
            signal.sources,
            signal.abstained + signal.incidental,
            signal.doubtful,
            f"{signal.sources_live} of {signal.sources_configured}",
        )
        for signal in last.signals
    ]
    columns = (
        *("entity", "score", "95 % interval", "without price moves", "events", "burst"),
        *("sources", "abstained", "in doubt", "sources live"),
    )
    session = last.signals[0].session
    day = f", for {session}" if session is not None else ""
    title = f"Signals at {last.at:%Y-%m-%d %H:%M:%S} UTC{day}"
    optional = ("without price moves", "burst", "abstained", "in doubt", "sources live")
    output.show(output.table(title, columns, rows, optional=optional))
    bars = f"{totals.bars:,} bar{'s' * (totals.bars != 1)}"
    if totals.compared and not totals.differing:
        output.note(f"{totals.compared:,} signals of {bars} computed again: all equal bit for bit")
    elif not totals.compared:
        output.note(f"{totals.signals:,} signals of {bars}, {totals.alerts:,} alerts")


def _show_half_lives(output: Output, compared: Sequence[Sensitivity]) -> None:
    from newsclf.common.intervals import percent
    from newsclf.watch.feeds.health import duration

    rows = [
        (
            "all headlines" if each.entity is None else each.entity,
            duration(half_life_s),
            _score(score),
            "" if difference is None else f"{difference:.3f}",
            percent(other_sign),
            alerts,
        )
        for each in compared
        for half_life_s, score, difference, other_sign, alerts in (
            _other(each.half),
            (each.half_life_s, each.score, None, None, each.alerts),
            _other(each.twice),
        )
    ]
    columns = ("entity", "half-life", "last score", "mean difference", "other sign", "alerts")
    output.show(output.table("Signals by half-life", columns, rows))


def _other(found: OtherHalfLife) -> tuple[float, float | None, float | None, float | None, int]:
    return (
        found.half_life_s,
        found.score,
        found.mean_difference,
        found.other_sign,
        found.alerts,
    )


def _score(score: float | None) -> str:
    return "no news" if score is None else f"{score:+.3f}"


def _show_latency(output: Output, latency: list[SourceLatency]) -> None:
    rows = [
        (each.source, step, found.n, *map(_seconds, (found.p50_s, found.p95_s, found.p99_s)))
        for each in latency
        for step, found in (
            ("published to seen", each.published_to_seen),
            ("seen to scored", each.seen_to_scored),
            ("scored to alert", each.scored_to_alert),
        )
    ]
    columns = ("source", "step", "n", "p50", "p95", "p99")
    output.show(output.table("How long headlines took", columns, rows))


def _seconds(value: float | None) -> str:
    from newsclf.watch.feeds.health import duration

    if value is None:
        return "–"
    return f"{value:.3g} s" if value < _MINUTES_FROM_S else duration(value)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
