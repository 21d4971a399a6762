"""Kept results of a frontier, so that an interrupted one goes on and a longer one measures less.

    answers/<model>-<rows>.json      labels that a model gave to the rows
    unseen/<model>-<sets>/           report of `newsclf evaluate --on`
    speed/<model>-<load>/round-1/    raw samples of the loads, as in a load test's run
    speed/<model>-<load>/round-1/start-up.json   written last: the round is complete
    frontier.json  frontier.svg      the result

Names hold the beginning of digests: of the model's files; of the headlines and the runtime; of the
sets; of the loads, the machine and the software. So nothing is taken for what it is not.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from newsclf.common.errors import StateError
from newsclf.common.intervals import Interval
from newsclf.common.records import StrictRecord, find_record, write_record
from newsclf.common.state_dir import writing
from newsclf.frontier.records import Frontier
from newsclf.loadtest.store.run_folder import RunFolder

RESULT_FILE, CHART_FILE = "frontier.json", "frontier.svg"
_DIGITS = 12
_POINTS = 2
"""Of a round: full load and open load."""
_Record = TypeVar("_Record", bound=BaseModel)


class Answers(StrictRecord):
    """Labels that a model gave to the rows."""

    label_ids: list[int]


class UnseenScore(StrictRecord):
    """The mean macro-F1 over public test sets."""

    macro_f1: Interval
    mean_of: list[str]


class StartUp(StrictRecord):
    """Start of the server in one round."""

    seconds: float
    measured_on: str


class Store:
    """The folder of kept results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def answers(self, model: str, rows: str) -> Answers | None:
        """Answers that were kept."""
        return self._find(self._answers(model, rows), Answers)

    def keep_answers(self, model: str, rows: str, answers: Answers) -> None:
        """Keep the answers of a model."""
        _write(self._answers(model, rows), answers)

    def unseen(self, model: str, sets: str) -> UnseenScore | None:
        """The score on public test sets that was kept."""
        return self._find(self.unseen_folder(model, sets) / "mean.json", UnseenScore)

    def keep_unseen(self, model: str, sets: str, score: UnseenScore) -> None:
        """Keep the score on public test sets, beside the report."""
        _write(self.unseen_folder(model, sets) / "mean.json", score)

    def unseen_folder(self, model: str, sets: str) -> Path:
        """Folder of the report on public test sets."""
        return self.folder / "unseen" / f"{model[:_DIGITS]}-{sets[:_DIGITS]}"

    def round_folder(self, model: str, load: str, number: int) -> RunFolder:
        """Samples of one round of a model's loads."""
        name = f"{model[:_DIGITS]}-{load[:_DIGITS]}"
        return RunFolder(self.folder / "speed" / name / f"round-{number}")

    def start_up(self, round_folder: RunFolder) -> StartUp | None:
        """The start of a round that is complete; None for one whose samples are gone."""
        if len(round_folder.points()) < _POINTS:
            return None
        return self._find(round_folder.path / "start-up.json", StartUp)

    def discard(self, round_folder: RunFolder) -> None:
        """Remove a round, which is to be measured again."""
        if round_folder.path.is_dir():
            with writing(round_folder.path):
                shutil.rmtree(round_folder.path)

    def keep_start_up(self, round_folder: RunFolder, start_up: StartUp) -> None:
        """Complete a round."""
        _write(round_folder.path / "start-up.json", start_up)

    def _answers(self, model: str, rows: str) -> Path:
        return self.folder / "answers" / f"{model[:_DIGITS]}-{rows[:_DIGITS]}.json"

    def _find(self, path: Path, kind: type[_Record]) -> _Record | None:
        return find_record(
            path, kind.model_validate_json, error=StateError, hint=f"rm {path} measures it again"
        )


def read_frontier(folder: Path) -> Frontier | None:
    """The result in a folder; None without one.

    Raises:
        StateError: It is damaged, or of another version.
    """
    return find_record(
        folder / RESULT_FILE,
        Frontier.model_validate_json,
        error=StateError,
        hint="newsclf frontier writes it again",
        follow=True,
    )


def key_of(*parts: object) -> str:
    """SHA-256 of what decides a result, hexadecimal."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _write(path: Path, record: BaseModel) -> None:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_record(path, record)
