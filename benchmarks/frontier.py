"""Accuracy against cost: the reference stack, DistilBERT, MiniLM and its students on one machine.

    python -m benchmarks.frontier --models DIR --students 4x384 3x384 --phrasebank ZIP --sets DIR

Models are folders of --models: `LABELS-student-SEED` (MiniLM, from benchmarks.accuracy) and
`LABELS-LAYERSxWIDTH-SEED`; with --train, students that are missing are made by `newsclf optimize
--student`. All are measured in turns by `newsclf frontier`, each pinned to one core. The reference
stack (torch float under SageMaker's own toolkit) is measured on a core too, where `make test-dlc`
can run. Figures are appended to docs/frontier.jsonl, a line for each model with the machine; what
is there of this machine is not measured again, and so the 690 held-out rows of PhraseBank are read
once for each finished model. So seeds may be added on another day and another machine: the table
has the accuracy of all of them, and the speeds of the machine with the most models.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mode
from typing import Any

from benchmarks import wrk
from benchmarks.accuracy import SETS, write_held_out
from benchmarks.headlines import random_distilbert, read_headlines
from newsclf.common.intervals import mean_std
from newsclf.frontier.speed import this_machine
from tests.e2e.dlc.toolkit import PYTHON, running

RECORD = Path(__file__).parent.parent / "docs/frontier.jsonl"
REFERENCE = "reference stack"
DISTILBERT = "DistilBERT int8"
MINILM = "MiniLM int8"
_REFERENCE_ACCURACY = 646 / 690
"""Of the reference project's model, by its own confusion matrix of the same rows."""
_USERS = 8
_HEADLINES = 400
_WARM_UP_SECONDS = 15
"""Java is slow until it has compiled what it runs most."""
_SECONDS = 10
_INSTANCE = "ml.c5.large"


@dataclass(frozen=True, slots=True)
class Line:
    """Figures of one model: a line of the record."""

    model: str
    """A row of the table."""
    seed: int | None
    """None where weights are random or another project's."""
    date: str
    digest: str | None
    cpu: str
    instruction_sets: Sequence[str]
    cores: int
    versions: Mapping[str, str]
    rows: int
    accuracy: float | None
    macro_f1: float | None
    unseen_macro_f1: float | None
    """Mean over the sets for development."""
    per_core_per_s: float
    p95_ms: float | None
    """At half of full load."""
    start_up_s: float | None
    megabytes: float | None
    usd_per_million: float
    """At full load, priced as `instance`."""
    instance: str

    @property
    def machine(self) -> str:
        """What tells machines apart."""
        return f"{self.cpu}, {self.cores} cores ({', '.join(self.instruction_sets)})"


