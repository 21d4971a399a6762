"""Check two sources of headlines for contamination, and write the pairs that are alike."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from newsclf.common.errors import CheckFailedError, ConfigError, DataError, reason_of
from newsclf.common.files import replacing
from newsclf.common.records import LenientRecord
from newsclf.common.settings import DataSettings
from newsclf.data.examples import Texts
from newsclf.data.overlap import KINDS, Kind, Match, overlap
from newsclf.data.sources import WITH_HEADLINES, Part, load_part, load_texts

_COLUMNS = ("kind", "similarity", "first_row", "second_row", "first_text", "second_text")


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapRequest:
    """Two sources to compare."""

    first: DataSettings
    """Source that may contain headlines of the second, such as training data."""
    second: DataSettings
    """Source that should be new, such as a test set."""
    parts: tuple[Part, Part] | None = None
    """Part of each source to compare; None: all headlines, labelled or not."""
    examples: int = 3
    """Most pairs of each kind to report."""
    output: Path | None = None
    """CSV file for all pairs."""
    overwrite: bool = False
    """Replace a CSV file that exists."""


class Collection(LenientRecord):
    """A compared source."""

    name: str
    headlines: int


class Pair(LenientRecord):
    """Two headlines that are alike; rows are counted from 1 in the order of their sources."""

    kind: Kind
    similarity: float
    """Jaccard index of their words and pairs of words, numbers masked."""
    first_row: int
    second_row: int
    first_text: str
    second_text: str


class OverlapReport(LenientRecord):
    """How much of a second source the first one contains."""

    first: Collection
    second: Collection
    kinds: dict[Kind, int]
    """Headlines of the second source by how much they are like one of the first: strongest kind."""
    contained: int
    """Headlines of the second source that are like one of the first in any way."""
    share: float
    """`contained` as a share of the second source."""
    examples: list[Pair]
    notes: list[str]
    """Guesses about the files."""


def report_overlap(request: OverlapRequest) -> OverlapReport:
    """Compare two sources, and write all pairs to a CSV file if one is named.

    Raises:
        DataError: a source can't be read, or the file can't be written.
        ConfigError: the file exists, is one of the sources, or is not called .csv.
    """
    if request.output is not None:
        _check_output(request, request.output)
    if request.parts is None:
        first, second = load_texts(request.first), load_texts(request.second)
    else:
        first = load_part(request.first, request.parts[0])
        second = load_part(request.second, request.parts[1])
    matches = overlap(first.texts, second.texts)
    if request.output is not None:
        _write(request.output, first, second, matches)
    counts = Counter(match.kind for match in matches)
    return OverlapReport(
        first=Collection(name=first.name, headlines=len(first.texts)),
        second=Collection(name=second.name, headlines=len(second.texts)),
        kinds={kind: counts[kind] for kind in KINDS},
        contained=len(matches),
        share=len(matches) / max(1, len(second.texts)),
        examples=[
            _pair(match, first, second)
            for kind in KINDS
            for match in [each for each in matches if each.kind == kind][: request.examples]
        ],
        notes=[f"{each.name}: {note}" for each in (first, second) for note in each.notes],
    )


def check_share(report: OverlapReport, highest: float) -> None:
    """Raise CheckFailedError if more of the second source is contained than allowed."""
    if report.share > highest:
        raise CheckFailedError(
            f"gate not met: {100 * report.share:.2f} % of {report.second.name} is contained in"
            f" {report.first.name}, above {100 * highest:g} %",
            hint="--output FILE.csv lists these headlines; leave them out of one of the two",
        )


def _pair(match: Match, first: Texts, second: Texts) -> Pair:
    return Pair(
        kind=match.kind,
        similarity=round(match.similarity, 4),
        first_row=match.first + 1,
        second_row=match.second + 1,
        first_text=first.texts[match.first],
        second_text=second.texts[match.second],
    )


def _check_output(request: OverlapRequest, path: Path) -> None:
    if path.suffix.lower() != ".csv":
        raise ConfigError(
            f"{path}: the pairs are written as CSV", hint="name a file that ends in .csv"
        )
    for source in (request.first.source, request.second.source):
        compared = Path(source.removesuffix(WITH_HEADLINES))
        if compared.exists() and path.exists() and path.samefile(compared):
            raise ConfigError(
                f"{path} is one of the compared files", hint="name another file with --output"
            )
    if path.exists() and not request.overwrite:
        raise ConfigError(
            f"{path} already exists", hint="add --overwrite, or name another file with --output"
        )


def _write(path: Path, first: Texts, second: Texts, matches: Sequence[Match]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
            writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(_pair(match, first, second).model_dump() for match in matches)
            text.detach()  # `replacing` closes the file
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({reason_of(error)})",
            hint="name another file with --output",
        ) from error
