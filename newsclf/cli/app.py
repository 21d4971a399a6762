"""The command line: its commands, in groups, each with examples."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from newsclf import __version__
from newsclf.cli.classify.open_page import open as open_page
from newsclf.cli.classify.predict import predict
from newsclf.cli.classify.serve import serve
from newsclf.cli.deployments.deploy import deploy
from newsclf.cli.deployments.logs import logs
from newsclf.cli.deployments.pause import pause, resume
from newsclf.cli.deployments.status import status
from newsclf.cli.deployments.teardown import teardown
from newsclf.cli.deployments.wire_api import wire_api
from newsclf.cli.failures import HELP_NAMES, Group, with_examples
from newsclf.cli.label.label import label
from newsclf.cli.measure.cost import cost
from newsclf.cli.measure.frontier import frontier
from newsclf.cli.measure.loadtest import loadtest
from newsclf.cli.measure.prices import prices
from newsclf.cli.measure.report import report
from newsclf.cli.measure.runs import runs
from newsclf.cli.models.data import data
from newsclf.cli.models.evaluate import evaluate
from newsclf.cli.models.optimize import optimize
from newsclf.cli.models.package import package
from newsclf.cli.models.train import train
from newsclf.cli.setup.demo import demo
from newsclf.cli.setup.doctor import doctor
from newsclf.cli.setup.policy import policy
from newsclf.cli.watch.watch import watch

Examples = tuple[str, ...]
_GROUPS: Mapping[str, Mapping[Callable[..., Any], Examples]] = {
    "Build a classifier": {
        train: (
            "newsclf train --data phrasebank --base minilm",
            "newsclf train --data headlines.csv --text-column title --label bearish=negative",
            "newsclf train --resume",
        ),
        evaluate: (
            "newsclf evaluate",
            "newsclf evaluate --data other.csv --gate accuracy=0.93",
            "newsclf evaluate --model new --compare old",
            "newsclf evaluate --on finentity,tfns --gate unseen.macro_f1=0.75",
        ),
        optimize: (
            "newsclf optimize --model model",
            "newsclf optimize model --student 3x384 --unlabelled feed.csv",
        ),
        package: (
            "newsclf package model --out model.tar.gz",
            "newsclf package --check model.tar.gz",
        ),
    },
    "Label": {
        label: (
            "newsclf label headlines.csv --llm gpt-4.1-mini --votes 3 --max-cost 2",
            "newsclf label headlines.csv --human ana",
            "newsclf label --audit labelled.jsonl",
        ),
    },
    "Classify": {
        predict: (
            'newsclf predict "Profit rose by a third"',
            'newsclf predict --explain --min-confidence 0.6 "Bitcoin erases its gain"',
            "newsclf predict --input headlines.csv --output scored.csv",
            "newsclf predict - < headlines.txt",
        ),
        serve: ("newsclf serve model --port 8080",),
        open_page: (
            "newsclf open",
            "newsclf open --report",
            "newsclf open .newsclf/runs/RUN",
        ),
    },
    "Deploy": {
        deploy: (
            "newsclf deploy",
            "newsclf deploy --instance ml.c5.large --dry-run",
            "newsclf deploy --instance ml.c5.large --ttl 2h --deployment staging",
            "newsclf deploy --instance ml.c5.large --export terraform --out news.tf.json",
        ),
        wire_api: ("newsclf wire-api", "newsclf wire-api --deployment staging --auth iam"),
        status: ("newsclf status", "newsclf status --region us-east-1"),
        logs: ("newsclf logs --follow", "newsclf logs --deployment staging --api -n 20"),
        pause: ("newsclf pause", "newsclf pause staging"),
        resume: ("newsclf resume staging",),
        teardown: (
            "newsclf teardown --deployment staging",
            "newsclf teardown --all --region us-east-1",
        ),
    },
    "Measure": {
        loadtest: (
            "newsclf loadtest --slo p95=100ms --price-as ml.c5.large",
            "newsclf loadtest --rate 50,100 --duration 1m",
            "newsclf loadtest --instances ml.c5.large,ml.c5.xlarge --region us-east-1",
        ),
        report: ("newsclf report", "newsclf report .newsclf/runs/RUN"),
        runs: ("newsclf runs",),
        cost: (
            "newsclf cost .newsclf/runs/RUN --volume 1e6,1e8 --ha",
            "newsclf cost --rate 50/s --slo p95=200ms",
        ),
        frontier: (
            "newsclf frontier models --teacher mpnet --instance ml.c5.large",
            "newsclf frontier minilm student --on finentity,tfns --delta 0.01",
        ),
    },
    "Set up": {
        demo: ("newsclf demo",),
        doctor: ("newsclf doctor", "newsclf doctor --region us-east-1"),
        policy: ("newsclf policy --region us-east-1 --account 123456789012",),
    },
}

app = typer.Typer(
    name="newsclf",
    cls=Group,
    pretty_exceptions_enable=False,
    context_settings=HELP_NAMES,
    help="Train, measure and deploy a sentiment classifier for financial headlines.",
    epilog="Start with: newsclf demo",
)
for group, commands in _GROUPS.items():
    for command, examples in commands.items():
        app.command(
            command.__name__.replace("_", "-"),
            rich_help_panel=group,
            **with_examples(*examples),
        )(command)
app.add_typer(data, rich_help_panel="Build a classifier")
app.add_typer(prices, rich_help_panel="Measure")
app.add_typer(watch, rich_help_panel="Classify")


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if wanted:
        sys.stdout.write(f"newsclf {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_show_version, is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    pass
