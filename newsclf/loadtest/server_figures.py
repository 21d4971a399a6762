"""Read what a service measured by itself, once the load test has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from newsclf.common.errors import NewsclfError
from newsclf.deploy.hosting import ReadFigures
from newsclf.loadtest.analysis.server_side import window_of
from newsclf.loadtest.recommender import in_full
from newsclf.loadtest.store.run_folder import RunFolder
from newsclf.loadtest.store.samples import NEVER


def read_figures(
    readers: Mapping[str, ReadFigures], folder: RunFolder, goes_on: Callable[[], bool]
) -> str | None:
    """Read what the services measured under load, and keep it in the run's folder.

    Args:
        readers: Instance → what reads its figures.
        goes_on: Whether to go on waiting for figures that are not there yet.

    Returns:
        Why figures could not be read; None if all were. What the client measured is kept anyway.
    """
    run = folder.load()
    for instance, read in readers.items():
        points = [point for point in run.points if point.instance == instance]
        if not points:
            continue
        # From the first warm-up on, since its requests are counted as sent, too.
        begin = min(datetime.fromisoformat(point.started_utc) for point in points)
        end = max(window_of(point)[1] for point in points)
        sent = sum(int((run.samples(point.id)["sent_ns"] != NEVER).sum()) for point in points)
        try:
            figures = read(instance, (begin, end), sent, goes_on)
        except NewsclfError as error:
            return in_full(error)
        folder.write_server_figures(figures)
    return None
