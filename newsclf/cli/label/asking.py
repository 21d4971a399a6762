"""Ask language models for `newsclf label`: its options, its progress, its cost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from newsclf.cli.option_values import usd
from newsclf.cli.options import ProfileOpt, RegionOpt
from newsclf.cli.signals import run_async
from newsclf.data.examples import counted

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.data.labelled import Vote
    from newsclf.label.labelling import Votes
    from newsclf.label.llm.naming import KeySource
    from newsclf.label.llm.plan import LlmEstimate
    from newsclf.label.llm.prompt import Prompt
    from newsclf.label.llm.run import LlmProgress, LlmTotals, LlmVotes


@dataclass(frozen=True, kw_only=True)
class LlmOptions:
    """Options of labelling with an LLM."""

    PANEL: ClassVar = "Labels of an LLM"
    llm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="Ask MODEL of OpenAI, MODEL@https://HOST/v1, or bedrock:MODEL; repeatable.",
        ),
    ] = None
    key_env: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[HOST=]NAME",
            help="Environment variable with the API key; with several servers, one for each host"
            " or model.",
            show_default="OPENAI_API_KEY",
        ),
    ] = None
    key_file: Annotated[
        list[str] | None,
        typer.Option(metavar="[HOST=]FILE", help="File with the API key, likewise."),
    ] = None
    region: RegionOpt = None
    profile: ProfileOpt = None
    votes: Annotated[int, typer.Option(min=1, max=100, help="Votes on each headline.")] = 1
    concurrency: Annotated[
        int, typer.Option(min=1, max=256, help="Requests to a model at a time.")
    ] = 8
    max_answer_tokens: Annotated[
        int,
        typer.Option(
            min=8,
            max=100_000,
            metavar="N",
            help="Tokens that an answer may have; a model that reasons needs some thousands.",
        ),
    ] = 64
    max_cost: Annotated[
        str | None,
        typer.Option(metavar="USD", help="What all runs into this file may cost together."),
    ] = None
    price: Annotated[
        str | None,
        typer.Option(
            "--price-per-million",
            metavar="IN,OUT",
            help="USD for a million tokens of prompts and of answers.",
            show_default="by configs/llm_prices.toml",
        ),
    ] = None

    def keys(self) -> list[KeySource]:
        """Where the keys are."""
        from newsclf.label.llm.naming import KeySource

        return [
            *(KeySource(variable=name, server=server) for server, name in _sources(self.key_env)),
            *(
                KeySource(file=Path(name), server=server)
                for server, name in _sources(self.key_file)
            ),
        ]


def _sources(given: Sequence[str] | None) -> Iterator[tuple[str | None, str]]:
    """Server, if one is named, and variable or file."""
    for text in given or ():
        server, equals, name = text.partition("=")
        yield (server, name) if equals else (None, text)


def ask_models(
    output: Output, texts: Sequence[str], options: LlmOptions, prompt: Prompt, out: Path
) -> dict[str, tuple[Vote, ...]]:
    """Ask the models for their votes, within the limit on cost.

    Args:
        output: Gets the estimate, the progress and the total.
        texts: Headlines, hidden rows among them.
        options: Models, keys, limits.
        prompt: Instructions and examples.
        out: The labelled file, beside which the journal of all answers lies.

    Raises:
        ConfigError: An option can't be used.
        RequestRejectedError: A model takes no request.
        ServiceError: A model can't be reached, fails all the time, or asks to wait for long.
        DataError: The journal can't be read or written.
    """
    from newsclf.label.llm.journal import Journal
    from newsclf.label.llm.naming import Connecting, open_models
    from newsclf.label.llm.plan import LlmAnnotator, LlmSettings, estimate
    from newsclf.label.llm.prices import load_prices, price_from
    from newsclf.label.llm.run import annotate

    settings = LlmSettings(
        votes=options.votes,
        concurrency=options.concurrency,
        max_answer_tokens=options.max_answer_tokens,
        max_cost_usd=None if options.max_cost is None else usd(options.max_cost, "--max-cost"),
    )
    connecting = Connecting(
        region=options.region, profile=options.profile, connections=options.concurrency
    )
    models = open_models(options.llm or [], options.keys(), os.environ, connecting)
    table = load_prices()
    annotators = [
        LlmAnnotator(
            model,
            price_from(options.price)
            if options.price is not None
            else table.price(model.model, model.provider),
        )
        for model in models
    ]

    async def ask(on_progress: Callable[[LlmProgress], None]) -> LlmVotes:
        try:
            return await annotate(
                texts, annotators, prompt, settings, journal, on_progress=on_progress
            )
        finally:
            for model in models:
                await model.close()

    with Journal(out.with_name(f"{out.name}.answers")) as journal:
        if journal.damaged_lines:
            output.note(
                f"{counted(journal.damaged_lines, 'damaged line', 'damaged lines')} of"
                f" {journal.path.name} left out; answers in them are asked for again"
            )
        expected = estimate(texts, annotators, prompt, settings, journal)
        output.note(_plan(expected))
        with _progress(output) as on_progress:
            found = run_async(ask(on_progress))
    _note_totals(output, found.totals)
    _note_left_out(output, out, found.votes)
    return found.votes


def _note_left_out(output: Output, out: Path, votes: Votes) -> None:
    """Say whose votes the labelled file will lose: those of models that --llm does not name."""
    from newsclf.label.labelling import votes_of_models

    before, now = (
        {vote.annotator for each in found.values() for vote in each}
        for found in (votes_of_models(out), votes)
    )
    if left_out := sorted(before - now):
        output.note(
            f"{out.name} loses the votes of {', '.join(left_out)}, which --llm does not name;"
            " naming them again brings the votes back without another request"
        )


@contextmanager
def _progress(output: Output) -> Iterator[Callable[[LlmProgress], None]]:
    """Show a bar with the votes done, those without a label, the cost and the time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("votes"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]:,} without a label, ${task.fields[spent_usd]:.4f}"),
        TimeRemainingColumn(),
    )
    with output.progress(*columns) as progress:
        task = progress.add_task("", total=None, failed=0, spent_usd=Decimal(0))
        yield lambda now: progress.update(
            task,
            completed=now.done,
            total=now.total,
            failed=now.failed,
            spent_usd=now.spent_usd,
        )


def _plan(expected: LlmEstimate) -> str:
    """What will be asked, and what for."""
    from newsclf.data.examples import counted

    paid = counted(expected.cached, "vote is", "votes are") + " there already"
    if not expected.requests:
        return f"{paid}; nothing is asked"
    return (
        counted(expected.requests, "request", "requests")
        + (f" ({paid})" if expected.cached else "")
        + f", about ${expected.usd:.4f}, at most ${expected.most_usd:.4f} if none is repeated"
    )


def _note_totals(output: Output, totals: LlmTotals) -> None:
    if totals.cached and not (totals.answered or totals.not_asked or totals.failed):
        return
    from newsclf.data.examples import counted

    failed = ", ".join(f"{count:,} {reason}" for reason, count in totals.failed.items())
    output.note(
        counted(totals.answered, "vote", "votes")
        + f" for ${totals.cost_usd:.4f}"
        + (
            f", and at most ${totals.unreported_usd:.4f} more, which the server did not report"
            if totals.unreported_usd
            else ""
        )
        + (f"; without a label: {failed}" if failed else "")
        + (f"; {totals.not_asked:,} not asked for, within --max-cost" if totals.not_asked else "")
    )
