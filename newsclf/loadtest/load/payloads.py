"""Payloads of a load test: real headlines, since a model's latency depends on their length."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from newsclf.common.errors import ConfigError, DataError
from newsclf.contract.limits import MAX_API_BODY_BYTES, MAX_BODY_BYTES
from newsclf.contract.requests import WireFormat, headline_problem
from newsclf.data import headlines
from newsclf.data.formats.columns import TEXT_COLUMN
from newsclf.data.formats.rows import Record
from newsclf.data.records import open_records
from newsclf.loadtest.load.body_template import BodyTemplate
from newsclf.loadtest.store.records import Payloads

_MAX_HEADLINES_READ = 20_000
SAMPLE_NAME = "sample"


def read_headlines(source: Path | None, text_column: str | None) -> list[str]:
    """Read the headlines of a data file, without blank and unreadable ones.

    Args:
        source: The file; None: the shipped sample.
        text_column: Its column with the headlines; None: the one with a usual name.

    Raises:
        DataError: the file can't be read, or has no headlines.
    """
    if source is None:
        return [row["text"] for row in headlines.sample_rows()]
    with open_records(source) as records:
        column = records.column(TEXT_COLUMN, text_column)
        rows = itertools.islice(records, _MAX_HEADLINES_READ)
        texts = [row.values.get(column) for row in rows if isinstance(row, Record)]
    usable = [text for text in texts if isinstance(text, str) and headline_problem(text) is None]
    if not usable:
        raise DataError(f"{source}: no headlines in it", hint="--payloads takes another file")
    return usable


def describe(texts: Sequence[str], source: str) -> Payloads:
    """Describe the source and the lengths of the headlines."""
    lengths = np.sort([len(text) for text in texts])
    return Payloads(
        source=source,
        count=len(texts),
        sha256=hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest(),
        characters_mean=round(float(lengths.mean()), 1),
        characters_p50=int(lengths[len(lengths) // 2]),
        characters_p95=int(lengths[min(len(lengths) - 1, int(0.95 * len(lengths)))]),
        characters_max=int(lengths[-1]),
    )


def make_bodies(
    texts: Sequence[str],
    form: WireFormat,
    headlines_per_request: int,
    template: BodyTemplate | None = None,
) -> list[bytes]:
    """Make request bodies that together hold every headline.

    Args:
        texts: The headlines.
        form: Of the requests of newsclf, if there is no template.
        headlines_per_request: More than one only for a template that takes many.
        template: Of another API.

    Raises:
        ConfigError: a request would be larger than the contract allows.
    """
    endless = itertools.cycle(texts)
    requests = -(-len(texts) // headlines_per_request)
    if template is not None:
        return [
            template.filled(list(itertools.islice(endless, headlines_per_request)))
            for _ in range(requests)
        ]
    field = "headlines" if form == "api" else "inputs"
    bodies = [
        json.dumps({field: list(itertools.islice(endless, headlines_per_request))}).encode()
        for _ in range(requests)
    ]
    most_bytes = MAX_API_BODY_BYTES if form == "api" else MAX_BODY_BYTES
    if max(map(len, bodies)) > most_bytes:
        raise ConfigError(
            f"a request would be larger than {most_bytes} bytes",
            hint="choose fewer headlines with --batch",
        )
    return bodies
