"""The load tests in a state directory."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from newsclf.common.errors import StateError
from newsclf.loadtest.cost_table import SUMMARY_FILE, read_summary
from newsclf.loadtest.store.records import Summary
from newsclf.loadtest.store.run_folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRun:
    """A load test, in a line."""

    path: str
    started_utc: str | None = None
    target: str | None = None
    ended: str
    """`complete`, why it ended early, or why it can't be read."""
    goodput_per_s: float | None = None
    """Of the best point whose figures can be trusted."""
    usd_per_million: float | None = None
    """Of a million requests at the planned utilisation, without the API; of the cheapest row."""

    def as_dict(self) -> dict[str, object]:
        """Encode for --json."""
        return {"kind": "load test", **asdict(self)}


def list_runs(runs: Path) -> list[ListedRun]:
    """The load tests in a folder, the latest first; a damaged one says so."""
    return [_listed(path) for path in _folders(runs)]


def latest_run(runs: Path, *, finished: bool = False) -> Path:
    """The folder of the latest load test, or of the latest with a summary.

    Raises:
        StateError: The folder holds none.
    """
    if not (found := _folders(runs)):
        raise StateError(f"{runs}: no load test yet", hint="newsclf loadtest makes one")
    if finished and not (found := [path for path in found if (path / SUMMARY_FILE).is_file()]):
        raise StateError(
            f"{runs}: no finished load test yet", hint="newsclf loadtest --resume RUN finishes one"
        )
    return found[0]


def _folders(runs: Path) -> list[Path]:
    return sorted((file.parent for file in runs.glob("*/run.json")), reverse=True)


def _listed(path: Path) -> ListedRun:
    try:
        run = RunFolder(path).read_run()
        summary = read_summary(path) if (path / SUMMARY_FILE).exists() else None
    except StateError as error:
        return ListedRun(path=str(path), ended=error.message)
    ended = "complete"
    if run.interrupted:
        ended = run.stop_reason or "ended early"
    return ListedRun(
        path=str(path),
        started_utc=run.started_utc,
        target=run.target,
        ended=ended,
        goodput_per_s=None if summary is None else _goodput(summary),
        usd_per_million=None if summary is None else _cost(summary),
    )


def _goodput(summary: Summary) -> float | None:
    return max((p.throughput_per_s for p in summary.points if p.verdict == "OK"), default=None)


def _cost(summary: Summary) -> float | None:
    priced = (row.usd_per_million_at_utilisation for row in summary.costs)
    return min((cost for cost in priced if cost is not None), default=None)
