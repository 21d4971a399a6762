"""Program in the container of a training job.

`python3 -m newsclf.training.sagemaker.container /opt/ml` reads and writes:

    /opt/ml/input/data/inputs/request.json    the training request
    /opt/ml/input/data/inputs/data/…          the data, unless they ship in the package
    /opt/ml/input/data/inputs/base/…          the base, unless it is on the Hub
    /opt/ml/input/data/inputs/teacher/…       the teacher's model directory, if there is a teacher
    /opt/ml/input/data/inputs/unlabelled/…    the headlines without labels
    /opt/ml/input/data/inputs/labelled/…      the labelled file, and its audit
    /opt/ml/checkpoints/state.tar             the state of the run after its last epoch
    /opt/ml/model/                            the finished model directory

SageMaker copies each file of `checkpoints/` to S3 as it changes, in an unspecified order, and back
before a spot job resumes on another machine. So the state is a single file, replaced atomically.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from newsclf.common.errors import NewsclfError
from newsclf.common.files import write_text
from newsclf.data.examples import remarks_on
from newsclf.data.labelled import audit_path
from newsclf.training.base import Base
from newsclf.training.folder import (
    LOCK_FILE,
    TrainRequest,
    interrupted_request,
    work_folder,
)
from newsclf.training.run import LocalCopies, TrainResult, train
from newsclf.training.sagemaker.files import INPUTS

if TYPE_CHECKING:
    from newsclf.data.examples import LabelledData, Split
    from newsclf.model.card import CardDistillation, CardExtra
    from newsclf.training.checkpoint import EpochResult
    from newsclf.training.loop import StepProgress

REQUEST: Final = "request.json"
BASE_RECORD: Final = "base.json"
DATA, BASE, TEACHER = "data", "base", "teacher"
UNLABELLED, LABELLED = "unlabelled", "labelled"
LINE_START: Final = "newsclf: "
"""Prefix of newsclf's own lines in the log, which also has those of pip and the container."""
_STATE: Final = "state.tar"
_REASON_CHARS: Final = 1024
"""Length to which SageMaker cuts `/opt/ml/output/failure` for the job's FailureReason. Source: its
API reference."""

log = logging.getLogger(__name__)


def main() -> None:
    """Train, and write the model directory; on failure write the reason and exit with 1."""
    logging.basicConfig(
        stream=sys.stdout, level=logging.ERROR, format=f"{LINE_START}%(message)s", force=True
    )
    log.setLevel(logging.INFO)
    root = Path(sys.argv[1])
    try:
        run(root / "input" / "data" / INPUTS, root / "checkpoints", root / "model")
    except NewsclfError as error:
        failure = root / "output" / "failure"
        failure.parent.mkdir(parents=True, exist_ok=True)
        write_text(failure, error.message[:_REASON_CHARS])
        log.error(error.message)  # noqa: TRY400 - a sentence, no traceback
        sys.exit(1)


def run(inputs: Path, checkpoints: Path, model: Path) -> TrainResult:
    """Train as requested in `inputs`; resume from the checkpoint if there is one."""
    with tempfile.TemporaryDirectory(prefix="newsclf-") as scratch:
        request = TrainRequest.model_validate_json((inputs / REQUEST).read_text(encoding="utf-8"))
        settings = request.settings.model_copy(
            update={"model": Path(scratch) / "model", "state_dir": Path(scratch) / "state"}
        )
        request = request.model_copy(update={"settings": settings})
        work = work_folder(settings.model)
        begun = _restore(checkpoints / _STATE, work)
        if begun:
            chosen = interrupted_request(settings.model).settings.train
            request = request.computed_on(chosen.device, chosen.precision)
        callbacks = _Log(work, checkpoints / _STATE, epochs=settings.train.epochs)
        result = train(request, callbacks, resume=begun, copies=_local_copies(inputs))
        shutil.copytree(settings.model, model, dirs_exist_ok=True, copy_function=shutil.copyfile)
    log.info("finished; rows_per_s=%.1f", result.rows_per_s)
    return result


def _local_copies(inputs: Path) -> LocalCopies:
    data, unlabelled = (
        next(iter((inputs / folder).glob("*")), None) for folder in (DATA, UNLABELLED)
    )
    teacher = inputs / TEACHER
    base, record = None, inputs / BASE_RECORD
    if record.is_file():
        named = json.loads(record.read_text(encoding="utf-8"))
        base = Base(named["name"], inputs / BASE, named["revision"])
    labelled = next(
        (path for path in (inputs / LABELLED).glob("*") if audit_path(path).is_file()), None
    )
    return LocalCopies(data, base, teacher if teacher.is_dir() else None, unlabelled, labelled)


class _Log:
    """Callbacks that log the progress, and keep the state of the run after each epoch."""

    def __init__(self, work: Path, state: Path, *, epochs: int) -> None:
        self._work = work
        self._epochs = epochs
        self._state = state

    def on_data(self, data: LabelledData, parts: Split) -> None:
        log.info(
            "%s: %d rows to train on, %d for validation, %d held out",
            data.name,
            len(parts.train),
            len(parts.validation),
            len(parts.test),
        )
        for remark in remarks_on(data):
            log.info("%s", remark)

    def on_extra(self, extra: CardExtra) -> None:
        log.info("%d more rows to train on, of %s", sum(extra.rows.values()), extra.name)

    def for_teacher(self, _: int, /) -> _Log:
        """Not called: a job's teacher has been trained before."""
        return self

    def on_lesson(self, lesson: CardDistillation) -> None:
        log.info("teacher %s, %d unlabelled headlines", lesson.teacher, lesson.unlabelled_rows)

    def on_step(self, now: StepProgress) -> None:
        """Log ten times in the run."""
        if now.step % max(1, now.steps // 10) == 0:
            log.info(
                "seed %d, step %d of %d, %.0f rows/s", now.seed, now.step, now.steps, now.rows_per_s
            )

    def on_epoch(self, seed: int, result: EpochResult) -> None:
        keep_state(self._work, self._state)
        log.info(
            "seed %d, epoch %d of %d: training_loss=%.4f; validation_loss=%.4f; accuracy=%.4f;"
            " macro_f1=%.4f;",
            seed,
            result.epoch,
            self._epochs,
            result.train_loss,
            result.validation_loss,
            result.accuracy,
            result.macro_f1,
        )


def keep_state(work: Path, state: Path) -> None:
    """Write the folder of a run into an archive, atomically."""
    state.parent.mkdir(parents=True, exist_ok=True)
    # Under one name, since SageMaker copies it to S3 while it is written, and keeps it there; and
    # opened exclusively, so that no link leads the bytes elsewhere.
    partial = state.with_name(f"{state.name}.tmp")
    partial.unlink(missing_ok=True)
    with partial.open("xb") as file, tarfile.open(fileobj=file, mode="w") as archive:
        for path in sorted(work.iterdir()):
            if path.name != LOCK_FILE:
                archive.add(path, path.name)
    partial.replace(state)


def _restore(state: Path, work: Path) -> bool:
    """Unpack the state of an interrupted run; False if no state was saved."""
    if not state.is_file():
        return False
    with tarfile.open(state) as archive:
        archive.extractall(work, filter="data")
    log.info("resuming from the checkpoint of an interrupted machine")
    return True


if __name__ == "__main__":
    main()