def main() -> None:
    """Train what is missing if asked to, measure what is not in the record, and print the table."""
    asked = _arguments()
    if not asked.table:
        if asked.train:
            _train_students(asked)
        _measure(asked)
    record = read_record()
    sys.stdout.write(f"{short_table(record)}\n{table(record)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.frontier")
    parser.add_argument("--models", type=Path, default=Path(".newsclf/accuracy"))
    parser.add_argument("--labels", default="both", help="first part of the folders' names")
    parser.add_argument("--students", nargs="*", default=["4x384", "3x384", "2x384", "1x384"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--train", action="store_true", help="make students that are missing")
    parser.add_argument("--unlabelled", type=Path, help="headlines for the students' training")
    parser.add_argument("--phrasebank", default="phrasebank", help="a copy of its zip")
    parser.add_argument("--sets", type=Path, help="folder with the public test sets")
    parser.add_argument("--no-unseen", action="store_true", help="leave the public test sets out")
    parser.add_argument("--work", type=Path, default=Path(".newsclf/bench-frontier"))
    parser.add_argument("--duration", default="10s", help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=1, help="rounds for each seed")
    parser.add_argument("--again", action="store_true", help="measure speeds again")
    parser.add_argument("--table", action="store_true", help="only print what was measured")
    return parser.parse_args()


def _train_students(asked: argparse.Namespace) -> None:
    for seed in range(asked.seeds):
        base = asked.models / f"{asked.labels}-student-{seed}"
        teacher = asked.models / f"{asked.labels}-teacher-{seed}"
        for size in asked.students:
            target = asked.models / f"{asked.labels}-{size}-{seed}"
            if target.exists() or not base.exists():
                continue
            options = ["--model", base, "--student", size, "--seed", seed, "--out", target]
            options += ["--teacher", teacher] if teacher.exists() else []
            options += ["--unlabelled", asked.unlabelled] if asked.unlabelled else []
            _newsclf("optimize", *options)


def _measure(asked: argparse.Namespace) -> None:
    asked.work.mkdir(parents=True, exist_ok=True)
    done = {(line.model, line.digest) for line in read_record() if _is_this_machine(line)}
    held_out = write_held_out(asked.phrasebank, asked.work)
    trained = {path: name for path, name in _folders(asked) if (name, _digest_of(path)) not in done}
    if trained:
        for line, doubts in _lines(_frontier(list(trained), held_out, asked), trained):
            if doubts:  # the figures stay in --work, so no answer is asked for again
                sys.stderr.write(f"{line.model} is not kept: {'; '.join(doubts)}; try --again\n")
            else:
                _append(line)
    if DISTILBERT not in {model for model, _ in done}:
        _append(_distilbert(asked))
    if REFERENCE not in {model for model, _ in done}:
        found = _reference(asked)
        if found is None:
            sys.stderr.write(
                f"the {REFERENCE} is left out: it takes root, java, wrk and .venv-dlc"
                " (make test-dlc makes it)\n"
            )
        else:
            _append(found)


def _folders(asked: argparse.Namespace) -> Iterator[tuple[Path, str]]:
    """Models that are there, and their rows of the table."""
    for seed in range(asked.seeds):
        for part, name in (("student", MINILM), *((size, size) for size in asked.students)):
            folder = asked.models / f"{asked.labels}-{part}-{seed}"
            if (folder / "card.json").is_file():
                yield folder, name
            else:
                sys.stderr.write(f"{folder} is left out: it is not there\n")


def _digest_of(folder: Path) -> str:
    from newsclf.model.card import read_card

    return read_card(folder)[1].digest


def _frontier(models: Sequence[Path], held_out: Path, asked: argparse.Namespace) -> dict[str, Any]:
    options: list[object] = ["--data", held_out, "--rounds", asked.rounds, "--users", _USERS]
    options += ["--duration", asked.duration, "--instance", _INSTANCE, "--out", asked.work]
    options += ["--state-dir", asked.work / "state", "--json"]
    options += ["--again"] if asked.again else []
    if not asked.no_unseen:
        options += ["--on", ",".join(SETS["development"])]
        options += ["--sets", asked.sets] if asked.sets else []
    found: dict[str, Any] = json.loads(_newsclf("frontier", *models, *options))
    return found


def _lines(found: Mapping[str, Any], names: Mapping[Path, str]) -> Iterator[tuple[Line, list[str]]]:
    """Lines of the record from what `frontier --json` prints, each with doubts about its speed."""
    rows = {row["path"]: row for row in found["models"]}
    for path, name in names.items():
        row = rows[str(path)]
        quality, speed = row["quality"], row["speed"]
        unseen = quality["unseen_macro_f1"]
        line = Line(
            model=name,
            seed=int(path.name.rpartition("-")[2]),
            date=speed["measured_on"],
            digest=row["digest"],
            **_machine(),
            rows=found["rows"],
            accuracy=quality["accuracy"]["value"],
            macro_f1=quality["macro_f1"]["value"],
            unseen_macro_f1=unseen and unseen["value"],
            per_core_per_s=speed["per_core_per_s"]["value"],
            p95_ms=speed["percentiles_ms"]["p95"]["value"],
            start_up_s=speed["start_up_s"],
            megabytes=speed["serving_bytes"] / 1e6,
            usd_per_million=row["price"]["usd_per_million"]["value"],
            instance=found["instance"],
        )
        yield line, speed["doubts"]


def _distilbert(asked: argparse.Namespace) -> Line:
    """The speed of a model of DistilBERT's size, which does not depend on its weights."""
    with tempfile.TemporaryDirectory() as scratch:
        model = random_distilbert(Path(scratch) / "distilbert")
        rate, start_up_s, p95_ms = _served(model, asked)
        size = sum((model / name).stat().st_size for name in ("model.onnx", "tokenizer.json"))
    return _speed_only(DISTILBERT, rate, start_up_s=start_up_s, p95_ms=p95_ms, megabytes=size / 1e6)


def _served(model: Path, asked: argparse.Namespace) -> tuple[float, float, float | None]:
    """Requests per second of a server on one core, seconds of its start, and p95 at half of that.

    For a model without a training, which `newsclf frontier` would not take.
    """
    from benchmarks.serving import serving
    from newsclf.common.machine import available_cores

    cores = sorted(os.sched_getaffinity(0))[: max(1, available_cores() - 1)]
    began = dt.datetime.now(dt.UTC)
    with serving(model, "--workers", "1") as (url, server):
        start_up_s = (dt.datetime.now(dt.UTC) - began).total_seconds()
        server.cpu_affinity(cores[:1])
        for worker in server.children(recursive=True):
            worker.cpu_affinity(cores[:1])
        full = _load(url, asked, "--concurrency", str(_USERS))
        rate: float = full["throughput_per_s"]
        half = _load(url, asked, "--rate", f"{rate / 2:.3g}")
    return rate, start_up_s, half["response_ms"]["p95"]["value"]


def _load(url: str, asked: argparse.Namespace, *load: str) -> dict[str, Any]:
    """The only point of a load test at a URL."""
    options = ["--url", f"{url}/invocations", "--warmup", "2s", "--duration", asked.duration]
    options += ["--state-dir", str(asked.work / "state"), "--json"]
    summary = json.loads(_newsclf("loadtest", *options, *load, check=False))
    point: dict[str, Any] = summary["points"][0]
    return point


def _reference(asked: argparse.Namespace) -> Line | None:
    """DistilBERT in float under the stock toolkit, on one core; None if it cannot run."""
    tools = all(map(shutil.which, ("java", "wrk")))
    if os.geteuid() != 0 or not tools or not PYTHON.is_file():
        return None
    cores = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory(dir=asked.work) as name:
        base = Path(name) / "base"
        code = base / "model" / "code"
        model = random_distilbert(Path(name) / "distilbert")
        shutil.copytree(model, base / "model", ignore=shutil.ignore_patterns("*.onnx"))
        code.mkdir()
        shutil.copy(Path(__file__).with_name("plain_handler.py"), code / "inference.py")
        texts = [example.text for example in read_headlines().examples][:_HEADLINES]
        script = wrk.write_script(texts, Path(name))
        os.sched_setaffinity(0, sorted(cores)[:1])  # what it starts is pinned, too
        began = dt.datetime.now(dt.UTC)
        try:
            with running(base, workers=1) as toolkit:
                start_up_s = (dt.datetime.now(dt.UTC) - began).total_seconds()
                os.sched_setaffinity(0, cores)
                url = str(toolkit.client.base_url).rstrip("/")
                wrk.requests_per_s(script, url, _USERS, _WARM_UP_SECONDS)
                rate = wrk.requests_per_s(script, url, _USERS, _SECONDS)
        finally:
            os.sched_setaffinity(0, cores)
    return _speed_only(REFERENCE, rate, start_up_s=start_up_s, accuracy=_REFERENCE_ACCURACY)


def _speed_only(
    model: str,
    per_core_per_s: float,
    *,
    start_up_s: float,
    p95_ms: float | None = None,
    megabytes: float | None = None,
    accuracy: float | None = None,
) -> Line:
    from newsclf.costs.formulas import usd_per_million
    from newsclf.costs.instances import vcpus
    from newsclf.costs.prices import load_prices

    price = load_prices().hosting_usd_per_hour(_INSTANCE, "us-east-1")
    return Line(
        model=model,
        seed=None,
        date=dt.datetime.now(dt.UTC).date().isoformat(),
        digest=None,
        **_machine(),
        rows=690 if accuracy is not None else 0,
        accuracy=accuracy,
        macro_f1=None,
        unseen_macro_f1=None,
        per_core_per_s=per_core_per_s,
        p95_ms=p95_ms,
        start_up_s=start_up_s,
        megabytes=megabytes,
        usd_per_million=usd_per_million(price, vcpus(_INSTANCE) * per_core_per_s),
        instance=_INSTANCE,
    )


def _machine() -> dict[str, Any]:
    return this_machine().model_dump()


def _is_this_machine(line: Line) -> bool:
    here = this_machine()
    return (line.cpu, line.cores, list(line.instruction_sets)) == (
        here.cpu,
        here.cores,
        here.instruction_sets,
    )


def _newsclf(*arguments: object, check: bool = True) -> str:
    command = [sys.executable, "-m", "newsclf", *map(str, arguments)]
    return subprocess.run(command, check=check, text=True, stdout=subprocess.PIPE).stdout


def read_record(path: Path = RECORD) -> list[Line]:
    """The lines of docs/frontier.jsonl."""
    if not path.exists():
        return []
    return [Line(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def _append(line: Line) -> None:
    with RECORD.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(line)) + "\n")


def table(record: Sequence[Line]) -> str:
    """The table of docs/loadtest.md in Markdown: means ± their deviation."""
    return _table(record, _COLUMNS)


def short_table(record: Sequence[Line]) -> str:
    """The README's table: what people ask for first."""
    return _table(record, _SHORT_COLUMNS)


@dataclass(frozen=True, slots=True)
class _Row:
    """One kind of model."""

    scored: Sequence[Line]
    """Those whose accuracy is known, the last of each seed: it depends on no machine."""
    timed: Sequence[Line]
    """Those of the machine of the table."""
    reference_per_s: float | None
    """The reference stack's speed on it."""

    @property
    def times_reference(self) -> list[float]:
        """How many times as fast as the reference stack they are."""
        reference_per_s = self.reference_per_s
        return [line.per_core_per_s / reference_per_s for line in self.timed if reference_per_s]


_COLUMNS: Mapping[str, Callable[[_Row], str]] = {
    "seeds": lambda row: str(sum(line.seed is not None for line in row.scored) or "–"),
    "accuracy": lambda row: _cell([line.accuracy for line in row.scored], 100, 2, " %"),
    "macro-F1": lambda row: _cell([line.macro_f1 for line in row.scored], 100, 2, " %"),
    "unseen macro-F1": lambda row: _cell([line.unseen_macro_f1 for line in row.scored], 1, 3),
    "seeds timed": lambda row: str(sum(line.seed is not None for line in row.timed) or "–"),
    "requests/s per core": lambda row: _cell([line.per_core_per_s for line in row.timed], 1, 0),
    "× reference": lambda row: _cell(row.times_reference, 1, 1),
    "p95, ms": lambda row: _cell([line.p95_ms for line in row.timed], 1, 1),
    "start-up, s": lambda row: _cell([line.start_up_s for line in row.timed], 1, 1),
    "MB": lambda row: _cell([line.megabytes for line in row.timed], 1, 1),
    "$ per million": lambda row: _cell([line.usd_per_million for line in row.timed], 1, 3),
}
_SHORT_COLUMNS = {
    name: _COLUMNS[name]
    for name in ("seeds", "accuracy", "requests/s per core", "× reference", "MB", "$ per million")
}


def _table(record: Sequence[Line], columns: Mapping[str, Callable[[_Row], str]]) -> str:
    if not record:
        return ""
    machine = mode(line.machine for line in record)
    here = [line for line in record if line.machine == machine]
    reference_per_s = next(
        (line.per_core_per_s for line in reversed(here) if line.model == REFERENCE), None
    )
    names = dict.fromkeys((REFERENCE, DISTILBERT, MINILM, *(line.model for line in record)))
    rows = [["model", *columns], ["---", *["---:"] * len(columns)]]
    for name in names:
        scored = {
            line.seed: line for line in record if line.model == name and line.accuracy is not None
        }
        row = _Row(
            scored=list(scored.values()),
            timed=[line for line in here if line.model == name],
            reference_per_s=reference_per_s,
        )
        rows.append([name, *(cell(row) for cell in columns.values())])
    days = sorted({line.date for line in here})
    measured = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    text = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"{machine}, {measured}, priced as {here[-1].instance}:\n\n{text}"


def _cell(values: Sequence[float | None], unit: float, decimals: int, after: str = "") -> str:
    known = [unit * value for value in values if value is not None]
    if not known:
        return "–"
    if len(known) == 1:
        return f"{known[0]:.{decimals}f}{after}"
    found = mean_std(known)
    return f"{found.mean:.{decimals}f} ± {found.deviation:.{decimals}f}{after}"


if __name__ == "__main__":
    main()
