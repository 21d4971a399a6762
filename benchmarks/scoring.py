"""Scoring a file: `newsclf predict --input` against a transformers pipeline with its defaults."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import transformers

from benchmarks.headlines import Result, untrained_model
from newsclf.common.machine import available_cores
from newsclf.data.examples import LabelledData
from newsclf.predict.run import RowsRequest, ScoreRequest, score
from newsclf.serving.engines.onnx_runtime import Engine

_OUR_ROWS = 3000
_PIPELINE_ROWS = 300


def against_pipeline(data: LabelledData, scratch: Path) -> Result:
    """Rows per second of both, from file to answers; only ours pays for loading its model."""
    model = untrained_model(scratch / "model")
    source = scratch / "headlines.csv"
    texts = [example.text for example in data.examples]
    texts = (texts * (1 + _OUR_ROWS // len(texts)))[:_OUR_ROWS]
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text",), *((text,) for text in texts)])

    started = time.perf_counter()
    request = ScoreRequest(rows=RowsRequest(source=source), target=scratch / "scored.csv")
    score(request, Engine(model, threads=available_cores()).classify)
    ours_s = time.perf_counter() - started

    pipeline = transformers.pipeline("text-classification", str(model))
    pipeline(texts[:10])
    started = time.perf_counter()
    with source.open(encoding="utf-8", newline="") as file:
        rows = [row["text"] for row in csv.DictReader(file)][:_PIPELINE_ROWS]
    pipeline(rows)
    pipeline_s = time.perf_counter() - started
    return Result(
        "scoring a file, against a transformers pipeline",
        _OUR_ROWS / ours_s,
        _PIPELINE_ROWS / pipeline_s,
        wanted="≥ 5",
    )
