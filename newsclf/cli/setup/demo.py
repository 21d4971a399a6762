"""The command `newsclf demo`."""

from __future__ import annotations

import itertools
import shlex
from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli.classify.predict import predict
from newsclf.cli.deployments.deploy import deploy
from newsclf.cli.deployments.teardown import teardown
from newsclf.cli.deployments.wire_api import wire_api
from newsclf.cli.measure.loadtest import loadtest
from newsclf.cli.models.evaluate import evaluate
from newsclf.cli.models.train import train
from newsclf.cli.options import QuietOpt, VerboseOpt, start

_FOLDER = Path(".newsclf/demo")
"""What the demo itself made, and may replace."""
_HEADLINES = [
    "Operating profit rose to EUR 13.1 mn from EUR 8.7 mn a year earlier",
    "The plant will be closed and 240 people lose their jobs",
]
_STEPS = 7


def demo(
    *,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for what the demo makes.")
    ] = _FOLDER,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Run the full workflow on bundled data: offline, in about 3 minutes."""
    output = start(as_json=False, quiet=quiet, verbose=verbose)
    from newsclf.common.errors import CheckFailedError
    from newsclf.common.settings import shipped_config
    from newsclf.common.state_dir import private_folder

    model, state = out / "model", out / "state"
    config = shipped_config("demo.toml")
    if out == _FOLDER:  # what lies there is replaced, so it must not lie behind a link
        private_folder(out)
    out.mkdir(parents=True, exist_ok=True)
    short = not verbose
    steps = itertools.count(1)

    def say(*words: object) -> None:
        command = shlex.join(["newsclf", *(str(word) for word in words)])
        step = next(steps)
        gap = "\n" if step > 1 else ""
        output.note(f"{gap}[{step}/{_STEPS}] $ {command}")

    say("train", "--config", config, "--out", model, "--overwrite")
    train(config=config, out=model, overwrite=out == _FOLDER, quiet=quiet)
    say("evaluate", "--model", model)
    evaluate(model=model, quiet=short)
    say("deploy", "--model", model, "--state-dir", state)
    deploy(model=model, state_dir=state, quiet=short)
    try:
        say("wire-api", "--state-dir", state)
        wire_api(state_dir=state, quiet=short)
        say("predict", "--state-dir", state, *_HEADLINES)
        predict(headlines=_HEADLINES, state_dir=state, quiet=short)
        say(
            "loadtest",
            "--concurrency",
            "1,8",
            "--warmup",
            "1s",
            "--duration",
            "6s",
            "--price-as",
            "ml.c5.large",
            "--state-dir",
            state,
        )
        try:
            loadtest(
                concurrency="1,8",
                warmup=1,
                duration=6,
                price_as="ml.c5.large",
                state_dir=state,
                quiet=short,
            )
        except CheckFailedError as error:  # a busy machine; the rest of the demo goes on
            output.note(f"{error.message}; {error.hint}")
    finally:
        say("teardown", "--state-dir", state)
        teardown(state_dir=state, quiet=quiet)
    report = max(state.glob("runs/*/report.html"), default=None)
    output.note(
        f"\nReports: {model / 'evaluation' / 'report.html'}"
        f"{f' and {report}' if report is not None else ''}\n"
        "Train on the real data: newsclf train --data phrasebank --base minilm\n"
        "Try this model on a headline of your own:\n"
        f'  newsclf predict --model {shlex.quote(str(model))} "your headline"'
    )
