"""Accuracy by labels and size: teachers and their students, on PhraseBank and on unseen headlines.

    python -m benchmarks.accuracy --phrasebank ZIP --teacher BASE --unlabelled FILE --sets DIR

For each seed and each source of labels a teacher is fine-tuned and a MiniLM learns from it, all by
`newsclf train`. Scores are appended to docs/accuracy.jsonl, a line for each model, and what is
there is not measured again: so seeds may be added on another day and another machine. Models are
kept in --models; an interrupted training goes on where it stopped. Sealed sets are read with
--sealed only, once for each model, when nothing about the recipe is to be chosen any more.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from newsclf.common.intervals import mean_std
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data.sources import load_data
from newsclf.data.split import split

RECORD = Path(__file__).parent.parent / "docs/accuracy.jsonl"
SETS = {
    "development": {"finentity": "FinEntity", "tfns": "TFNS"},
    "sealed": {"sentfin": "SEntFiN", "semeval": "SemEval", "fiqa": "FiQA", "gold": "gold"},
}
"""Names of the sets, as `--on` takes them and as the table shows them."""
_WITHOUT_MEAN = "fiqa"
"""It shares headlines with SemEval."""
SIZES = ("teacher", "student")
MODELS = {"teacher": "all-mpnet-base-v2, 110 M", "student": "MiniLM taught by it, 22 M, int8"}
LABEL_SOURCES = {
    "phrasebank": "PhraseBank",
    "headlines": "shipped headlines",
    "both": "both",
}
_MEASURES = ("macro_f1", "polar_found", "sign", "ece")
Use = Literal["development", "sealed"]
_SEEDS_OF: Mapping[Use, Sequence[str]] = {"sealed": ["seeds of the sealed"]}
_NUMERALS = {2: "two", 5: "five"}


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


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one model: a line of the record."""

    labels: str
    size: str
    seed: int
    use: Use
    """Of the sets."""
    date: str
    base: str
    runtime: str
    """`int8` or `float`."""
    phrasebank: Mapping[str, float]
    """Accuracy and expected calibration error on the 690 rows of its test part."""
    sets: Mapping[str, Mapping[str, float]]
    """Measures of each public set."""

    @property
    def job(self) -> Job:
        """Its model."""
        return Job(self.labels, self.size, self.seed)


def main() -> None:
    """Train what is missing, evaluate, and print the table."""
    asked = _arguments()
    uses: tuple[Use, ...] = ("development", "sealed") if asked.sealed else ("development",)
    if not asked.table:
        asked.models.mkdir(parents=True, exist_ok=True)
        held_out = write_held_out(asked.phrasebank, asked.models)
        for job in _jobs(asked):
            done = {(scores.job, scores.use) for scores in read_record()}
            missing = [use for use in uses if (job, use) not in done]
            if missing:
                _train(job, asked)
            for use in missing:
                _append(_evaluate(job, held_out, use, asked))
    record = read_record()
    sys.stdout.write(f"{short_table(record)}\n{table(record)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.accuracy")
    parser.add_argument("--phrasebank", default="phrasebank", help="a copy of its zip")
    parser.add_argument("--teacher", default="sentence-transformers/all-mpnet-base-v2")
    parser.add_argument("--unlabelled", type=Path, help="headlines that the teacher is asked about")
    parser.add_argument("--sets", type=Path, help="folder with the public test sets")
    parser.add_argument("--seeds", nargs="*", type=int, default=list(range(5)))
    parser.add_argument("--labels", nargs="*", default=list(LABEL_SOURCES))
    parser.add_argument("--models", type=Path, default=Path(".newsclf/accuracy"))
    parser.add_argument("--sealed", action="store_true", help="read the sealed sets, too")
    parser.add_argument("--table", action="store_true", help="only print what was measured")
    return parser.parse_args()


def _jobs(asked: argparse.Namespace) -> Iterator[Job]:
    for seed in asked.seeds:
        for labels in asked.labels:
            yield from (Job(labels, size, seed) for size in SIZES)


def write_held_out(phrasebank: str, folder: Path) -> Path:
    """PhraseBank's test part as a file, so that models of other labels get the same rows."""
    settings = DataSettings(source=phrasebank)
    path = folder / "phrasebank-test.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = split(load_data(settings), settings).test
        csv.writer(file).writerows(
            [("text", "label"), *((row.text, LABELS[row.label_id]) for row in rows)]
        )
    return path


def _train(job: Job, asked: argparse.Namespace) -> None:
    target = asked.models / job.name
    if target.exists():
        return
    source = {
        "phrasebank": asked.phrasebank,
        "headlines": "headlines",
        "both": f"{asked.phrasebank}+headlines",
    }[job.labels]
    options = ["--data", source, "--seed", str(job.seed), "--out", str(target)]
    environment = {}
    if job.size == "teacher":
        # What `train --teacher BASE` does before its student; decision 0073.
        options += ["--base", asked.teacher, "--epochs", "4", "--no-optimize"]
        environment = {"NEWSCLF_TRAIN_ADVERSARIAL_STEP": "0"}
    else:
        teacher = asked.models / Job(job.labels, "teacher", job.seed).name
        if not teacher.exists():
            _train(Job(job.labels, "teacher", job.seed), asked)
        options += ["--base", "minilm", "--teacher", str(teacher), "--epochs", "5"]
        options += ["--unlabelled", str(asked.unlabelled)] if asked.unlabelled else []
    if target.with_name(f"{target.name}.partial").exists():
        options = ["--resume", "--out", str(target)]
    _newsclf("train", *options, **environment)


