"""Scoring a file: `newsclf predict --input` against a transformers pipeline with its defaults."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import transformers

from benchmarks.headlines import Result
from newsclf.core.examples import LabelledData
from newsclf.core.model_dir import file_digest, write_text
from newsclf.lifecycle.predict import score_file
from newsclf.ml.base import resolve_base
from newsclf.ml.classifier import load_base
from newsclf.ml.export import export_int8

_OUR_ROWS = 3000
_PIPELINE_ROWS = 300


def against_pipeline(data: LabelledData, scratch: Path) -> Result:
    """Rows per second of both, from file to answers; only ours pays for loading its model."""
    model = _untrained_model(scratch / "model")
    source = scratch / "headlines.csv"
    texts = [example.text for example in data.examples]
    texts = (texts * (1 + _OUR_ROWS // len(texts)))[:_OUR_ROWS]
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text",), *((text,) for text in texts)])

    started = time.perf_counter()
    score_file(source, scratch / "scored.csv", model)
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


def _untrained_model(folder: Path) -> Path:
    """A model directory with a new head: speed does not depend on what the head has learnt."""
    model, tokenizer = load_base(resolve_base("minilm"), max_tokens=256)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    export_int8(folder, folder / "model.onnx")
    digests = ", ".join(f'"{p.name}": "{file_digest(p)}"' for p in sorted(folder.iterdir()))
    write_text(folder / "card.json", f'{{"files": {{{digests}}}}}')
    return folder
