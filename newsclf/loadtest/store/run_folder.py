"""A run's folder on disk: raw samples and records, each file written whole or not at all."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import BaseModel

from newsclf.common.errors import StateError, reason_of
from newsclf.common.files import write_bytes
from newsclf.common.records import find_record, write_record
from newsclf.costs.prices import PriceBook
from newsclf.deploy.recommendations import Recommendations
from newsclf.deploy.server_figures import ServerFigures
from newsclf.loadtest.store.records import Point, Run, Search
from newsclf.loadtest.store.samples import SAMPLE, Outcome, Samples

_Record = TypeVar("_Record", bound=BaseModel)
_COLUMNS = SAMPLE.names or ()
_POINT, _SAMPLES, _RECOMMENDER = "point.json", "requests.csv.gz", "recommender.json"
_LINE_LIMIT_BYTES = 4096
"""Of one sample, which is a dozen numbers."""
_SAMPLES_LIMIT_BYTES = 2 * 1024**3
"""Of the samples of one point: some 40 million requests."""


@dataclass(frozen=True)
class LoadedRun:
    """Everything in the folder of a run, read once; samples are read when they are asked for."""

    folder: RunFolder
    run: Run
    points: list[Point]
    """Complete points, in the order in which they were run."""
    searches: list[Search]
    server_figures: list[ServerFigures]
    recommendations: Recommendations | None

    def samples(self, point_id: str) -> Samples:
        """Raw samples of a point, which are not kept in memory."""
        return _from_csv(self.folder.point_path(point_id) / _SAMPLES)


class RunFolder:
    """The files of one load test; see `newsclf.loadtest.store.records`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path) -> RunFolder:
        """Make the folder of a new run; where it exists, another with a number behind its name."""
        for number in itertools.count(2):
            try:
                path.mkdir(parents=True)
                break
            except FileExistsError:
                path = path.with_name(f"{path.name.partition('~')[0]}~{number}")
        return cls(path)

    def load(self) -> LoadedRun:
        """Read the run.

        Raises:
            StateError: This is not the folder of a run, or a file in it is damaged or a link.
        """
        return LoadedRun(
            self,
            run=self.read_run(),
            points=self.points(),
            searches=self._read_all("search-*.json", Search),
            server_figures=self._read_all("server-*.json", ServerFigures),
            recommendations=self.read_recommendations(),
        )

    def write_run(self, run: Run) -> None:
        """Write `run.json`."""
        self._write("run.json", run)

    def read_run(self) -> Run:
        """What the run was asked for.

        Raises:
            StateError: This is not the folder of a run.
        """
        return _read(self.path / "run.json", Run)

    def write_point(self, point: Point, samples: Samples) -> None:
        """Write a point's samples, then the record that says that they are complete."""
        folder = self.point_path(point.id)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _POINT).unlink(missing_ok=True)  # of an earlier, interrupted try
        write_bytes(folder / _SAMPLES, _as_csv(samples))
        write_record(folder / _POINT, point)

    def read_point(self, point_id: str) -> tuple[Point, Samples] | None:
        """A complete point, or None."""
        folder = self.point_path(point_id)
        if not (folder / _POINT).is_file():
            return None
        return _read(folder / _POINT, Point), _from_csv(folder / _SAMPLES)

    def points(self) -> list[Point]:
        """The records of the complete points, in the order in which they were run."""
        names = [path.parent.name for path in self.path.glob(f"points/*/{_POINT}")]
        found = [
            _read(self.point_path(name) / _POINT, Point).model_copy(update={"id": name})
            for name in names
        ]
        return sorted(found, key=lambda point: (point.started_utc, point.id))

    def point_path(self, point_id: str) -> Path:
        """Folder of a point; a link is refused, since the run may have come in an archive.

        Raises:
            StateError: A link is in its way, or in it.
        """
        point = self.path / "points" / point_id
        for path in (point.parent, point, point / _SAMPLES, point / _POINT):
            if path.is_symlink():
                raise StateError(f"{path} is a link, and none is followed", hint=f"rm {path}")
        return point

    def write_prices(self, prices: PriceBook) -> None:
        """Keep the prices of the day, so that the report can be made again."""
        self._write("prices.json", prices)

    def read_prices(self) -> PriceBook:
        """The prices of the day of the run."""
        return _read(self.path / "prices.json", PriceBook)

    def write_searches(self, searches: list[Search]) -> None:
        """Write what the searches for a rate found."""
        for search in searches:
            self._write(f"search-{file_name(search.instance)}.json", search)

    def write_recommendations(self, found: Recommendations) -> None:
        """Keep what SageMaker's Inference Recommender said."""
        self._write(_RECOMMENDER, found)

    def read_recommendations(self) -> Recommendations | None:
        """What SageMaker's Inference Recommender said, if it was asked."""
        path = self.path / _RECOMMENDER
        return _read(path, Recommendations) if path.is_file() else None

    def write_server_figures(self, figures: ServerFigures) -> None:
        """Keep what the service measured by itself."""
        self._write(f"server-{file_name(figures.instance)}.json", figures)

    def _write(self, name: str, record: BaseModel) -> None:
        write_record(self.path / name, record)

    def _read_all(self, pattern: str, kind: type[_Record]) -> list[_Record]:
        return [_read(path, kind) for path in sorted(self.path.glob(pattern))]


def file_name(text: str) -> str:
    """A text as part of a file's name: what is not a letter, digit or dot becomes a hyphen."""
    return "".join(c if c.isalnum() or c == "." else "-" for c in text)


def _read(path: Path, kind: type[_Record]) -> _Record:
    hint = "it may be of another version of newsclf; newsclf loadtest makes a new one"
    parse = kind.model_validate_json
    found = find_record(path, parse, error=StateError, hint=hint, follow=True)
    if found is None:
        raise StateError(
            f"{path.parent}: no load test (it has no {path.name})",
            hint="newsclf loadtest prints the folder of its run",
        )
    return found


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
