"""SageMaker's Inference Recommender beside a load test: two measurements of the same model."""

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
"""Starts a job that sends these requests; has it ended and cleaned up after itself."""


@contextmanager
def recommended(
    recommend: Recommend | None,
    bodies: Sequence[bytes],
    folder: RunFolder,
    goes_on: Callable[[], bool],
) -> Iterator[None]:
    """Run a job while our own measurement runs within, wait for it, and keep what it found.

    What goes wrong with a job that has begun is kept as its reason: what was measured is not lost
    for that. A run whose job was completed before, which is gone on with, gets no second one.

    Args:
        recommend: None: nothing is done.
        bodies: Requests to the endpoint.
        folder: Of the run.
        goes_on: Whether to go on waiting for it; once not, or if our own measurement fails, it is
            stopped.

    Raises:
        NewsclfError: it could not be started; nothing is left of it.
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
    found = Recommendations(
        job=job.name,
        region=job.region,
        instances=[],
        status="UNKNOWN",
        reason=None,
        found=[],
        raw={},
    )
    try:
        with running:
            found = job.finish(goes_on)
    except NewsclfError as error:
        said = f"{error.message} ({error.hint})" if error.hint else error.message
        return found.model_copy(update={"reason": said})
    return found
