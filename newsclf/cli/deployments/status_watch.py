"""Follow the status of deployments: redrawn on a terminal, elsewhere printed when it changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from newsclf.cli.console import redraws
from newsclf.cli.deployments.status_view import Seen, view_of
from newsclf.cli.signals import Ended
from newsclf.common.visible import visible

if TYPE_CHECKING:
    from rich.console import RenderableType

    from newsclf.cli.console import Output

_EVERY_S, _EVERY_WITH_AWS_S = 2.0, 10.0
_GROWING = {"uptime_s", "requests", "age_s", "usd_so_far"}
"""What differs at each look, and is no change by itself."""


def follow(output: Output, look: Callable[[], Seen]) -> None:
    """Show what each look sees until Ctrl-C, or until nothing reads stdout any more.

    A terminal shows the newest. Elsewhere a block is printed for each change, with --json a line:
    `{"at", "deployments", "errors"}`. What can't be read is shown, too, and tried again.

    Raises:
        NewsclfError: The first look has seen nothing but errors, or a look has failed.
        BrokenPipeError: Nothing reads stdout any more.
    """
    seen = look()
    if not (seen.here or seen.on_aws):
        output.raise_all(seen.problems)
    try:
        with _shown(output) as show:
            while True:
                show(seen)
                with_aws = bool(seen.on_aws or seen.problems)
                output.wait(_EVERY_WITH_AWS_S if with_aws else _EVERY_S)
                seen = look()
    except Ended:
        raise
    except KeyboardInterrupt:
        return


@contextmanager
def _shown(output: Output) -> Iterator[Callable[[Seen], None]]:
    if output.as_json or not redraws(output.console):
        yield _printing(output)
        return
    from rich.live import Live

    latest = Seen()
    with Live(console=output.console, screen=True, refresh_per_second=1) as live:

        def draw(seen: Seen) -> None:
            nonlocal latest
            latest = seen
            live.update(_drawing(output, seen), refresh=True)

        try:
            yield draw
        finally:
            live.stop()
            _print(output, latest)


def _printing(output: Output) -> Callable[[Seen], None]:
    """Print what has changed since the last call."""
    last: object = None

    def show(seen: Seen) -> None:
        nonlocal last
        state = [
            *({k: v for k, v in each.items() if k not in _GROWING} for each in seen.documents()),
            *(each.message for each in seen.problems),
        ]
        if state != last:
            last = state
            _print(output, seen)

    return show


def _print(output: Output, seen: Seen) -> None:
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    if output.as_json:
        errors = [{"message": each.message, "hint": each.hint} for each in seen.problems]
        output.data({"at": at, "deployments": seen.documents(), "errors": errors}, indent=None)
        return
    output.show(at)
    view_of(output, seen).show(output)
    for each in seen.problems:
        output.error(each.message, each.hint)
    output.show("")


def _drawing(output: Output, seen: Seen) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    view = view_of(output, seen)
    now = dt.datetime.now().astimezone()
    return Group(
        Text(f"{now:%H:%M:%S}  Ctrl-C ends it", "dim"),
        *(Text(visible(each)) if isinstance(each, str) else each for each in view.shown),
        *(Text(visible(each), "dim") for each in view.notes),
        *(Text(f"error: {visible(each.message)}", "red") for each in seen.problems),
    )
