"""The command `newsclf data overlap`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from newsclf.cli.failures import HELP_NAMES, Group, with_examples
from newsclf.cli.option_groups import grouped
from newsclf.cli.options import LabelledDataOptions, OverwriteOpt, ResultOptions

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.data.overlap_report import OverlapReport, Pair
    from newsclf.data.sources import Part

data = typer.Typer(
    name="data", cls=Group, context_settings=HELP_NAMES, help="Examine collections of headlines."
)
_SHOWN_CHARACTERS = 100


@data.callback()
def _only_subcommands() -> None:
    """Keep the name of the only command; without this Typer would leave it out."""


@data.command(
    **with_examples(
        "newsclf data overlap phrasebank news.csv",
        "newsclf data overlap train.csv test.jsonl --fail-above 0 --output pairs.csv",
        "newsclf data overlap headlines",
    )
)
@grouped
def overlap(
    *,
    first: Annotated[
        str, typer.Argument(metavar="A", help="Headlines, such as those of a training.")
    ],
    second: Annotated[
        str | None,
        typer.Argument(
            metavar="[B]",
            help="Headlines that should be new, such as a test set. Without them, the parts of A"
            " are compared.",
            show_default=False,
        ),
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(
            metavar="PART:PART",
            help="Compare only this part of A and this part of B: train, validation or test.",
            show_default="train:test without B, else all headlines",
        ),
    ] = None,
    fail_above: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            min=0,
            max=1,
            help="Highest share of B that A may contain, from 0 to 1; exit code 6 if exceeded.",
        ),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write all pairs to a .csv file."),
    ] = None,
    examples: Annotated[
        int, typer.Option(min=0, help="Number of pairs of each kind to print.")
    ] = 3,
    reading: LabelledDataOptions,
    overwrite: OverwriteOpt = False,
    general: ResultOptions,
) -> None:
    """Check headlines for contamination: which of B does A contain, perhaps reworded?

    A and B are whatever train --data takes; only parts need labels. Headlines of B are counted by
    their strongest likeness to one of A: identical; normalised, the same letters and digits;
    numbers, the same but for numbers; near, at least half of the words and pairs of words in
    common; run, seven words in a row in common.
    """
    output = general.start()
    from newsclf.data.examples import counted
    from newsclf.data.overlap_report import OverlapRequest, check_share, report_overlap

    flags = reading.flags()
    if second is None and parts is None:
        parts = "train:test"
    found = report_overlap(
        OverlapRequest(
            first=general.settings(data={"source": first, **flags}).data,
            second=general.settings(
                data={"source": first if second is None else second, **flags}
            ).data,
            parts=None if parts is None else _parts(parts),
            examples=examples,
            output=target,
            overwrite=overwrite,
        )
    )
    _show(output, found)
    if target is not None:
        output.note(f"{counted(found.contained, 'pair', 'pairs')} → {target}")
    if fail_above is not None:
        check_share(found, fail_above)


def _parts(value: str) -> tuple[Part, Part]:
    from newsclf.common.errors import ConfigError
    from newsclf.data.sources import Part

    names = value.split(":")
    if len(names) != 2 or not set(names) <= set(get_args(Part)):  # noqa: PLR2004 - two parts
        raise ConfigError(
            f"--parts {value}: not two of {', '.join(get_args(Part))}",
            hint="--parts train:test compares the training part of A with the test part of B",
        )
    return cast("Part", names[0]), cast("Part", names[1])


def _show(output: Output, found: OverlapReport) -> None:
    output.data(found.model_dump(mode="json"))
    for note in found.notes:
        output.note(note)
    rows: list[tuple[str, str, str]] = [
        (kind, f"{n:,}", _share(n, found)) for kind, n in found.kinds.items()
    ]
    rows.append(("in all", f"{found.contained:,}", _share(found.contained, found)))
    first, second = found.first, found.second
    title = (
        f"Headlines of B, {second.name} ({second.headlines:,}), that are contained in A,"
        f" {first.name} ({first.headlines:,})"
    )
    if found.examples:
        lines = [line for pair in found.examples for line in _lines(pair)]
        columns = ["headline", "row", "kind", "similarity"]
        output.show(output.table("Examples", columns, lines), "")
    output.show(output.table(title, ["", "headlines", "share"], rows))


def _lines(pair: Pair) -> list[tuple[str, str, str, str]]:
    first, second = (
        text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"
        for text in (pair.first_text, pair.second_text)
    )
    return [
        (second, f"B {pair.second_row:,}", pair.kind, f"{pair.similarity:.2f}"),
        (first, f"A {pair.first_row:,}", "", ""),
    ]


def _share(count: int, found: OverlapReport) -> str:
    return f"{100 * count / max(1, found.second.headlines):.2f} %"
