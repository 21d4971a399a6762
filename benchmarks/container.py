"""The archive under the stock container's toolkit, against a handler as it is usually written.

Run with `make bench-dlc`. Two workers of one thread, eight connections, one headline a request. The
handlers take turns, and the ratio is the median over the turns: machines drift, and a neighbour
that comes or goes would otherwise decide. Such a one disturbs the time on a core much less.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks import wrk
from benchmarks.headlines import random_distilbert, read_headlines, untrained_model
from newsclf.deploy.package.build import PackageRequest, package
from tests.e2e.dlc.toolkit import PYTHON, running, unpack

_WORKERS = 2
_CONNECTIONS = 8
_ROUNDS = 3
_HANDLERS = (
    ("DistilBERT, torch float, one by one", ""),
    ("newsclf package, DistilBERT int8", "≥ 3.5"),
    ("newsclf package, MiniLM int8", "≥ 9"),
)
_SECONDS = 10
_WARM_UP_SECONDS = 10
"""Java is slow until it has compiled what it runs most."""
_HEADLINES = 400


@dataclass(frozen=True, slots=True)
class _Speed:
    requests_per_s: float
    cpu_ms: float
    """Time on a core for each request, of workers, toolkit and Java together."""


def main() -> None:
    """Measure, and print requests per second and ratios."""
    headlines = read_headlines()
    texts = [example.text for example in headlines.examples][:_HEADLINES]
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        script = wrk.write_script(texts, scratch)
        distilbert = random_distilbert(scratch / "distilbert")
        minilm = untrained_model(scratch / "minilm")
        bases = [
            _plain_base(distilbert, scratch / "plain"),
            _packed_base(distilbert, scratch / "packed-distilbert"),
            _packed_base(minilm, scratch / "packed-minilm"),
        ]
        rounds = [[_measure(base, script) for base in bases] for _ in range(_ROUNDS)]
    table = Table(
        "handler",
        "requests/s",
        "ratio",
        "wanted",
        "CPU ms a request",
        "ratio",
        title=f"{_WORKERS} workers, {_CONNECTIONS} connections, {headlines.name}",
    )
    for i, (what, wanted) in enumerate(_HANDLERS):
        turns = [turn[i] for turn in rounds]
        table.add_row(
            what,
            " ".join(f"{speed.requests_per_s:.0f}" for speed in turns),
            f"{median([turn[i].requests_per_s / turn[0].requests_per_s for turn in rounds]):.2f}",
            wanted,
            f"{median([speed.cpu_ms for speed in turns]):.1f}",
            f"{median([turn[0].cpu_ms / turn[i].cpu_ms for turn in rounds]):.2f}",
        )
    Console(width=110).print(table)


def _plain_base(model: Path, base: Path) -> Path:
    code = base / "model" / "code"
    shutil.copytree(model, base / "model", ignore=shutil.ignore_patterns("*.onnx"))
    code.mkdir()
    shutil.copy(Path(__file__).with_name("plain_handler.py"), code / "inference.py")
    return base


def _packed_base(model: Path, base: Path) -> Path:
    base.mkdir()
    request = PackageRequest(
        model=model, out=base / "model.tar.gz", cache=PYTHON.parents[1] / "wheels"
    )
    unpack(package(request).path, base)
    return base


def _measure(base: Path, script: Path) -> _Speed:
    with running(base, workers=_WORKERS) as toolkit:
        url = str(toolkit.client.base_url).rstrip("/")
        wrk.requests_per_s(script, url, _CONNECTIONS, _WARM_UP_SECONDS)
        before_s = toolkit.cpu_s()
        rate = wrk.requests_per_s(script, url, _CONNECTIONS, _SECONDS)
        return _Speed(rate, 1000 * (toolkit.cpu_s() - before_s) / (rate * _SECONDS))


if __name__ == "__main__":
    main()
