"""The command `newsclf predict`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from newsclf.cli import completion
from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    ColumnsOpt,
    ConfigOpt,
    DelimiterOpt,
    EncodingOpt,
    JsonOpt,
    ModelOpt,
    OverwriteOpt,
    QuietOpt,
    StateDirOpt,
    TextColumnOpt,
    VerboseOpt,
    deployment_option,
    reading_flags,
    settings_from,
    start,
    typed,
)

if TYPE_CHECKING:
    from newsclf.cli.classify.predict_source import Classifier
    from newsclf.cli.console import Output
    from newsclf.common.settings import Settings
    from newsclf.data.sink import StreamFormat

_STDIN = "-"
_LONGEST_PATH = 1024
"""Longer arguments are not looked for as files."""
_FORMATS: tuple[StreamFormat, ...] = ("csv", "tsv", "jsonl")
_FEW_WORDS = 2
"""So many arguments of one word each may well be headlines; more are one that lacks its quotes."""


def predict(
    headlines: Annotated[
        list[str] | None,
        typer.Argument(metavar="[HEADLINE]...", help="Headlines, or - to read them from stdin."),
    ] = None,
    *,
    model: ModelOpt = None,
    deployment: Annotated[
        str | None,
        deployment_option("Deployment to ask.", "news, if it exists"),
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
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="csv|tsv|jsonl",
            autocompletion=completion.one_of("csv", "tsv", "jsonl"),
            help="Write rows to stdout in this format.",
            show_default="csv with --input",
        ),
    ] = None,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad", help="Leave the scores of unusable rows empty instead of stopping."
        ),
    ] = False,
    text_column: TextColumnOpt = None,
    columns: ColumnsOpt = None,
    delimiter: DelimiterOpt = None,
    encoding: EncodingOpt = None,
    header_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File with a token, where the API of a deployment asks for one."
        ),
    ] = None,
    instance: Annotated[
        str | None,
        typer.Option(
            metavar="ml.…",
            autocompletion=completion.instances,
            help="Instance of a batch job on AWS.",
            show_default="ml.c5.xlarge",
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, help="Instances of a batch job on AWS.", show_default="1"),
    ] = None,
    kms_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Id or ARN of the key that encrypts the answers of a batch job.",
            show_default="the bucket's",
        ),
    ] = None,
    state_dir: StateDirOpt = None,
    overwrite: OverwriteOpt = False,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Classify headlines: given here, on stdin, or in a file of any size.

    Headlines go to the deployment if there is one, else to the model directory. Files go to the
    model directory unless --deployment is given. From s3://… to s3://… a batch job on AWS scores
    lines of {"inputs": "headline"} with the deployment's model.
    """
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.cli.classify import predict_rows
    from newsclf.cli.classify.predict_source import find_classifier
    from newsclf.common.errors import ConfigError

    settings = settings_from(
        config,
        {
            "model": model,
            "state_dir": state_dir,
            "data": reading_flags(text_column, columns, delimiter, encoding),
        },
    )
    if any(place is not None and place.startswith("s3://") for place in (source, target)):
        _batch(
            output,
            settings,
            deployment,
            source,
            target,
            instance=instance,
            count=count,
            kms_key=kms_key,
        )
        return
    if instance is not None or count is not None or kms_key is not None:
        raise ConfigError(
            "--instance, --count and --kms-key are for a batch job from s3://… to s3://…",
            hint="leave them out, or name places on S3 with --input and --output",
        )
    if model is not None and deployment is not None:
        raise ConfigError(
            "--model and --deployment: only one of them can answer", hint="leave one of them out"
        )
    rows_format = _stream_format(stream_format, wanted=bool(source or target))
    texts = _headlines(headlines or [], source)
    classifier = find_classifier(
        output,
        settings,
        deployment=deployment,
        header_file=header_file,
        use_model=model is not None or (deployment is None and source is not None),
    )
    if texts and target is None and rows_format is None:
        _few(output, texts, classifier)
        return
    job = predict_rows.Job(
        source=_as_stream(texts) if texts else _place(source),
        form=".txt" if texts or source is None else None,
        target=None if target is None or target == _STDIN else Path(target),
        stream_format=rows_format,
        skip_bad=skip_bad,
        overwrite=overwrite,
        reading=settings.data,
    )
    predict_rows.run(output, job, classifier)


