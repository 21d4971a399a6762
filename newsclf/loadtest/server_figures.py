"""What a service measured by itself under a load test, read when the test has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from newsclf.common.errors import NewsclfError
from newsclf.deploy.server_figures import ServerFigures
from newsclf.loadtest.analysis.server_side import window_of
from newsclf.loadtest.store.run_folder import RunFolder
from newsclf.loadtest.store.samples import NEVER

ReadFigures = Callable[[str, tuple[datetime, datetime], int, Callable[[], bool]], ServerFigures]
"""From an instance, the time of its load, the requests sent, and whether to go on waiting for what
is not there yet, to what the service measured."""


def read_figures(
    readers: Mapping[str, ReadFigures | None], folder: RunFolder, goes_on: Callable[[], bool]
) -> str | None:
    """Read what the services measured under load, and keep it in the run's folder.

    Args:
        readers: By instance; None where the service measures nothing.
        folder: Of the run.
        goes_on: Whether to wait for figures that are missing; once not, what is there is taken.

    Returns:
        Why something could not be read, if so: what the client measured is not lost for that.
    """
    for instance, read in readers.items():
        if read is None:
            continue
        windows, sent = [], 0
        for point, samples in folder.points():
            if point.instance == instance:
                windows.append(window_of(point))
                sent += int((samples["sent_ns"] != NEVER).sum())
        if not windows:
            continue
        window = min(begin for begin, _ in windows), max(end for _, end in windows)
        try:
            figures = read(instance, window, sent, goes_on)
        except NewsclfError as error:
            return f"{error.message} ({error.hint})" if error.hint else error.message
        folder.write_server_figures(figures)
    return None
