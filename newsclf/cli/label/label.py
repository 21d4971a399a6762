"""The command `newsclf label`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from newsclf.cli.label.asking import LlmOptions, ask_models
from newsclf.cli.label.headlines import WatchOptions, find_headlines, reads_stdin
from newsclf.cli.label.people import HumanOptions
from newsclf.cli.option_groups import grouped
from newsclf.cli.options import LabelledDataOptions, StateOptions
from newsclf.contract.labels import LABELS

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.common.settings import DataSettings
    from newsclf.data.examples import Example
    from newsclf.data.labelled import Vote
    from newsclf.label.labelling import Task, Votes

_EXAMPLES = 6
"""Rows of the training part that a prompt shows with their label."""


@dataclass(frozen=True, kw_only=True)
class TrustOptions:
    """Options of what the labels are measured by."""

    PANEL: ClassVar = "Trust"
    data: Annotated[
        str,
        typer.Option(
            metavar="SOURCE",
            help="Labelled data to train with: hidden rows and examples come from its training"
            " part, and what resembles its validation and test part is not labelled.",
        ),
    ] = "headlines"
    gold_share: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of hidden rows of known label.")
    ] = 0.1
    gate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIGURE=MIN",
            help="Least accuracy, kappa, alpha or recall on the hidden rows, below which no"
            " training takes the file.",
            show_default="kappa=0.7",
        ),
    ] = None


@grouped
def label(
    *,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="Headlines to label, or - for stdin.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Labelled file, or what --audit with --human makes of a file of another kind.",
            show_default="labelled.jsonl",
        ),
    ] = None,
    audit: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Rank the rows of any labelled file by doubt; with --human, have them reviewed and"
            " corrected so.",
        ),
    ] = None,
    worth: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Say what 1,000 more labels like those of a labelled file, or of any data that"
            " train takes, would bring at what cost, and end.",
        ),
    ] = None,
    price_per_label: Annotated[
        str | None,
        typer.Option(
            metavar="USD",
            help="Price of a label, for --worth.",
            show_default="what the file's labels have cost",
        ),
    ] = None,
    base: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="What reads the rows for --audit and --worth: a model or a base.",
        ),
    ] = "minilm",
    seed: Annotated[int, typer.Option(min=0, help="Chooses hidden rows, order, and folds.")] = 0,
    reading: LabelledDataOptions,
    watch: WatchOptions,
    llm: LlmOptions,
    human: HumanOptions,
    trust: TrustOptions,
    general: StateOptions,
) -> None:
    """Label headlines with an LLM or by hand, and measure the labels on hidden rows.

    Hidden rows of known label are mixed in; accuracy and kappa on them are the file's audit, which
    newsclf train --extra asks for. A run that was ended goes on where it stopped, and pays for
    nothing twice.
    """
    output = general.start()
    from newsclf.cli.label.scores import show_scores
    from newsclf.cli.label.worth_view import show_worth
    from newsclf.common.errors import ConfigError
    from newsclf.common.settings import ReadingSettings
    from newsclf.label.firewall import held_out_texts
    from newsclf.label.gate import check_gate, parse_gate
    from newsclf.label.gold import gold_source
    from newsclf.label.labelling import (
        joined,
        journal_path,
        make_task,
        votes_of_models,
        votes_of_people,
        write_labels,
    )
    from newsclf.label.llm.prompt import make_prompt
    from newsclf.label.review.journal import read_decisions

    if audit is not None:
        if file is not None or llm.llm or human.model is not None:
            raise ConfigError(
                "--audit takes neither headlines nor --llm nor --model",
                hint=f"newsclf label --audit {audit}; --base names the model that doubts",
            )
        rows = general.settings(data={"source": str(audit), **reading.flags()}).data
        _audit(output, rows, human, trust, out=out, base=base, seed=seed)
        return
    if worth is not None:
        labels = general.settings(data={"source": worth, **reading.flags()}).data
        show_worth(output, labels, base=base, price=price_per_label, seed=seed)
        return
    out = out or Path("labelled.jsonl")
    if not (llm.llm or human.human):
        raise ConfigError(
            "who labels the headlines?",
            hint="newsclf label headlines.csv --llm MODEL, or --human NAME",
        )
    if human.human and not human.page:
        _check_keyboard(output, file)
    gate = parse_gate(trust.gate or ["kappa=0.7"])
    settings = general.settings(data=reading.flags())
    headlines = find_headlines(output, settings, file, watch)
    # The options of reading rows are of FILE; those of labels are of --data, as of `train --data`.
    of_labels = {
        name: value
        for name, value in reading.flags().items()
        if name not in ReadingSettings.model_fields
    }
    trusted = general.settings(data={**of_labels, "source": trust.data}).data
    source = gold_source(trusted)
    examples = _examples(source.examples)
    task = make_task(
        headlines,
        held_out=held_out_texts([trusted]),
        gold=source,
        gold_share=trust.gold_share,
        seed=seed,
        shown=[example.text for example in examples],
    )
    _note_task(output, task)
    _check_same_headlines(output, out, task)
    out.parent.mkdir(parents=True, exist_ok=True)
    journal = journal_path(out)

    def by_people() -> Votes:
        return votes_of_people(out, read_decisions(journal))

    by_people()  # says that they can't be read before anything is paid for
    by_models: Mapping[str, Sequence[Vote]] = votes_of_models(out)
    if llm.llm:
        by_models = ask_models(output, task.mixed.texts, llm, make_prompt(examples), out)
    if human.human:
        _review(output, task, joined(by_models, by_people()), human, journal, seed=seed)
    if not llm.llm:  # a review takes hours, in which an LLM's run may have written its votes
        by_models = votes_of_models(out)
    votes = joined(by_models, by_people())
    found = write_labels(out, task, votes, gate=gate)
    show_scores(output, out, found)
    check_gate(found, out)


def _audit(
    output: Output,
    data: DataSettings,
    human: HumanOptions,
    trust: TrustOptions,
    *,
    out: Path | None,
    base: str,
    seed: int,
) -> None:
    """Rank labels by doubt; with --human, have them reviewed."""
    from newsclf.cli.label.doubts import review_doubts, show_doubts
    from newsclf.label.gate import parse_gate

    if human.human:
        gate = parse_gate(trust.gate) if trust.gate else None
        review_doubts(output, data, human, out=out, base=base, seed=seed, gate=gate)
    else:
        show_doubts(output, data, base=base, seed=seed)


def _check_keyboard(output: Output, file: Path | None) -> None:
    """Raise ConfigError unless a person can press keys, before an LLM is paid."""
    from newsclf.cli.label.review import check_terminal
    from newsclf.common.errors import ConfigError

    if reads_stdin(file):
        raise ConfigError(
            "--human reads keys from stdin, so headlines can't come from there",
            hint="name a file of headlines, or add --page",
        )
    check_terminal(output.console)


def _examples(rows: Sequence[Example]) -> list[Example]:
    """Short rows of each class in turn: they cost least."""
    shortest = sorted(rows, key=lambda row: (len(row.text), row.text))
    of_each = [[row for row in shortest if row.label_id == i] for i in range(len(LABELS))]
    by_class = [rows for rows in of_each if rows]
    return [row for together in zip(*by_class, strict=False) for row in together][:_EXAMPLES]


def _note_task(output: Output, task: Task) -> None:
    from newsclf.data.examples import counted

    headlines = len(task.mixed.texts) - len(task.mixed.gold)
    hidden = counted(len(task.mixed.gold), "hidden row", "hidden rows")
    left_out = {
        "without a headline, or with one that is too long": task.headlines.unusable,
        "repeated": task.repeated,
        "like held-out headlines": task.firewall,
    }
    without = ", ".join(f"{count:,} {why}" for why, count in left_out.items() if count)
    output.note(
        f"{headlines:,} of {counted(task.headlines.rows, 'headline', 'headlines')} to label"
        + (f" ({without})" if without else "")
        + f", and {hidden} of known label ({task.mixed.gold_name})"
    )


def _check_same_headlines(output: Output, out: Path, task: Task) -> None:
    """Raise ConfigError if a labelled file would be replaced by one of other headlines."""
    from newsclf.common.errors import ConfigError
    from newsclf.data.labelled import read_labelled

    there = {row.text for row in read_labelled(out)} if out.exists() else set()
    gone = len(there.difference(task.mixed.texts))
    if there and gone == len(there):
        raise ConfigError(
            f"{out} has the labels of other headlines than those of {task.headlines.name}",
            hint="--out names another file",
        )
    if gone:
        output.note(
            f"{gone:,} headlines of {out} are no longer among these, and leave it; answers and"
            " decisions about them are kept"
        )


def _review(
    output: Output,
    task: Task,
    votes: Mapping[str, Sequence[Vote]],
    options: HumanOptions,
    journal: Path,
    *,
    seed: int,
) -> None:
    """Let a person decide, the most useful headlines first."""
    from newsclf.cli.label.people import review
    from newsclf.label.review.model import with_probabilities
    from newsclf.label.review.queue import ReviewItem, order_with_hidden

    items = [ReviewItem(text, tuple(votes.get(text, ()))) for text in task.mixed.texts]
    if options.model is not None:
        items = with_probabilities(items, options.model)
    review(output, order_with_hidden(items, task.mixed.gold, seed=seed), options, journal)