def _headlines(given: list[str], source: str | None) -> list[str]:
    """The headlines on the command line; none if they are to be read from stdin or a file.

    Raises:
        ConfigError: They come from two places at once.
        DataError: They come from nowhere.
    """
    from newsclf.common.errors import ConfigError, DataError

    if source is not None:
        if given:
            raise ConfigError(
                "--input classifies a file, so no headlines can be given beside it",
                hint="newsclf predict --input headlines.csv --output scored.csv",
            )
        return []
    if _STDIN in given:
        if len(given) > 1:
            raise ConfigError(
                "- reads headlines from stdin, and takes no others beside it",
                hint="newsclf predict - < headlines.txt",
            )
        return []
    for each in given:
        if len(each) < _LONGEST_PATH and Path(each).is_file():
            raise ConfigError(
                f"{each} is a file, not a headline",
                hint=f"newsclf predict --input {shlex.quote(each)}",
            )
    if not given and sys.stdin.isatty():
        raise DataError("no headline was given", hint='newsclf predict "Profit rose by a third"')
    return [typed(text) for text in given]


def _stream_format(asked: str | None, *, wanted: bool) -> StreamFormat | None:
    """The format of rows on stdout: what --format names, CSV where rows are wanted, or none."""
    from newsclf.common.errors import ConfigError

    if asked is None:
        return "csv" if wanted else None
    for known in _FORMATS:
        if asked == known:
            return known
    raise ConfigError(
        f"--format {asked}: unknown format", hint=f"choose one of {', '.join(_FORMATS)}"
    )


def _few(output: Output, texts: list[str], classifier: Classifier) -> None:
    """Classify the headlines of the command line together, and show them."""
    from newsclf.cli.classify import predict_rows, predict_view
    from newsclf.predict.run import predict as run

    if len(texts) > _FEW_WORDS and all(len(text.split()) == 1 for text in texts):
        output.note(
            f"note: these are {len(texts)} headlines of one word each; put quotes around a"
            " headline of several words"
        )
    predicted = run(texts, classifier.classify)
    output.data(
        predict_view.document(
            list(zip(texts, predicted.predictions, strict=True)), predicted.latency_ms, classifier
        )
    )
    for text, prediction in zip(texts, predicted.predictions, strict=True):
        output.show(*predict_view.bars(text, prediction))
    count = len(texts)
    predict_rows.say_truncated(output, classifier.count_truncated(texts))
    output.note(f"{count} headline{'s' * (count != 1)} in {predicted.latency_ms:.1f} ms")


def _place(source: str | None) -> Path | BinaryIO:
    if source is None or source == _STDIN:
        return sys.stdin.buffer
    return Path(source)


def _as_stream(texts: list[str]) -> BinaryIO:
    import io

    return io.BytesIO("\n".join(texts).encode("utf-8", "surrogatepass"))


def _batch(
    output: Output,
    settings: Settings,
    deployment: str | None,
    source: str | None,
    target: str | None,
    *,
    instance: str | None,
    count: int | None,
    kms_key: str | None,
) -> None:
    from newsclf.cli.classify.predict_batch import predict_batch
    from newsclf.common.errors import ConfigError

    if not all(place is not None and place.startswith("s3://") for place in (source, target)):
        raise ConfigError(
            "--input and --output must both be on S3, or both be files",
            hint="aws s3 cp copies from one to the other",
        )
    predict_batch(
        output,
        settings.state_dir,
        deployment or DEFAULT_DEPLOYMENT,
        source or "",
        target or "",
        instance=instance or "ml.c5.xlarge",
        count=count or 1,
        kms_key=kms_key,
    )
