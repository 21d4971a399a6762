"""The command `newsclf watch`, and the group of its subcommands."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.durations import duration_from
from newsclf.cli.failures import HELP_NAMES, Group, with_examples
from newsclf.cli.option_groups import grouped
from newsclf.cli.options import ModelOpt, OverwriteOpt, StateOptions, deployment_option
from newsclf.cli.signals import Ended, run_async
from newsclf.cli.watch.options import (
    FileOpt,
    RecordOpt,
    read_settings,
    record_place,
    require_watch,
    settings_file,
)
from newsclf.cli.watch.replay import replay
from newsclf.cli.watch.study import study

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.watch.run import Watch, WatchRequest

_PORT = 8090
watch = typer.Typer(
    name="watch",
    cls=Group,
    context_settings=HELP_NAMES,
    invoke_without_command=True,
    epilog=with_examples(
        "newsclf watch --init",
        "newsclf watch --check",
        "newsclf watch --page",
        "newsclf watch --json",
    )["epilog"],
)
watch.command(
    **with_examples(
        "newsclf watch replay",
        "newsclf watch replay --until 2026-11-26T12:00 --signals signals.parquet",
        "newsclf watch replay --file other.toml --signals what-if.csv",
    )
)(replay)
watch.command(
    **with_examples(
        "newsclf watch study --prices prices.csv --index SPY",
        "newsclf watch study --prices prices.csv --index spy.csv --tried 4 --html study.html",
    )
)(study)


@dataclass(frozen=True, kw_only=True)
class StartOptions:
    """Options for what to do instead of watching."""

    init: Annotated[
        bool, typer.Option("--init", help="Write a watch.toml to start from, and end.")
    ] = False
    check: Annotated[
        bool, typer.Option("--check", help="Try each source once, record nothing, and end.")
    ] = False
    overwrite: OverwriteOpt = False


@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """Options of the page."""

    page: Annotated[
        bool, typer.Option("--page", help="Show it on a web page too, on this machine only.")
    ] = False
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the page; 0 takes a free one.")
    ] = _PORT


@watch.callback()
@grouped
def run(
    context: typer.Context,
    *,
    file: FileOpt = None,
    record: RecordOpt = None,
    model: ModelOpt = None,
    deployment: Annotated[
        str | None, deployment_option("Deployment that classifies.", "news, if it exists")
    ] = None,
    header_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File with a token for a deployment whose API requires one."
        ),
    ] = None,
    page: PageOptions,
    duration_s: Annotated[
        float | None,
        typer.Option(
            "--duration",
            parser=duration_from(1),
            metavar="DURATION",
            help="End after this time, such as 30s or 2h.",
            show_default="without end",
        ),
    ] = None,
    rescore: Annotated[
        bool,
        typer.Option(
            "--rescore", help="Score recent headlines again that another model has scored."
        ),
    ] = False,
    allow_private: Annotated[
        bool,
        typer.Option(
            "--allow-private", help="Let sources and the webhook be on this machine and network."
        ),
    ] = False,
    start: StartOptions,
    general: StateOptions,
) -> None:
    """Watch live news: record it, score it, and show signals, alerts and the health of sources.

    Headlines go to the deployment if there is one, else to the model directory. Everything is
    recorded as it was known; a watch that ended goes on where it was. Signals are not investment
    advice.
    """
    if context.invoked_subcommand is not None:
        _refuse_options_before(context)
        return
    output = general.start()
    if start.init:
        _init(output, settings_file(file), overwrite=start.overwrite)
        return
    require_watch()
    settings, folder = read_settings(file)
    if start.check:
        from newsclf.cli.watch.check_view import check

        check(output, settings, folder, allow_private=allow_private)
        return
    from newsclf.cli.classify.predict_source import find_classifier
    from newsclf.common.errors import ConfigError
    from newsclf.watch.run import WatchRequest

    if model is not None and deployment is not None:
        raise ConfigError(
            "--model and --deployment: only one of them can classify", hint="leave one of them out"
        )
    general_settings = general.settings(model=model)
    found = find_classifier(
        output,
        general_settings,
        deployment=deployment,
        header_file=header_file,
        use_model=model is not None,
    )
    request = WatchRequest(
        settings=settings,
        folder=folder,
        record=record_place(record, general_settings, make=True),
        classifier=found,
        explains=found.source.kind == "model" and (page.page or not general.as_json),
        environ=os.environ,
        stdin=sys.stdin.buffer,
        allow_private=allow_private,
        rescore=rescore,
    )
    try:
        run_async(_watch(output, request, page, duration_s))
    except Ended:
        raise
    except KeyboardInterrupt:
        pass
    output.note(f"the record is in {request.record}; the same command goes on from there")


def _refuse_options_before(context: typer.Context) -> None:
    """Refuse options that stand before the subcommand, which would not see them."""
    from newsclf.common.errors import ConfigError

    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise ConfigError(
                f"options of newsclf watch {context.invoked_subcommand} stand behind it",
                hint=f"newsclf watch {context.invoked_subcommand} --help",
            )


def _init(output: Output, path: Path, *, overwrite: bool) -> None:
    from newsclf.common.errors import ConfigError
    from newsclf.common.files import write_text
    from newsclf.watch.configuration import starting_file

    if path.exists() and not overwrite:
        raise ConfigError(
            f"{path} already exists",
            hint="add --overwrite, or name another file with --file",
        )
    write_text(path, starting_file())
    output.note(
        f"wrote {path}: put your contact in it, and the names to watch\n"
        "then try its sources: newsclf watch --check"
    )


async def _watch(
    output: Output, request: WatchRequest, page: PageOptions, duration_s: float | None
) -> None:
    from newsclf.watch.opening import opened

    async with opened(request) as watching, _shown(output, watching, page):
        if count := watching.headlines_of_other_models:
            output.note(
                f"{count} recent headlines were scored by another model and don't count;"
                " --rescore scores them again"
            )
        await run_for(duration_s, watching.run())


async def run_for(duration_s: float | None, work: Awaitable[None]) -> None:
    """Wait for work until it ends, or until a duration is over; None: for ever.

    Raises:
        Exception: Whatever the work raised, including a TimeoutError of its own.
    """
    try:
        async with asyncio.timeout(duration_s) as limit:
            await work
    except TimeoutError:
        if not limit.expired():
            raise


@asynccontextmanager
async def _shown(output: Output, watching: Watch, page: PageOptions) -> AsyncIterator[None]:
    """Show the watch: as JSON or for people, and on the page if that was asked for."""
    from newsclf.cli.watch.live import live_view
    from newsclf.cli.watch.stream import json_stream
    from newsclf.watch.page.server import serving

    async with AsyncExitStack() as stack:
        if page.page:
            url = await stack.enter_async_context(
                serving(watching.hub, watching.explain, port=page.port)
            )
            output.note(f"the page is at {url}")
        if output.as_json:
            await stack.enter_async_context(json_stream(watching.hub, output.lines))
        elif not output.quiet:
            await stack.enter_async_context(live_view(watching.hub, output.console))
        yield
