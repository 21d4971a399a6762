"""The archive under the stock container's toolkit, against a handler as it is usually written.

Run with `make bench-dlc`. Two workers of one thread, eight connections, one headline a request. The
plain handler runs before and after ours, since machines drift; its mean counts.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import wrk
from benchmarks.headlines import random_distilbert, read_headlines, untrained_model
from newsclf.lifecycle.package import PackageRequest, package
from tests.dlc.toolkit import PYTHON, running, unpack

_WORKERS = 2
_CONNECTIONS = 8
_SECONDS = 15
_WARM_UP_SECONDS = 3
_HEADLINES = 400


def main() -> None:
    """Measure, and print requests per second and ratios."""
    headlines = read_headlines()
    texts = [example.text for example in headlines.examples][:_HEADLINES]
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        script = wrk.write_script(texts, scratch)
        distilbert = random_distilbert(scratch / "distilbert")
        minilm = untrained_model(scratch / "minilm")
        plain = _plain_base(distilbert, scratch / "plain")
        ours = {
            model.name: _packed_base(model, scratch / f"packed-{model.name}")
            for model in (distilbert, minilm)
        }

        rates = [_requests_per_s(plain, script)]
        fast = {name: _requests_per_s(base, script) for name, base in ours.items()}
        rates.append(_requests_per_s(plain, script))
    baseline = statistics.fmean(rates)
    table = Table(
        "handler", "requests/s", "ratio", "wanted",
        title=f"{_WORKERS} workers, {_CONNECTIONS} connections, {headlines.name}",
    )  # fmt: skip
    spread = " and ".join(f"{rate:.1f}" for rate in rates)
    table.add_row("DistilBERT, torch float, one by one", f"{baseline:.1f} ({spread})", "1", "")
    for model, what, wanted in (
        ("distilbert", "newsclf package, DistilBERT int8", "≥ 3.5"),
        ("minilm", "newsclf package, MiniLM int8", "≥ 9"),
    ):
        rate = fast[model]
        table.add_row(what, f"{rate:.1f}", f"{rate / baseline:.2f}", wanted)
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


def _requests_per_s(base: Path, script: Path) -> float:
    with running(base, workers=_WORKERS) as toolkit:
        url = str(toolkit.client.base_url).rstrip("/")
        wrk.requests_per_s(script, url, _CONNECTIONS, _WARM_UP_SECONDS)
        return wrk.requests_per_s(script, url, _CONNECTIONS, _SECONDS)


if __name__ == "__main__":
    main()
