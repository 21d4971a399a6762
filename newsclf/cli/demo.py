"""The command `newsclf demo`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli.deploy import deploy
from newsclf.cli.evaluate import evaluate
from newsclf.cli.loadtest import loadtest
from newsclf.cli.options import QuietOpt, start
from newsclf.cli.predict import predict
from newsclf.cli.status import status
from newsclf.cli.teardown import teardown
from newsclf.cli.train import train
from newsclf.cli.wire_api import wire_api

_FOLDER = Path(".newsclf/demo")
"""What the demo itself made, and may replace."""
_HEADLINES = [
    "Operating profit rose to EUR 13.1 mn from EUR 8.7 mn a year earlier",
    "The plant will be closed and 240 people lose their jobs",
    "The annual general meeting is held in Tampere on 12 March",
]


def demo(
    *,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for what the demo makes.")
    ] = _FOLDER,
    quiet: QuietOpt = False,
) -> None:
    """Run the full workflow on bundled data: offline, in about 3 minutes."""
    output = start(as_json=False, quiet=quiet, verbose=False)
    from newsclf.core.errors import CheckFailedError
    from newsclf.core.settings import shipped_config

    model, state = out / "model", out / "state"
    config = shipped_config("demo.toml")
    out.mkdir(parents=True, exist_ok=True)

    def say(*words: object) -> None:
        output.note("\n$ newsclf " + shlex.join(str(word) for word in words))

    say("train", "--config", config, "--out", model, "--overwrite")
    train(config=config, out=model, overwrite=out == _FOLDER, quiet=quiet)
    say("evaluate", "--model", model)
    evaluate(model=model, quiet=quiet)
    say("deploy", "--model", model, "--state-dir", state)
    deploy(model=model, state_dir=state, quiet=quiet)
    try:
        say("wire-api", "--state-dir", state)
        wire_api(state_dir=state, quiet=quiet)
        say("predict", "--state-dir", state, *_HEADLINES)
        predict(_HEADLINES, state_dir=state, quiet=quiet)
        say("loadtest", "--concurrency", "1,4,16", "--warmup", 1, "--duration", 4, "--price-as",
            "ml.c5.large", "--state-dir", state)  # fmt: skip
        try:
            loadtest(concurrency="1,4,16", warmup=1, duration=4, price_as="ml.c5.large",
                     state_dir=state, quiet=quiet)  # fmt: skip
        except CheckFailedError as error:  # a busy machine; the rest of the demo goes on
            output.note(f"{error.message}; {error.hint}")
        say("status", "--state-dir", state)
        status(state_dir=state, quiet=quiet)
    finally:
        say("teardown", "--state-dir", state)
        teardown(state_dir=state, quiet=quiet)
    output.note(
        f"\nThe reports with their charts: {model / 'evaluation' / 'report.html'}\n"
        f"  and {max(state.glob('runs/*/report.html'), default='none of the load test')}\n"
        "Next, on the real data (CC BY-NC-SA 3.0, from the Hugging Face Hub):\n"
        "  newsclf train --data phrasebank --base minilm\n"
        "  newsclf evaluate\n"
        "  newsclf deploy\n"
        "  newsclf wire-api\n"
        "  newsclf loadtest --slo p95=100ms --price-as ml.c5.large\n"
        '  newsclf predict "your headline"'
    )
