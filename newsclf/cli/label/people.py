"""Let a person review headlines, in the terminal or on a page."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from newsclf.cli.signals import Ended, run_async

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.label.review.queue import ReviewItem
    from newsclf.label.review.session import Session

_PORT = 8091


@dataclass(frozen=True, kw_only=True)
class HumanOptions:
    """Options of labelling by hand."""

    PANEL: ClassVar = "Labels of a person"
    human: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Label by hand, under this name; the most useful first."),
    ] = None
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Model directory whose disagreement with the votes, and doubts, order the review.",
            show_default=False,
        ),
    ] = None
    page: Annotated[
        bool, typer.Option("--page", help="On a web page of this machine, not in the terminal.")
    ] = False
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the page; 0 takes a free one.")
    ] = _PORT
    show: Annotated[
        bool, typer.Option("--show", help="Show the labels of others before one's own decision.")
    ] = False


def check_can_review(output: Output, options: HumanOptions) -> None:
    """Raise ConfigError where neither a terminal nor a page was asked for that can be used."""
    from newsclf.cli.label.review import check_terminal

    if not options.page:
        check_terminal(output.console)


def review(
    output: Output, items: Sequence[ReviewItem], options: HumanOptions, journal: Path
) -> None:
    """Let a person decide about headlines, in the order given, until they quit."""
    from newsclf.cli.label.review import review_in_terminal
    from newsclf.cli.label.screen import summary
    from newsclf.common.visible import visible
    from newsclf.label.review.page.server import serving_review
    from newsclf.label.review.session import Session

    async def serve(session: Session) -> None:
        async with serving_review(session, port=options.port) as address:
            output.note(f"the page is at {address}; Ctrl-C ends the review", always=True)
            await asyncio.Event().wait()

    with Session(items, journal, options.human or "", show=options.show, ordered=True) as session:
        if options.page:
            try:
                run_async(serve(session))
            except Ended:
                raise
            except KeyboardInterrupt:
                pass
        else:
            review_in_terminal(session, output.console)
        output.note(visible(summary(session.progress()), keep="\n"))
