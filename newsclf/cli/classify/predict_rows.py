"""`newsclf predict` for the rows of a file or stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from newsclf.cli.classify import predict_view
from newsclf.cli.console import StdoutBytes
from newsclf.common.errors import ConfigError
from newsclf.common.settings import ReadingSettings
from newsclf.common.visible import visible, visible_json
from newsclf.contract.labels import LABELS
from newsclf.data.sink import StreamFormat
from newsclf.predict.run import (
    RowsRequest,
    ScoreRequest,
    Tally,
    classify_rows,
    expected_rows,
    score,
)

if TYPE_CHECKING:
    from newsclf.cli.classify.predict_source import Classifier
    from newsclf.cli.console import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Rows to classify, and how they are shown or written."""

    source: Path | BinaryIO
    form: str | None
    """Format of a stream, if it is known."""
    target: Path | None
    """A file; None is stdout."""
    stream_format: StreamFormat | None
    """What is written to stdout; None shows bars, or with --json one document."""
    skip_bad: bool
    overwrite: bool
    reading: ReadingSettings


def run(output: Output, job: Job, classifier: Classifier) -> None:
    """Classify the rows and say what came of it."""
    rows = RowsRequest(
        source=job.source,
        form=job.form,
        reading=job.reading,
        known_text_column=classifier.text_column,
        skip_bad=job.skip_bad,
        count_truncated=classifier.count_truncated,
    )
    if not isinstance(job.source, Path) and job.source.isatty():
        output.note("type headlines, one per line; Ctrl-D ends")
    started_s = time.monotonic()
    if job.target is None and job.stream_format is None:
        tally = _show(output, rows, classifier)
    else:
        tally = _write(output, job, rows, classifier)
    _say(output, tally, time.monotonic() - started_s, job.target)


def _show(output: Output, rows: RowsRequest, classifier: Classifier) -> Tally:
    """Show each headline with its bars as soon as it is classified."""
    tally = Tally()
    found = []
    started_s = time.monotonic()
    for window in classify_rows(rows, classifier.classify, tally):
        for row in window:
            if row.prediction is None:
                continue
            output.show(*predict_view.bars(row.text, row.prediction))
            if output.as_json:
                found.append((row.text, row.prediction))
    latency_ms = 1000 * (time.monotonic() - started_s)
    output.data(predict_view.document(found, latency_ms, classifier) | _counts(tally))
    return tally


def _write(output: Output, job: Job, rows: RowsRequest, classifier: Classifier) -> Tally:
    if job.target is None and output.as_json:
        raise ConfigError(
            "--json prints one document, and the rows go to stdout too",
            hint="--format jsonl prints a JSON object per row, --output FILE writes a file",
        )
    request = ScoreRequest(
        rows=rows,
        target=job.target or _stdout(job.stream_format or "csv"),
        stream_format=job.stream_format or "csv",
        overwrite=job.overwrite,
    )
    with _progress(output, job) as on_window:
        tally = score(request, classifier.classify, on_window)
    if job.target is not None:
        output.data(
            {
                "source": classifier.source,
                "rows": tally.rows,
                "labels": {label: tally.labels[label] for label in LABELS},
                "output": str(job.target),
            }
            | _counts(tally)
        )
    return tally


def _stdout(stream_format: StreamFormat) -> BinaryIO:
    if stream_format == "jsonl":
        return cast("BinaryIO", StdoutBytes(visible_json))
    return cast("BinaryIO", StdoutBytes(partial(visible, keep="\n\t")))


def _counts(tally: Tally) -> dict[str, object]:
    return {
        "skipped": tally.bad,
        "first_skipped": tally.first_bad,
        "truncated": tally.truncated,
        "notes": tally.notes,
    }


@contextmanager
def _progress(output: Output, job: Job) -> Iterator[Callable[[Tally], None]]:
    """A bar with the rows done, those to come, and the time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    total = expected_rows(job.source) if isinstance(job.source, Path) else None
    with output.progress(
        TextColumn("rows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    ) as progress:
        task = progress.add_task("", total=total)
        yield lambda tally: progress.update(task, completed=tally.rows)


def _say(output: Output, tally: Tally, duration_s: float, target: Path | None) -> None:
    for note in tally.notes:
        output.note(f"note: {note}")
    rows = f"{tally.rows:,} row{'s' * (tally.rows != 1)}"
    labels = ", ".join(f"{tally.labels[label]:,} {label}" for label in LABELS)
    where = f" → {target}" if target is not None else ""
    rate = f" ({tally.rows / duration_s:,.0f}/s)" if duration_s > 0 else ""
    output.note(f"{rows} in {duration_s:.1f} s{rate}: {labels}{where}")
    say_truncated(output, tally.truncated)
    if tally.bad:
        named = "; ".join(tally.first_bad)
        more = " …" if tally.bad > len(tally.first_bad) else ""
        output.note(f"{tally.bad:,} of them could not be classified: {named}{more}")


def say_truncated(output: Output, count: int) -> None:
    """Say how many headlines were too long to be read whole."""
    if count:
        output.note(
            f"note: {count:,} headline{'s are' if count > 1 else ' is'} longer than the model"
            " reads; only the beginning was classified"
        )