def _evaluate(job: Job, held_out: Path, use: Use, asked: argparse.Namespace) -> Scores:
    model = asked.models / job.name
    common = ["--model", str(model), "--json", *(["--float"] if job.size == "teacher" else [])]
    common += ["--out", str(model.with_name(f"{model.name}-report"))]
    folder = ["--sets", str(asked.sets)] if asked.sets else []
    unseen = json.loads(_newsclf("evaluate", *common, "--on", ",".join(SETS[use]), *folder))
    phrasebank = json.loads(_newsclf("evaluate", *common, "--data", held_out))
    return scores_of(job, use, unseen, phrasebank)


def scores_of(
    job: Job, use: Use, unseen: Mapping[str, Any], phrasebank: Mapping[str, Any]
) -> Scores:
    """The line of the record, from what `evaluate --json` prints."""
    return Scores(
        labels=job.labels,
        size=job.size,
        seed=job.seed,
        use=use,
        date=dt.datetime.now(dt.UTC).date().isoformat(),
        base=Path(unseen["base"]).name,
        runtime=unseen["runtime"],
        phrasebank={
            "accuracy": phrasebank["score"]["accuracy"],
            "ece": phrasebank["calibration"]["expected_error"],
        },
        sets={
            each["name"]: {name: each["measures"][name]["value"] for name in _MEASURES}
            for each in unseen["sets"]
        },
    )


def _newsclf(*arguments: object, **environment: str) -> str:
    command = [sys.executable, "-m", "newsclf", *map(str, arguments)]
    done = subprocess.run(
        command, env=os.environ | environment, check=True, text=True, stdout=subprocess.PIPE
    )
    return done.stdout


def read_record() -> list[Scores]:
    """The lines of docs/accuracy.jsonl."""
    if not RECORD.exists():
        return []
    return [Scores(**json.loads(line)) for line in RECORD.read_text("utf-8").splitlines()]


def _append(scores: Scores) -> None:
    with RECORD.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(scores)) + "\n")


def table(record: Sequence[Scores]) -> str:
    """The table in Markdown: means over seeds and their deviation."""
    uses = _uses(record)
    heads = ["labels", "model", "seeds", "PhraseBank", "ECE"]
    for use in uses:
        heads += [*_SEEDS_OF.get(use, ()), *SETS[use].values()]
    heads += [f"mean of {len(_counted(uses))}", "polar found", "sign", "ECE of the sets"]
    lines = [heads, ["---"] * len(heads)]
    for row in _rows(record):
        development = row.scores["development"]
        cells = [LABEL_SOURCES[row.labels], row.size, str(len(development))]
        cells += [_cell([s.phrasebank[name] for s in development]) for name in ("accuracy", "ece")]
        for use in uses:
            scores = row.scores[use]
            cells += [str(len(scores)) for _ in _SEEDS_OF.get(use, ())]
            cells += [_cell([s.sets[name]["macro_f1"] for s in scores]) for name in SETS[use]]
        lines.append([*cells, *(_cell(row.means(measure, uses)) for measure in _MEASURES)])
    return _markdown(lines)


def short_table(record: Sequence[Scores]) -> str:
    """The README's table in Markdown: what people ask for first."""
    uses = _uses(record)
    reaches = [uses[:count] for count in range(1, len(uses) + 1)]
    heads = ["trained on", "model", "PhraseBank"]
    heads += [f"{_NUMERALS[len(_counted(reach))]} unseen sets" for reach in reaches]
    lines = [[*heads, "seeds"], ["---"] * (len(heads) + 1)]
    for row in _rows(record):
        cells = [LABEL_SOURCES[row.labels], MODELS[row.size]]
        cells.append(_cell([s.phrasebank["accuracy"] for s in row.scores["development"]]))
        means = [row.means("macro_f1", reach) for reach in reaches]
        seeds = ", ".join(dict.fromkeys(str(len(each)) for each in means))
        lines.append([*cells, *map(_cell, means), seeds])
    return _markdown(lines)


@dataclass(frozen=True, slots=True)
class _Row:
    """The models of one kind, by the sets that they were asked about, in the order of seeds."""

    labels: str
    size: str
    scores: Mapping[Use, Sequence[Scores]]

    def means(self, measure: str, uses: Sequence[Use]) -> list[float]:
        """Means over all sets of these uses, for each seed that has read all of them."""
        by_seed: dict[int, dict[str, Mapping[str, float]]] = {}
        for scores in (each for use in uses for each in self.scores[use]):
            by_seed.setdefault(scores.seed, {}).update(scores.sets)
        names = _counted(uses)
        complete = [sets for sets in by_seed.values() if all(name in sets for name in names)]
        return [fmean(sets[name][measure] for name in names) for sets in complete]


def _rows(record: Sequence[Scores]) -> Iterator[_Row]:
    for labels in LABEL_SOURCES:
        for size in SIZES:
            found: dict[Use, list[Scores]] = {use: [] for use in _uses(record)}
            for scores in sorted(record, key=lambda each: each.seed):
                if (scores.labels, scores.size) == (labels, size):
                    found[scores.use].append(scores)
            if found["development"]:
                yield _Row(labels, size, found)


def _uses(record: Sequence[Scores]) -> list[Use]:
    """What was read of the sets, those for development first."""
    return sorted({scores.use for scores in record})


def _counted(uses: Iterable[Use]) -> list[str]:
    """Names of the sets whose mean is shown."""
    return [name for use in uses for name in SETS[use] if name != _WITHOUT_MEAN]


def _markdown(lines: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(values: Sequence[float]) -> str:
    if not values:
        return "–"
    found = mean_std(values) if len(values) > 1 else None
    return f"{found.mean:.3f} ± {found.deviation:.3f}" if found else f"{values[0]:.3f}"


if __name__ == "__main__":
    main()
