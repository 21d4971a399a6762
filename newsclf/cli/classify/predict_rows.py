"""Rows of a file or stream in `newsclf predict`: show them, or write them with scores."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from newsclf.cli.classify import predict_view
from newsclf.cli.console import StdoutBytes
from newsclf.common.errors import ConfigError
from newsclf.common.visible import visible, visible_json
from newsclf.contract.labels import LABELS
from newsclf.contract.limits import MAX_EXPLAINED_CHARACTERS
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
    from newsclf.cli.console import Output
    from newsclf.predict.answer import Asked
    from newsclf.predict.classifier import Classifier
    from newsclf.predict.english import Doubt


def show(output: Output, rows: RowsRequest, classifier: Classifier) -> None:
    """Show each headline with its bars as soon as it is classified; with --json one document."""
    tally = Tally()
    found = []
    started_s = time.monotonic()
    for window in classify_rows(rows, classifier.classify, tally):
        for row in window:
            if row.answer is None:
                continue
            output.show(*predict_view.answer(row.answer, rows.asked))
            if output.as_json:
                found.append(row.answer)
    duration_s = time.monotonic() - started_s
    predicted = predict_view.document(found, 1000 * duration_s, classifier, rows.asked)
    output.data(predicted | _counts(tally, rows.asked))
    _show_tally(output, tally, duration_s)
    note_asked(output, rows.asked, tally)
    note_legend(output, rows.asked, tally)


def write(output: Output, request: ScoreRequest, classifier: Classifier) -> None:
    """Write the rows with their scores to a file or to stdout.

    Raises:
        ConfigError: stdout would get the rows and a JSON document.
    """
    target = request.target if isinstance(request.target, Path) else None
    if target is None and output.as_json:
        raise ConfigError(
            "--json and the rows cannot both go to stdout",
            hint="--format jsonl prints a JSON object per row, --output FILE writes a file",
        )
    started_s = time.monotonic()
    with _progress(output, request.rows) as on_window:
        tally = score(request, classifier.classify, on_window)
    document = {
        "source": classifier.source.as_dict(),
        "rows": tally.rows,
        "labels": {label: tally.labels[label] for label in LABELS},
        "output": str(target),
    }
    output.data(document | _counts(tally, request.rows.asked))
    _show_tally(output, tally, time.monotonic() - started_s, target)
    note_asked(output, request.rows.asked, tally)


def stdout(stream_format: StreamFormat) -> BinaryIO:
    """Standard output for rows; on a terminal their control characters are escaped."""
    escaped = visible_json if stream_format == "jsonl" else partial(visible, keep="\n\t")
    return cast("BinaryIO", StdoutBytes(escaped))


def _counts(tally: Tally, asked: Asked) -> dict[str, object]:
    counts: dict[str, object] = {
        "skipped": tally.bad,
        "first_skipped": tally.first_bad,
        "truncated": tally.truncated,
        "doubts": tally.doubts,
        "notes": tally.notes,
    }
    if asked.min_confidence is not None:
        counts["uncertain"] = tally.uncertain
    if asked.explain:
        counts["unexplained"] = tally.unexplained
    return counts


@contextmanager
def _progress(output: Output, rows: RowsRequest) -> Iterator[Callable[[Tally], None]]:
    """Show a bar with the rows done, the total and the time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    total = expected_rows(rows.source) if isinstance(rows.source, Path) else None
    with output.progress(
        TextColumn("rows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    ) as progress:
        task = progress.add_task("", total=total)
        yield lambda tally: progress.update(task, completed=tally.rows)


def _show_tally(
    output: Output, tally: Tally, duration_s: float, target: Path | None = None
) -> None:
    for note in tally.notes:
        output.note(f"note: {note}")
    rows = f"{tally.rows:,} row{'s' * (tally.rows != 1)}"
    labels = ", ".join(f"{tally.labels[label]:,} {label}" for label in LABELS)
    where = f" → {target}" if target is not None else ""
    rate = f" ({tally.rows / duration_s:,.0f}/s)" if duration_s > 0 else ""
    output.note(f"{rows} in {duration_s:.1f} s{rate}: {labels}{where}")
    note_truncated(output, tally.truncated)
    note_doubts(output, tally.doubts)
    if tally.bad:
        named = "; ".join(tally.first_bad)
        more = " …" if tally.bad > len(tally.first_bad) else ""
        output.note(f"{tally.bad:,} of them could not be classified: {named}{more}")


def note_truncated(output: Output, count: int) -> None:
    """Note how many headlines were too long for the model."""
    if count:
        output.note(
            f"note: {count:,} headline{'s are' if count > 1 else ' is'} longer than the model"
            " reads; only the beginning was classified"
        )


def note_doubts(output: Output, doubts: Counter[Doubt]) -> None:
    """Warn of texts that are probably not English headlines."""
    if count := doubts.total():
        reasons = ", ".join(f"{number:,} × {doubt}" for doubt, number in doubts.most_common())
        output.note(
            f"note: {count:,} texts are probably not English headlines ({reasons}); their scores"
            " may mean little"
            if count > 1
            else f"note: 1 text is probably not an English headline ({next(iter(doubts))}); its"
            " score may mean little"
        )


def note_asked(output: Output, asked: Asked, tally: Tally) -> None:
    """Note how many predictions are less confident than asked for, or could not be explained."""
    if asked.min_confidence is not None:
        output.note(
            f"{tally.uncertain:,} of {tally.labels.total():,} uncertain (no label reaches"
            f" {100 * asked.min_confidence:g} %)"
        )
    if count := tally.unexplained:
        output.note(
            f"note: {count:,} headline{'s are' if count > 1 else ' is'} longer than"
            f" {MAX_EXPLAINED_CHARACTERS:,} characters; the words"
            f" {'in them' if count > 1 else 'in it'} were not weighed"
        )


def note_legend(output: Output, asked: Asked, tally: Tally) -> None:
    """Note what the numbers after words mean, if words were weighed."""
    if asked.explain and tally.labels.total() > tally.unexplained and not output.as_json:
        output.note(
            "words: (+12) the label is 12 points less probable without this word, (-3) 3 points"
            " more"
        )
