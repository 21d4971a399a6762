"""The command `newsclf watch study`."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsclf.cli.option_groups import grouped
from newsclf.cli.options import OverwriteOpt, StateOptions
from newsclf.cli.watch.options import RecordOpt, UntilOpt, record_place, require_watch
from newsclf.common.visible import visible

if TYPE_CHECKING:
    from rich.console import RenderableType

    from newsclf.cli.console import Output
    from newsclf.reporting.figure import Table
    from newsclf.watch.study.records import StudyReport


def clock_time(text: str | dt.time) -> dt.time:
    """Read a time of day such as 16:00.

    Raises:
        ValueError: The text is not a time of day, or has a time zone.
    """
    try:
        at = text if isinstance(text, dt.time) else dt.time.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is not None:
        raise ValueError("expected a time of day such as 16:00")
    return at


@dataclass(frozen=True, kw_only=True)
class ExchangeOptions:
    """Options that say when trading days end."""

    time_zone: Annotated[
        str | None,
        typer.Option(
            "--time-zone",
            metavar="ZONE",
            help="Time zone of the exchange.",
            show_default="that of the record's exchange, else America/New_York",
        ),
    ] = None
    close: Annotated[
        dt.time | None,
        typer.Option(
            parser=clock_time,
            metavar="TIME",
            help="When a trading day ends, for prices with a date only; news from then on counts"
            " for the next one.",
            show_default="as the record's exchange closes, else 16:00",
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        """The options that were given."""
        return {name: value for name, value in vars(self).items() if value is not None}


@grouped
def study(
    *,
    prices: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Daily prices as CSV: date or datetime, symbol or entity, close, perhaps open.",
        ),
    ],
    index: Annotated[
        str | None,
        typer.Option(
            metavar="SYMBOL|FILE",
            help="Index that returns are compared with: a symbol of the prices, or another file.",
            show_default="the mean of the entities",
        ),
    ] = None,
    exchange: ExchangeOptions,
    min_score: Annotated[
        float,
        typer.Option(
            "--min-score",
            min=0,
            max=0.99,
            help="Leave news out of the event study whose score is nearer to 0.",
        ),
    ] = 0.25,
    tried: Annotated[
        int,
        typer.Option(
            min=1,
            help="Variants of the signal that you have looked at, this one included; the threshold"
            " is corrected for them.",
        ),
    ] = 1,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Model directory: score the headlines again without the names of companies, and"
            " run the tests on these scores, too.",
            show_default=False,
        ),
    ] = None,
    until: UntilOpt = None,
    record: RecordOpt = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the report as one page, which loads nothing."),
    ] = None,
    overwrite: OverwriteOpt = False,
    general: StateOptions,
) -> None:
    """Study whether the news and signals of a record say anything about prices.

    It may find that there is no evidence. It is not advice.
    """
    output = general.start()
    require_watch("a study")
    from newsclf.common.errors import ConfigError, require_extra
    from newsclf.common.files import write_text
    from newsclf.watch.study.anonymous import load_model
    from newsclf.watch.study.page import render_page
    from newsclf.watch.study.records import StudySettings
    from newsclf.watch.study.run import StudyRequest, run

    require_extra("scipy", "jinja2", extra="watch", purpose="a study")
    if html is not None and html.exists() and not overwrite:
        raise ConfigError(f"{html} already exists", hint="add --overwrite, or name another file")
    found = run(
        StudyRequest(
            record=record_place(record, general.settings(), make=False),
            prices=prices,
            index=index,
            until=until,
            model=None if model is None else load_model(model),
            settings=StudySettings(min_score=min_score, tried=tried, **exchange.given()),
        )
    )
    _show(output, found.report)
    if html is not None:
        write_text(html, render_page(found.report, found.lines))
        output.note(f"wrote {html}")


def _show(output: Output, report: StudyReport) -> None:
    from newsclf.watch.study import tables

    output.data(report.model_dump(mode="json"))
    titles = {
        "Abnormal return in the direction of the news": tables.window_table(report),
        "Rank correlation of the signal with what follows": tables.horizon_table(report),
        "Baselines, one day ahead": tables.baseline_table(report),
        "The same tests on anonymised headlines": tables.anonymous_table(report),
        "Portfolio by the rank of the signal": tables.cost_table(report),
    }
    for title, table in titles.items():
        if table.rows:
            output.show(_rendered(output, title, table))
    for warning in report.warnings:
        output.note(f"warning: {warning}")
    if report.portfolio is not None:
        output.note(f"the portfolio trades {report.portfolio.turnover:.2f} of its value a day")
    output.note(
        f"{report.headlines:,} headlines, {report.events:,} entity-days with a direction,"
        f" {report.trading_days:,} trading days; returns against {report.index}"
    )
    if report.settings.exchange is not None:
        output.note(f"days of prices with a date only end as {report.settings.exchange} closes")
    if report.anonymous is not None:
        model = report.anonymous.model
        output.note(
            f"{report.anonymous.texts:,} headlines scored again without names, by a model of"
            f" {model.trained:%Y-%m-%d} that was made from {visible(model.base)}"
        )
    output.note(
        f"{report.trials} trials ({report.tests} tests × {report.settings.tried} tried): a p counts"
        f" below {report.threshold_p:.2g}"
    )
    output.show(report.verdict)


def _rendered(output: Output, title: str, table: Table) -> RenderableType:
    optional = [name for name in ("t", "shuffled p", "placebo p") if name in table.head]
    return output.table(title, table.head, table.rows, optional=optional)
