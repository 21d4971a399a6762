"""The command `newsclf demo`."""

from __future__ import annotations

import itertools
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from newsclf.cli.options import QuietOpt, VerboseOpt, start

_FOLDER = Path(".newsclf/demo")
"""Default folder, which an earlier demo made, so that the next one may replace it."""
_HEADLINES = [
    "Brewer Tarnholt cuts costs and raises its profit forecast",
    "Brewer Tarnholt cuts its profit forecast as costs rise",
]
_STEPS = 7


def demo(
    context: typer.Context,
    *,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for what the demo makes.")
    ] = _FOLDER,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Run the full workflow on bundled data: offline, in about 4 minutes."""
    output = start(as_json=False, quiet=quiet, verbose=verbose)
    from newsclf.common.errors import CheckFailedError
    from newsclf.common.settings import shipped_config
    from newsclf.common.state_dir import private_folder

    model, state = out / "model", out / "state"
    config = shipped_config("demo.toml")
    if out == _FOLDER:  # its contents are replaced, so it must not be a link
        private_folder(out)
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
    report = max(state.glob("runs/*/report.html"), default=None)
    output.note(
        f"\nReports: {model / 'evaluation' / 'report.html'}"
        f"{f' and {report}' if report is not None else ''}\n"
        "Train on the real data: newsclf train --data phrasebank --base minilm\n"
        "Try this model on a headline of your own:\n"
        f'  newsclf predict --model {shlex.quote(str(model))} "your headline"'
    )


def _run(program: Any, *arguments: str) -> None:
    program.main([*arguments], prog_name="newsclf", standalone_mode=False)
