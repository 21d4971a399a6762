"""Table of a frontier, defined once for the terminal and the chart."""

from __future__ import annotations

from collections.abc import Callable

from newsclf.common.intervals import Interval, percent
from newsclf.frontier.records import Frontier, FrontierRow, Price, Speed
from newsclf.reporting.figure import Column, Table, table_of
from newsclf.reporting.text import NONE, number, usd

_BYTES_PER_MB = 1e6


def frontier_table(found: Frontier) -> Table:
    """A row for each model, the cheapest first."""
    at_use = f"at {percent(found.utilisation, 0)}"
    columns: list[Column[FrontierRow]] = [
        Column("model", lambda row: _name(row, found), "model"),
        Column("accuracy", lambda row: _shares(row.quality.accuracy), "accuracy"),
        Column(
            "macro-F1",
            lambda row: _shares(row.quality.macro_f1),
            *("macro-F1", 3),
            brief_text=lambda row: percent(row.quality.macro_f1.value),
        ),
        Column(
            "unseen macro-F1",
            lambda row: _unseen(row, brief=False),
            *("unseen" if found.unseen else "", 6),
            brief_text=lambda row: _unseen(row, brief=True),
        ),
        Column("loses at most", _loss, "loses at most", 8),
        Column("requests/s per core", _speed(lambda s: _ranged(s.per_core_per_s)), "req/s/core"),
        Column(
            "p95, ms",
            _speed(lambda s: _ranged(s.p95_ms)),
            *("p95, ms", 5),
            brief_text=_speed(lambda s: number(s.p95_ms.value)),
        ),
        Column("start-up, s", _speed(lambda s: f"{s.start_up_s:.1f}"), "start, s", 2),
        Column("MB", _speed(lambda s: f"{s.serving_bytes / _BYTES_PER_MB:.1f}"), "MB", 1),
        Column(
            "$ per million",
            _price(lambda p: _dollars(p.usd_per_million)),
            "$/M",
            brief_text=_price(lambda p: usd(p.usd_per_million.value)),
        ),
        Column(
            f"$ per million {at_use}",
            _price(lambda p: _dollars(p.usd_per_million_at_use)),
            *(at_use, 4),
            brief_text=_price(lambda p: usd(p.usd_per_million_at_use.value)),
        ),
        Column("", lambda row: _remark(row, found), "remark", 7),
    ]
    return table_of(columns, found.models)


def load_words(found: Frontier) -> str:
    """What the columns of speed and price mean."""
    rates = [row.speed.open_per_s for row in found.models if row.speed]
    at = f"; p95 at {percent(found.utilisation, 0)} of full load"
    return (
        f"{found.load}{at if rates else ''}. Prices: {found.instance} in {found.region},"
        f" {usd(found.usd_per_hour)} per hour ({found.price_date}, {found.price_source}), whose"
        f" {found.vcpus} vCPUs are assumed to do what a core did here; $/M at full load, as"
        " SageMaker's Inference Recommender computes it."
    )


def _name(row: FrontierRow, found: Frontier) -> str:
    return f"{row.name} *" if row.name == found.chosen else row.name


def _remark(row: FrontierRow, found: Frontier) -> str:
    said = []
    if row.name == found.chosen:
        said.append("default")
    if row.digest == found.teacher_digest:
        said.append("teacher")
    if row.dominated_by:
        said.append(f"dominated by {row.dominated_by}")
    return ", ".join(said)


def _loss(row: FrontierRow) -> str:
    against = row.quality.against_teacher
    if against is None:
        return NONE
    return f"{100 * against.at_most:.1f}{'' if against.not_worse else ' !'}"


def _unseen(row: FrontierRow, *, brief: bool) -> str:
    score = row.quality.unseen_macro_f1
    if score is None or score.value is None:
        return NONE
    if brief or score.low is None or score.high is None:
        return f"{score.value:.3f}"
    return f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"


def _speed(text: Callable[[Speed], str]) -> Callable[[FrontierRow], str]:
    return lambda row: text(row.speed) if row.speed else NONE


def _price(text: Callable[[Price], str]) -> Callable[[FrontierRow], str]:
    return lambda row: text(row.price) if row.price else NONE


def _shares(figure: Interval) -> str:
    if figure.low is None or figure.high is None:
        return percent(figure.value)
    return f"{percent(figure.value)} [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"


def _ranged(figure: Interval) -> str:
    if figure.low is None or figure.high is None:
        return number(figure.value)
    return f"{number(figure.value)} [{number(figure.low)}, {number(figure.high)}]"


def _dollars(figure: Interval) -> str:
    if figure.low is None or figure.high is None:
        return usd(figure.value)
    return f"{usd(figure.value)} [{number(figure.low)}, {number(figure.high)}]"
