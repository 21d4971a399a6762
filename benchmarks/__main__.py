"""Run every benchmark and print one table."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import generator, scoring, serving, training
from benchmarks.headlines import read_headlines
from newsclf.common.machine import available_cores


def main() -> None:
    """Measure, and print rows per second and the ratio of each pair."""
    headlines = read_headlines()
    table = Table(
        "what",
        "ours, rows/s",
        "other, rows/s",
        "ratio",
        "wanted",
        title=f"{available_cores()} cores, {headlines.name}, MiniLM",
    )
    with tempfile.TemporaryDirectory() as scratch:
        for result in [
            training.against_full_padding(headlines),
            training.cost_of_the_adversarial_step(headlines),
            scoring.against_pipeline(headlines, Path(scratch)),
            *serving.against_engine(headlines, Path(scratch)),
            *serving.overloaded(headlines, Path(scratch)),
            *generator.against_httpx(),
        ]:
            table.add_row(
                result.what,
                f"{result.ours_per_s:.0f}",
                f"{result.other_per_s:.0f}",
                f"{result.ratio:.2f}",
                result.wanted,
            )
    console = Console(width=110)
    console.print(table)
    for line in generator.beside_wrk():
        console.print(line, highlight=False)


if __name__ == "__main__":
    main()
