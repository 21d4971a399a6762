"""A run's folder on disk: raw samples and records, each file written whole or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from newsclf.common.errors import StateError, reason_of
from newsclf.common.files import replacing, write_text
from newsclf.common.validation import first_problem
from newsclf.costs.prices import PriceBook
from newsclf.deploy.recommendations import Recommendations
from newsclf.deploy.server_figures import ServerFigures
from newsclf.loadtest.store.records import Point, Run, Search
from newsclf.loadtest.store.samples import SAMPLE, Outcome, Samples

_Record = TypeVar("_Record", bound=BaseModel)
_COLUMNS = SAMPLE.names or ()
_LINE_LIMIT_BYTES = 4096
"""Of one sample, which is a dozen numbers."""
_SAMPLES_LIMIT_BYTES = 2 * 1024**3
"""Of the samples of one point: some 40 million requests."""


class RunFolder:
    """The files of one load test, as `records` draws them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path) -> RunFolder:
        """Make the folder of a new run; one that is there already gets a neighbour."""
        for number in itertools.count(2):
            try:
                path.mkdir(parents=True)
                break
            except FileExistsError:
                path = path.with_name(f"{path.name.partition('~')[0]}~{number}")
        return cls(path)

    def count_requests(self) -> int:
        """How many requests the points have that are complete."""
        found = (self.read_point(name) for name in self.point_ids())
        return sum(len(point[1]) for point in found if point is not None)

    def write_run(self, run: Run) -> None:
        """Write `run.json`."""
        _write(self.path / "run.json", run)

    def read_run(self) -> Run:
        """What the run was asked for; StateError if this is no run's folder."""
        return _read(self.path / "run.json", Run)

    def write_point(self, point: Point, samples: Samples) -> None:
        """Write a point's samples, then the record that says that they are complete."""
        folder = self.path / "points" / point.id
        self._check_no_links(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "point.json").unlink(missing_ok=True)  # of an earlier, interrupted try
        with replacing(folder / "requests.csv.gz") as file:
            file.write(_as_csv(samples))
        _write(folder / "point.json", point)

    def read_point(self, point_id: str) -> tuple[Point, Samples] | None:
        """A complete point, or None."""
        folder = self.path / "points" / point_id
        self._check_no_links(folder)
        if not (folder / "point.json").is_file():
            return None
        return _read(folder / "point.json", Point), _from_csv(folder / "requests.csv.gz")

    def point_ids(self) -> list[str]:
        """The complete points, in the order in which they were run."""
        found = []
        for path in self.path.glob("points/*/point.json"):
            self._check_no_links(path.parent)
            found.append((_read(path, Point).started_utc, path.parent.name))
        return [name for _, name in sorted(found)]

    def _check_no_links(self, point: Path) -> None:
        """Refuse a point that lies elsewhere: the run may have come with somebody's archive.

        Raises:
            StateError: a link is in its way, or in its folder.
        """
        samples, record = point / "requests.csv.gz", point / "point.json"
        for path in (point.parent, point, samples, record):
            if path.is_symlink():
                raise StateError(f"{path} is a link, and none is followed", hint=f"rm {path}")

    def points(self) -> Iterator[tuple[Point, Samples]]:
        """The complete points with their samples, in the order in which they were run."""
        for point_id in self.point_ids():
            if (found := self.read_point(point_id)) is not None:
                yield found

    def write_prices(self, prices: PriceBook) -> None:
        """Keep the prices of the day, so that the report can be made again."""
        _write(self.path / "prices.json", prices)

    def read_prices(self) -> PriceBook:
        """The prices of the day of the run."""
        return _read(self.path / "prices.json", PriceBook)

    def write_searches(self, searches: list[Search]) -> None:
        """Write what the searches for a rate found."""
        for search in searches:
            _write(self.path / f"search-{file_name(search.instance)}.json", search)

    def read_searches(self) -> list[Search]:
        """What the searches for a rate found, if there were any."""
        return [_read(path, Search) for path in sorted(self.path.glob("search-*.json"))]

    def write_recommendations(self, found: Recommendations) -> None:
        """Keep what SageMaker's Inference Recommender said."""
        _write(self.path / "recommender.json", found)

    def read_recommendations(self) -> Recommendations | None:
        """What SageMaker's Inference Recommender said, if it was asked."""
        path = self.path / "recommender.json"
        return _read(path, Recommendations) if path.is_file() else None

    def write_server_figures(self, figures: ServerFigures) -> None:
        """Keep what the service measured by itself."""
        _write(self.path / f"server-{file_name(figures.instance)}.json", figures)

    def read_server_figures(self) -> list[ServerFigures]:
        """What the services measured by themselves, where that was read."""
        return [_read(path, ServerFigures) for path in sorted(self.path.glob("server-*.json"))]


def file_name(text: str) -> str:
    """A text as part of a file's name: what is not a letter, digit or dot becomes a hyphen."""
    return "".join(c if c.isalnum() or c == "." else "-" for c in text)


def _write(path: Path, record: BaseModel) -> None:
    write_text(path, record.model_dump_json(indent=2, by_alias=True) + "\n")


def _read(path: Path, kind: type[_Record]) -> _Record:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise StateError(
            f"{path.parent}: no load test (it has no {path.name})",
            hint="newsclf loadtest prints the folder of its run",
        ) from None
    except (OSError, ValidationError) as error:
        found = first_problem(error) if isinstance(error, ValidationError) else reason_of(error)
        raise StateError(
            f"{path}: cannot be read ({found})",
            hint="it may be of another version of newsclf; newsclf loadtest makes a new one",
        ) from None


def _as_csv(samples: Samples) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    place = _COLUMNS.index("outcome")
    for row in samples.tolist():
        name = Outcome(row[place]).name.lower()
        writer.writerow((*row[:place], name, *row[place + 1 : -1], int(row[-1])))
    return gzip.compress(text.getvalue().encode(), mtime=0)


def _from_csv(path: Path) -> Samples:
    try:
        with gzip.open(path) as file:
            reader = csv.reader(_lines(file), quoting=csv.QUOTE_NONE)  # so that a row is a line
            next(reader)
            return np.fromiter(map(_sample, reader), dtype=SAMPLE)
    except (
        *(OSError, EOFError, zlib.error, csv.Error),
        *(ValueError, LookupError, OverflowError, TypeError, StopIteration),
    ) as error:
        raise StateError(
            f"{path}: the samples cannot be read ({reason_of(error)})",
            hint="remove this point's folder; newsclf loadtest --resume runs it again",
        ) from None


def _sample(row: list[str]) -> tuple[int, ...]:
    place = _COLUMNS.index("outcome")
    return (*map(int, row[:place]), Outcome[row[place].upper()], *map(int, row[place + 1 :]))


def _lines(file: gzip.GzipFile) -> Iterator[str]:
    """The lines of a file, of which a small part can unpack to any size."""
    while line := file.readline(_LINE_LIMIT_BYTES):
        if len(line) == _LINE_LIMIT_BYTES:
            raise ValueError(f"a line has more than {_LINE_LIMIT_BYTES:,} bytes")
        if file.tell() > _SAMPLES_LIMIT_BYTES:
            raise ValueError(f"it unpacks to more than {_SAMPLES_LIMIT_BYTES:,} bytes")
        yield line.decode("ascii")
