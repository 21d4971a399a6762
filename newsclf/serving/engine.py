"""The inference engine: headlines in, probabilities out, on one core or on all of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Encoding, Tokenizer

from newsclf.core.contract import LABELS, Prediction, label_mapping_error
from newsclf.core.errors import ModelError

MODEL_FILE = "model.onnx"
FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", MODEL_FILE)
"""The files of a model directory that the engine reads."""

_MAX_BATCH_TOKENS = 512


class Engine:
    """An int8 ONNX classifier and its tokenizer; safe to use from several threads.

    Each of `threads` workers runs the one session on its own core: two independent single-threaded
    runs beat one that is split over two threads. Headlines are batched only with headlines of
    about the same length, since on a CPU padding costs more than batching gains.
    """

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Load the files in FILES.

        Raises:
            ModelError: a file is missing or damaged, or the classes are not LABELS.
        """
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            limits = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.inter_op_num_threads = 1
            self._session = onnxruntime.InferenceSession(
                str(folder / MODEL_FILE), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # tokenizers and onnxruntime raise their own, and plain ones
            raise ModelError(
                f"{folder}: the model can't be loaded ({error})",
                hint="newsclf optimize makes model.onnx again, newsclf train the rest",
            ) from error
        if problem := label_mapping_error(config.get("id2label")):
            raise ModelError(f"{folder}: {problem}", hint="newsclf train makes a model that fits")
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length=limits["model_max_length"])
        self._pad_token_id: int = config.get("pad_token_id") or 0
        self._input_names = {node.name for node in self._session.get_inputs()}
        self._threads = threads
        self._workers = ThreadPoolExecutor(threads) if threads > 1 else None

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Classify headlines; the answers are in the order of `texts`, of any number."""
        encodings = self._tokenizer.encode_batch_fast(list(texts))
        batches = _like_lengths(encodings)
        run = self._workers.map if self._workers else map
        scores = np.empty((len(encodings), len(LABELS)), dtype=np.float32)
        for indices, result in zip(
            batches,
            run(lambda batch: self._run([encodings[i] for i in batch]), batches),
            strict=True,
        ):
            scores[indices] = result
        return [Prediction(tuple(row)) for row in scores.tolist()]

    def _run(self, encodings: Sequence[Encoding]) -> np.ndarray:
        """Probabilities of one batch, (n, 3) float32."""
        width = max(len(encoding.ids) for encoding in encodings)
        input_ids = np.full((len(encodings), width), self._pad_token_id, dtype=np.int64)
        mask = np.zeros_like(input_ids)
        for row, encoding in enumerate(encodings):
            input_ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        inputs = {"input_ids": input_ids, "attention_mask": mask}
        if "token_type_ids" in self._input_names:
            inputs["token_type_ids"] = np.zeros_like(input_ids)
        logits = self._session.run(["logits"], inputs)[0]
        exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def _like_lengths(encodings: Sequence[Encoding]) -> list[list[int]]:
    """Indices in batches of like length, each of at most _MAX_BATCH_TOKENS tokens with padding."""
    order = sorted(range(len(encodings)), key=lambda i: len(encodings[i].ids))
    batches: list[list[int]] = []
    for i in order:
        width = len(encodings[i].ids)
        if not batches or (len(batches[-1]) + 1) * width > _MAX_BATCH_TOKENS:
            batches.append([])
        batches[-1].append(i)
    return batches
