"""The command `newsclf demo`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli.evaluate import evaluate
from newsclf.cli.options import QuietOpt, start
from newsclf.cli.predict import predict
from newsclf.cli.train import train

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
    """Train, evaluate and predict with what ships in the package: no account, no download."""
    output = start(as_json=False, quiet=quiet, verbose=False)
    from newsclf.core.settings import shipped_config

    model = out / "model"
    shown = shlex.quote(str(model))
    out.mkdir(parents=True, exist_ok=True)
    config = shipped_config("demo.toml")
    output.note(f"$ newsclf train --config {shlex.quote(str(config))} --out {shown} --overwrite")
    train(config=config, out=model, overwrite=out == _FOLDER, quiet=quiet)
    output.note(f"\n$ newsclf evaluate --model {shown}")
    evaluate(model=model, quiet=quiet)
    output.note(f"\n$ newsclf predict --model {shown} {shlex.join(_HEADLINES)}")
    predict(_HEADLINES, model=model, quiet=quiet)
    output.note(
        f"The report with its charts: {model / 'evaluation' / 'report.html'}\n"
        "Next, on the real data (CC BY-NC-SA 3.0, from the Hugging Face Hub):\n"
        "  newsclf train --data phrasebank --base minilm\n"
        "  newsclf evaluate\n"
        '  newsclf predict "your headline"'
    )
