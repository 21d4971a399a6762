"""The command `newsclf frontier`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer

from newsclf.cli import completion
from newsclf.cli.durations import duration_from, duration_s
from newsclf.cli.option_groups import grouped
from newsclf.cli.options import (
    CatalogueOpt,
    LabelledDataOptions,
    PayloadsOpt,
    PricesOpt,
    SetsOpt,
    StateOptions,
)

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.frontier.quality import UnseenSets
    from newsclf.frontier.records import Frontier


@dataclass(frozen=True, kw_only=True)
class RowOptions:
    """Options for the rows on which the models are scored."""

    PANEL: ClassVar = "Accuracy"
    part: Annotated[
        Literal["validation", "test"] | None,
        typer.Option(
            help="Part of the training data to score on. Choose on validation rows; read the test"
            " rows once, to report.",
            show_default="validation",
        ),
    ] = None
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Other data to score on, without rows that a model was trained on; or the new"
            " location of the training data.",
        ),
    ] = None
    on: Annotated[
        str | None,
        typer.Option(
            metavar="SET,…", help="Public test sets for a score on unseen headlines; see evaluate."
        ),
    ] = None
    sets: SetsOpt = None
    catalogue: CatalogueOpt = None


@dataclass(frozen=True, kw_only=True)
class SpeedOptions:
    """Options for how speeds are measured and priced."""

    PANEL: ClassVar = "Speed and cost"
    instance: Annotated[
        str,
        typer.Option(
            metavar="ml.c5.large",
            autocompletion=completion.instances,
            help="Instance whose price is used: each of its vCPUs for a core of this machine.",
        ),
    ] = "ml.c5.large"
    region: Annotated[
        str, typer.Option(autocompletion=completion.regions, help="AWS region of the price.")
    ] = "us-east-1"
    prices: PricesOpt = None
    utilisation: Annotated[
        float,
        typer.Option(
            min=0.05,
            max=0.95,
            help="Share of full load that an instance is planned to carry: p95 is measured there.",
        ),
    ] = 0.5
    cores: Annotated[int, typer.Option(min=1, help="Cores that each server is pinned to.")] = 1
    users: Annotated[
        int, typer.Option(min=1, help="Users of the full load, for each of these cores.")
    ] = 8
    rounds: Annotated[
        int, typer.Option(min=1, help="Rounds of the load test, in which the models take turns.")
    ] = 3
    warmup: Annotated[
        float,
        typer.Option(
            parser=duration_s,
            metavar="TIME",
            help="Warm-up before each measurement; not counted.",
            show_default="2s",
        ),
    ] = 2
    duration: Annotated[
        float,
        typer.Option(
            parser=duration_from(1),
            metavar="TIME",
            help="Length of each measurement, of which a round has two.",
            show_default="10s",
        ),
    ] = 10
    payloads: PayloadsOpt = None
    again: Annotated[
        bool, typer.Option("--again", help="Measure speeds again that are already there.")
    ] = False


@grouped
def frontier(
    models: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL…", help="Model directories, or folders that hold some."),
    ],
    *,
    teacher: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Model that the others are compared with; only its answers are needed.",
            show_default="the first MODEL",
        ),
    ] = None,
    delta: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="How much less accurate than the teacher the default may be: 0.02 is 2 points.",
        ),
    ] = 0.02,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for frontier.json, frontier.svg and what was measured.",
            show_default="frontier, in the state directory",
        ),
    ] = None,
    rows: RowOptions,
    reading: LabelledDataOptions,
    measuring: SpeedOptions,
    general: StateOptions,
) -> None:
    """Compare models on accuracy and cost, and pick the cheapest that is good enough.

    Each model is served by its real server on this machine and loaded in turns with the others. The
    default is the cheapest that a paired test shows to be less than --delta worse than the teacher.

    What was measured is kept: the same command goes on where it was interrupted, and with one more
    model measures only that.
    """
    output = general.start()
    from newsclf.common.errors import ConfigError, require_extra

    require_extra("httptools", "jinja2", "scipy", extra="loadtest", purpose="a load test")
    require_extra("sklearn", extra="train", purpose="evaluating")
    from newsclf.cli.measure.loadtest_live import live
    from newsclf.common.state_dir import private_folder
    from newsclf.costs.prices import prices_at
    from newsclf.frontier.run import FrontierRequest
    from newsclf.frontier.run import frontier as run
    from newsclf.frontier.speed import SpeedRequest
    from newsclf.loadtest.load.payloads import read_headlines

    of_labels = (reading.label_column, reading.label, reading.score_thresholds)
    if rows.data is None and any(of_labels):
        raise ConfigError(
            "--label-column, --label and --score-thresholds need --data",
            hint="name the file that they describe: --data FILE",
        )
    settings = general.settings(data={"source": rows.data, **reading.flags()})
    folder = out or private_folder(settings.state_dir / "frontier")
    request = FrontierRequest(
        models=models,
        teacher=teacher,
        delta=delta,
        part=rows.part,
        data=settings.data if rows.data is not None else None,
        unseen=_unseen(rows),
        instance=measuring.instance,
        region=measuring.region,
        prices=prices_at(settings.state_dir, measuring.prices),
        speed=SpeedRequest(
            cores=measuring.cores,
            users=measuring.users,
            utilisation=measuring.utilisation,
            rounds=measuring.rounds,
            warmup_s=measuring.warmup,
            duration_s=measuring.duration,
            texts=read_headlines(measuring.payloads, settings.data.text_column),
            state_dir=settings.state_dir,
            again=measuring.again,
        ),
        folder=folder,
    )
    with live(output) as callbacks:
        found = run(request, callbacks)
    _show(output, found, folder)


def _unseen(rows: RowOptions) -> UnseenSets | None:
    from newsclf.common.errors import ConfigError
    from newsclf.frontier.quality import UnseenSets

    if rows.on is None:
        for option, given in {"--sets": rows.sets, "--catalogue": rows.catalogue}.items():
            if given is not None:
                raise ConfigError(
                    f"{option} needs --on", hint="name test sets, such as --on finentity,tfns"
                )
        return None
    names = [name.strip() for name in rows.on.split(",") if name.strip()]
    return UnseenSets(on=names, folder=rows.sets, catalogue=rows.catalogue)


def _show(output: Output, found: Frontier, folder: Path) -> None:
    from newsclf.frontier.store import CHART_FILE
    from newsclf.frontier.tables import frontier_table, load_words

    output.data(found.model_dump(mode="json"))
    title = f"{found.rows:,} {found.part} rows of {found.data}; {found.machine.words}"
    output.show(output.rendered(title, frontier_table(found)), "")
    verdict = f"default: {found.chosen}, {found.reason}" if found.chosen else found.reason
    output.show(verdict)
    output.note(
        f"loses at most: points of accuracy against {found.teacher}, 95 % for all models together;"
        f" ! is not shown to be below {100 * found.delta:g}"
    )
    output.note(load_words(found))
    if found.unseen:
        output.note(f"unseen: mean macro-F1 over {', '.join(found.unseen.mean_of)}")
    for remark in found.remarks:
        output.note(f"note: {remark}")
    output.note(f"chart: {folder / CHART_FILE}")
