"""Accuracy by labels and size: teachers and their students, on PhraseBank and on unseen headlines.

    python -m benchmarks.accuracy --phrasebank ZIP --teacher BASE --unlabelled FILE --sets DIR

For each seed and each source of labels a teacher is fine-tuned and a MiniLM learns from it, all by
`newsclf train`. Models and scores are kept in --models, so an interrupted run goes on where it
stopped, and what is there is not made again. Sealed sets are read with --sealed only.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from newsclf.common.intervals import mean_std
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data.sources import load_data
from newsclf.data.split import split

DEVELOPMENT = ("finentity", "tfns")
SEALED = ("sentfin", "semeval", "fiqa", "gold")
_WITHOUT_MEAN = "fiqa"
"""It shares headlines with SemEval."""
SIZES = ("teacher", "student")


@dataclass(frozen=True, slots=True)
class Job:
    """One model of the table."""

    labels: str
    size: str
    seed: int

    @property
    def name(self) -> str:
        """Its folder in --models."""
        return f"{self.labels}-{self.size}-{self.seed}"


def main() -> None:
    """Train what is missing, evaluate, and print the table."""
    asked = _arguments()
    sources = {
        "phrasebank": asked.phrasebank,
        "headlines": "headlines",
        "both": f"{asked.phrasebank}+headlines",
    }
    asked.models.mkdir(parents=True, exist_ok=True)
    held_out = _write_held_out(asked.phrasebank, asked.models)
    for job in _jobs(asked):
        if not asked.table:
            _train(job, sources[job.labels], asked)
            _evaluate(job, held_out, DEVELOPMENT, asked)
            if asked.sealed:
                _evaluate(job, held_out, SEALED, asked)
    Console(width=140).print(_table(asked))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.accuracy")
    parser.add_argument("--phrasebank", default="phrasebank", help="a copy of its zip")
    parser.add_argument("--teacher", default="sentence-transformers/all-mpnet-base-v2")
    parser.add_argument("--unlabelled", type=Path, help="headlines that the teacher is asked about")
    parser.add_argument("--sets", type=Path, help="folder with the public test sets")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--labels", nargs="*", default=["phrasebank", "headlines", "both"])
    parser.add_argument("--models", type=Path, default=Path(".newsclf/accuracy"))
    parser.add_argument("--config", type=Path, help="settings of the trainings")
    parser.add_argument("--sealed", action="store_true", help="read the sealed sets, at the end")
    parser.add_argument("--table", action="store_true", help="only print what was measured")
    return parser.parse_args()


def _jobs(asked: argparse.Namespace) -> Iterator[Job]:
    for seed in range(asked.seeds):
        for labels in asked.labels:
            yield from (Job(labels, size, seed) for size in SIZES)


def _write_held_out(phrasebank: str, folder: Path) -> Path:
    """PhraseBank's test part as a file, so that models of other labels get the same rows."""
    settings = DataSettings(source=phrasebank)
    path = folder / "phrasebank-test.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = split(load_data(settings), settings).test
        csv.writer(file).writerows(
            [("text", "label"), *((row.text, LABELS[row.label_id]) for row in rows)]
        )
    return path


def _train(job: Job, source: str, asked: argparse.Namespace) -> None:
    target = asked.models / job.name
    if target.exists():
        return
    options = ["--data", source, "--seed", str(job.seed), "--out", str(target)]
    if asked.config is not None:
        options += ["--config", str(asked.config)]
    if job.size == "teacher":
        # What `train --teacher BASE` does before its student; decision 0073.
        options += ["--base", asked.teacher, "--epochs", "4", "--no-optimize"]
        environment = {"NEWSCLF_TRAIN_ADVERSARIAL_STEP": "0"}
    else:
        teacher = asked.models / Job(job.labels, "teacher", job.seed).name
        options += ["--base", "minilm", "--teacher", str(teacher)]
        options += ["--unlabelled", str(asked.unlabelled)] if asked.unlabelled else []
        environment = {}
    if target.with_name(f"{target.name}.partial").exists():
        options = ["--resume", "--out", str(target)]
    _newsclf("train", *options, **environment)


def _evaluate(job: Job, held_out: Path, sets: Sequence[str], asked: argparse.Namespace) -> None:
    model = asked.models / job.name
    target = _scores_path(job, sets, asked)
    if target.exists():
        return
    common = ["--model", str(model), "--json", *(["--float"] if job.size == "teacher" else [])]
    folder = ["--sets", str(asked.sets)] if asked.sets else []
    report = model.with_name(f"{model.name}-report")
    found = {
        "unseen": _newsclf("evaluate", *common, "--on", ",".join(sets), *folder, "--out", report),
        "phrasebank": _newsclf("evaluate", *common, "--data", held_out, "--out", report),
    }
    target.write_text(
        json.dumps({name: json.loads(text) for name, text in found.items()}), encoding="utf-8"
    )


def _scores_path(job: Job, sets: Sequence[str], asked: argparse.Namespace) -> Path:
    kind = "sealed" if sets == SEALED else "development"
    return Path(asked.models / f"{job.name}-{kind}.json")


def _newsclf(*arguments: object, **environment: str) -> str:
    command = [sys.executable, "-m", "newsclf", *map(str, arguments)]
    done = subprocess.run(
        command, env=os.environ | environment, check=True, text=True, stdout=subprocess.PIPE
    )
    return done.stdout


def _table(asked: argparse.Namespace) -> Table:
    sets = (*DEVELOPMENT, *(SEALED if asked.sealed else ()))
    table = Table("labels", "model", "seeds", "PhraseBank", "ECE", *sets, title="Accuracy")
    for name in ("mean", "polar found", "sign", "ECE of sets"):
        table.add_column(name)
    for labels in asked.labels:
        for size in SIZES:
            rows = [
                row
                for seed in range(asked.seeds)
                if (row := _scores(Job(labels, size, seed), asked)) is not None
            ]
            if rows:
                columns = [[row[name] for row in rows] for name in rows[0]]
                table.add_row(labels, size, str(len(rows)), *map(_cell, columns))
    return table


def _cell(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.3f}"
    found = mean_std(values)
    return f"{found.mean:.3f} ± {found.deviation:.3f}"


def _scores(job: Job, asked: argparse.Namespace) -> dict[str, float] | None:
    """The row of a model; None if it has not been evaluated."""
    kinds = (DEVELOPMENT, SEALED) if asked.sealed else (DEVELOPMENT,)
    paths = [_scores_path(job, sets, asked) for sets in kinds]
    if not all(path.exists() for path in paths):
        return None
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    phrasebank = documents[0]["phrasebank"]
    sets: dict[str, Any] = {
        each["name"]: each["measures"] for found in documents for each in found["unseen"]["sets"]
    }
    counted = [measures for name, measures in sets.items() if name != _WITHOUT_MEAN]

    def mean(measure: str) -> float:
        return fmean(measures[measure]["value"] for measures in counted)

    return {
        "PhraseBank": phrasebank["score"]["accuracy"],
        "ECE": phrasebank["calibration"]["expected_error"],
        **{name: measures["macro_f1"]["value"] for name, measures in sets.items()},
        "mean": mean("macro_f1"),
        "polar found": mean("polar_found"),
        "sign": mean("sign"),
        "ECE of sets": mean("ece"),
    }


if __name__ == "__main__":
    main()
