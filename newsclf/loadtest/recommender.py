"""Run SageMaker's Inference Recommender beside a load test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

from newsclf.common.errors import NewsclfError
from newsclf.deploy.recommendations import Recommendations
from newsclf.loadtest.store.run_folder import RunFolder

if TYPE_CHECKING:
    from newsclf.deploy.aws.jobs.recommender import StartedJob

Recommend = Callable[[Sequence[bytes]], AbstractContextManager["StartedJob"]]
"""Starts a job that sends these requests; when the block ends, so has the job."""


@contextmanager
def recommended(
    recommend: Recommend | None,
    bodies: Sequence[bytes],
    folder: RunFolder,
    goes_on: Callable[[], bool],
) -> Iterator[None]:
    """Run a job beside the block, wait for its end, and keep what it found.

    A job that fails after its start is kept with the reason, so that the measurement is not lost. A
    resumed run whose job was completed gets no second one.

    Args:
        recommend: Starts the job; None: nothing is done.
        bodies: Requests to the endpoint.
        goes_on: Whether to go on waiting; the job is stopped when this turns false, or if the block
            fails.

    Raises:
        NewsclfError: The job could not be started; nothing is left of it.
    """
    before = folder.read_recommendations()
    if recommend is None or (before is not None and before.status == "COMPLETED"):
        yield
        return
    running = ExitStack()
    job = running.enter_context(recommend(bodies))
    measured = False
    try:
        yield
        measured = True
    finally:
        folder.write_recommendations(_end(running, job, lambda: measured and goes_on()))


def _end(running: ExitStack, job: StartedJob, goes_on: Callable[[], bool]) -> Recommendations:
    unseen = {"job": job.name, "region": job.region, "status": "UNKNOWN", "reason": None}
    found = Recommendations.model_validate({**unseen, "instances": [], "found": [], "raw": {}})
    try:
        with running:
            found = job.finish(goes_on)
    except NewsclfError as error:
        return found.model_copy(update={"reason": in_full(error)})
    return found


def in_full(error: NewsclfError) -> str:
    """Message of an error with its hint, for the record of a run."""
    return f"{error.message} ({error.hint})" if error.hint else error.message
