"""The command `newsclf demo`."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsclf.cli.options import QuietOpt, VerboseOpt, start

if TYPE_CHECKING:
    from newsclf.cli.setup.demo_news import Picture

_FOLDER = Path(".newsclf/demo")
"""Default folder, which an earlier demo made, so that the next one may replace it."""
_HEADLINES = [
    "Brewer Tarnholt cuts costs and raises its profit forecast",
    "Brewer Tarnholt cuts its profit forecast as costs rise",
]
_STEPS = 9


def demo(
    context: typer.Context,
    *,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for what the demo makes.")
    ] = _FOLDER,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Run the full workflow on bundled data: offline, in about 5 minutes."""
    output = start(as_json=False, quiet=quiet, verbose=verbose)
    from newsclf.common.errors import CheckFailedError, ConfigError, require_extra
    from newsclf.common.settings import shipped_config
    from newsclf.common.state_dir import private_folder

    # The watch comes last, so what it lacks is said at once.
    require_extra("feedparser", "protego", "sqlalchemy", extra="demo", purpose="the demo")
    model, state, news = out / "model", out / "state", out / "watch"
    config = shipped_config("demo.toml")
    if out == _FOLDER:  # its contents are replaced, so it must not be a link
        private_folder(out)
    elif news.exists():
        raise ConfigError(f"{news} already exists", hint="choose another folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    program: Any = context.find_root().command
    steps = itertools.count(1)

    def run(line: str, *words: object, quiet: bool = not verbose) -> None:
        """Print and run a command line, which is completed by further arguments."""
        arguments = [*line.split(), *(str(word) for word in words)]
        step = next(steps)
        gap = "\n" if step > 1 else ""
        output.note(f"{gap}[{step}/{_STEPS}] $ {shlex.join(['newsclf', *arguments])}")
        _run(program, *arguments, *(["--quiet"] if quiet else []))

    overwrite = ["--overwrite"] if out == _FOLDER else []
    run("train --config", config, "--out", model, *overwrite, quiet=quiet)
    run("evaluate --model", model)
    run("deploy --model", model, "--state-dir", state)
    try:
        run("wire-api --state-dir", state)
        run("predict --state-dir", state, *_HEADLINES)
        try:
            load = "--concurrency 1,8 --warmup 1s --duration 6s --price-as ml.c5.large"
            run(f"loadtest {load} --state-dir", state)
        except CheckFailedError as error:  # on a busy machine; the rest of the demo goes on
            output.note(f"{error.message}; {error.hint}")
    finally:
        run("teardown --state-dir", state, quiet=quiet)
    picture = _watch(run, news, model, quiet=quiet)
    report = max(state.glob("runs/*/report.html"), default=None)
    output.note(
        f"\nReports: {model / 'evaluation' / 'report.html'}"
        f"{f' and {report}' if report is not None else ''}\n"
        f"{_seen(picture, news, model)}\n"
        "Watch real feeds and names of your own: newsclf watch --init\n"
        "Train on the real data: newsclf train --data phrasebank --base minilm\n"
        "Try this model on a headline of your own:\n"
        f'  newsclf predict --model {shlex.quote(str(model))} "your headline"'
    )


def _watch(run: Callable[..., None], folder: Path, model: Path, *, quiet: bool) -> Picture:
    """Watch headlines that appear in files, then compute the signals again from the record."""
    from newsclf.cli.setup.demo_news import DURATION, appearing, free_port, prepare

    prepare(folder)
    file, record, port = folder / "watch.toml", folder / "record.db", free_port()
    with appearing(folder, port) as picture:
        run(
            f"watch --page --port {port} --duration {DURATION}",
            *("--file", file, "--record", record, "--model", model),
            quiet=quiet,
        )
    run("watch replay --record", record, "--signals", folder / "signals.csv", quiet=quiet)
    return picture


def _seen(picture: Picture, folder: Path, model: Path) -> str:
    """Where the picture of the page is, or how to open the page."""
    if picture.problem is None:
        return f"Page of the watch: {picture.file}"
    files = ["--file", folder / "watch.toml", "--record", folder / "record.db", "--model", model]
    command = shlex.join(["newsclf", "watch", "--page", *map(str, files)])
    return f"There is no picture of the page: {picture.problem}. To open the page:\n  {command}"


def _run(program: Any, *arguments: str) -> None:
    program.main([*arguments], prog_name="newsclf", standalone_mode=False)
