"""The command `newsclf predict`."""

from __future__ import annotations

import io
import json
import math
import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from newsclf.cli.classify.predict_batch import BatchOptions, predict_batch
from newsclf.cli.option_groups import grouped, options_given
from newsclf.cli.option_values import typed
from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    ModelOpt,
    OverwriteOpt,
    ReadingOptions,
    StateOptions,
    deployment_option,
)
from newsclf.contract.requests import confidence_problem
from newsclf.data.sink import StreamFormat

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.predict.answer import Asked
    from newsclf.predict.classifier import Classifier

_STDIN = "-"
_LONGEST_PATH = 1024
"""Length of arguments up to which they are checked for being files."""
_FEW_WORDS = 2
"""Number of one-word arguments above which they are probably one headline without quotes."""


def _confidence(text: str | float) -> float:
    """Read a probability.

    Raises:
        ValueError: It is not a number above 0 and at most 1.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if problem := confidence_problem(value):
        raise ValueError(problem)
    return value


@dataclass(frozen=True, kw_only=True)
class AnswerOptions:
    """Options for what is said of each headline."""

    min_confidence: Annotated[
        float | None,
        typer.Option(
            parser=_confidence,
            metavar="P",
            help="Flag predictions as uncertain if their highest probability is below this.",
        ),
    ] = None
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Weigh the words: how much less probable the label is without each of them.",
        ),
    ] = False


@grouped
def predict(
    *,
    headlines: Annotated[
        list[str] | None,
        typer.Argument(metavar="[HEADLINE]...", help="Headlines, or - to read them from stdin."),
    ] = None,
    model: ModelOpt = None,
    deployment: Annotated[
        str | None, deployment_option("Deployment that classifies.", "news, if it exists")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="Classify the rows of a file; - for stdin, or s3://… for a batch job on AWS.",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write rows with their scores to a .csv, .tsv, .jsonl or .parquet file.",
            show_default="stdout",
        ),
    ] = None,
    stream_format: Annotated[
        StreamFormat | None,
        typer.Option(
            "--format",
            "-f",
            help="Write rows to stdout in this format.",
            show_default="csv with --input",
        ),
    ] = None,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            help="Leave the scores of unusable rows empty instead of stopping; rows that cannot be"
            " parsed are left out.",
        ),
    ] = False,
    answers: AnswerOptions,
    reading: ReadingOptions,
    header_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File with a token for a deployment whose API requires one."
        ),
    ] = None,
    batch: BatchOptions,
    overwrite: OverwriteOpt = False,
    general: StateOptions,
) -> None:
    """Classify headlines: given as arguments, on stdin, or in a file of any size.

    Headlines go to the deployment if there is one, else to the model directory. Files go to the
    model directory unless --deployment is given. Stdin is read if there are neither arguments nor
    --input. From s3://… to s3://… a batch job on AWS scores lines of {"inputs": "headline"} with
    the deployment's model.
    """
    output = general.start()
    from newsclf.cli.classify import predict_rows
    from newsclf.cli.classify.predict_source import find_classifier
    from newsclf.common.errors import ConfigError
    from newsclf.predict.answer import Asked
    from newsclf.predict.run import RowsRequest, ScoreRequest

    settings = general.settings(model=model, data=reading.flags())
    if any(place is not None and place.startswith("s3://") for place in (source, target)):
        others = {
            "headlines": headlines,
            "--model": model,
            "--format": stream_format,
            "--skip-bad": skip_bad,
            "--header-file": header_file,
            "--overwrite": overwrite,
        }
        given = [*options_given(answers), *options_given(reading)]
        given += [name for name, value in others.items() if value]
        if given:
            raise ConfigError(
                f"{', '.join(given)}: not for a batch job, which writes the endpoint's answers",
                hint="leave them out, or name files with --input and --output",
            )
        name = deployment or DEFAULT_DEPLOYMENT
        predict_batch(output, settings.state_dir, name, source, target, options=batch)
        return
    if given := options_given(batch):
        raise ConfigError(
            f"{', '.join(given)}: only for a batch job from s3://… to s3://…",
            hint="leave them out, or name places on S3 with --input and --output",
        )
    if model is not None and deployment is not None:
        raise ConfigError(
            "--model and --deployment: only one of them can classify", hint="leave one of them out"
        )
    if stream_format is not None and target not in (None, _STDIN):
        raise ConfigError(
            f"--format {stream_format}: only for rows on stdout",
            hint=f"leave it out: the ending of {target} decides its format",
        )
    rows_format = stream_format or ("csv" if source or target else None)
    asked = Asked(**asdict(answers))
    if asked.explain:
        _check_place_for_words(target, rows_format)
    texts = _headlines(headlines or [], source)
    classifier = find_classifier(
        output,
        settings,
        deployment=deployment,
        header_file=header_file,
        use_model=model is not None or (deployment is None and source is not None),
    )
    if header_file is not None and classifier.source.kind == "model":
        raise ConfigError(
            "--header-file: only for a deployment, and here a model directory classifies",
            hint="leave it out, or name the deployment with --deployment",
        )
    if texts and target is None and rows_format is None:
        _few(output, texts, classifier, asked)
        return
    rows = RowsRequest(
        source=_source(output, texts, source),
        form=".jsonl" if texts else ".txt" if source is None else None,
        reading=settings.data,
        known_text_column=None if texts else classifier.text_column,
        skip_bad=skip_bad,
        count_truncated=classifier.count_truncated,
        asked=asked,
    )
    if target is None and rows_format is None:
        predict_rows.show(output, rows, classifier)
        return
    stream = predict_rows.stdout(rows_format or "csv")
    request = ScoreRequest(
        rows=rows,
        target=stream if target in (None, _STDIN) else Path(target or ""),
        stream_format=rows_format or "csv",
        overwrite=overwrite,
    )
    predict_rows.write(output, request, classifier)


def _headlines(given: list[str], source: str | None) -> list[str]:
    """The headlines given as arguments; an empty list if they come from stdin or a file.

    Raises:
        ConfigError: There are two sources of headlines.
        DataError: No headline was given.
    """
    from newsclf.common.errors import ConfigError, DataError

    if source is not None and given:
        raise ConfigError(
            "--input classifies a file, and cannot be combined with headlines",
            hint="newsclf predict --input headlines.csv --output scored.csv",
        )
    if _STDIN in given and len(given) > 1:
        raise ConfigError(
            "- reads headlines from stdin, and cannot be combined with others",
            hint="newsclf predict - < headlines.txt",
        )
    if source is not None or _STDIN in given:
        return []
    for each in given:
        if _is_file(each):
            raise ConfigError(
                f"{each} is a file, not a headline",
                hint=f"newsclf predict --input {shlex.quote(each)}",
            )
    if not given and sys.stdin.isatty():
        raise DataError("no headline was given", hint='newsclf predict "Profit rose by a third"')
    return [typed(text) for text in given]


def _is_file(text: str) -> bool:
    try:
        return len(text) < _LONGEST_PATH and Path(text).is_file()
    except OSError:  # such as a name that is too long for a file
        return False


def _check_place_for_words(target: str | None, rows_format: StreamFormat | None) -> None:
    """Check that explanations are shown, or written as JSON.

    Raises:
        ConfigError: They would go into a table.
    """
    from newsclf.common.errors import ConfigError

    suffix = f".{rows_format}" if target in (None, _STDIN) else Path(target or "").suffix.lower()
    if rows_format is not None and suffix != ".jsonl":
        raise ConfigError(
            f"--explain: the words of a headline do not fit into a {suffix} file",
            hint="--format jsonl writes them to stdout, --output FILE.jsonl to a file",
        )


def _few(output: Output, texts: list[str], classifier: Classifier, asked: Asked) -> None:
    """Classify the headlines of the command line together, and show them."""
    from newsclf.cli.classify import predict_rows, predict_view
    from newsclf.predict.english import count_doubts
    from newsclf.predict.run import Tally
    from newsclf.predict.run import predict as run

    if len(texts) > _FEW_WORDS and all(len(text.split()) == 1 for text in texts):
        output.note(
            f"note: these are {len(texts)} headlines of one word each; put quotes around a"
            " headline of several words"
        )
    predicted = run(texts, classifier.classify, asked)
    output.data(predict_view.document(predicted.answers, predicted.latency_ms, classifier, asked))
    for each in predicted.answers:
        output.show(*predict_view.answer(each, asked))
    tally = Tally()
    tally.add(predicted.answers, asked)
    predict_rows.note_asked(output, asked, tally)
    predict_rows.note_legend(output, asked, tally)
    count = len(texts)
    predict_rows.note_truncated(output, classifier.count_truncated(texts))
    predict_rows.note_doubts(output, count_doubts(texts))
    output.note(f"{count} headline{'s' * (count != 1)} in {predicted.latency_ms:.1f} ms")


def _source(output: Output, texts: list[str], source: str | None) -> Path | BinaryIO:
    """The headlines of the command line as a stream, else the file, else stdin."""
    if texts:  # as JSON, since a headline may hold a line end or end like sentence@label
        return io.BytesIO("\n".join(json.dumps({"text": text}) for text in texts).encode())
    if source not in (None, _STDIN):
        return Path(source or "")
    if sys.stdin.isatty():
        output.note("type headlines, one per line; Ctrl-D ends")
    return sys.stdin.buffer
