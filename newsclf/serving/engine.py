"""The inference engine: headlines in, probabilities out, on one core or on all of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Encoding, Tokenizer

from newsclf.core.contract import Prediction, label_mapping_error
from newsclf.core.errors import ModelError
from newsclf.core.model_dir import ONNX_FILE

FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", ONNX_FILE)
"""The files of a model directory that the engine reads."""
PROBE = "Sales rose in the third quarter"
"""A headline to classify before others, to see that the model runs and not only loads."""


class Engine:
    """An int8 ONNX classifier and its tokenizer; safe to use from several threads.

    Each of `threads` workers runs the one session on its own core: two independent single-threaded
    runs beat one that is split over two threads. Every headline runs by itself. Dynamic int8 takes
    its scales from the whole batch, so in a batch a headline's scores would depend on the others;
    and on a CPU batching gains little (docs/decisions.md).
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
                str(folder / ONNX_FILE), options, providers=["CPUExecutionProvider"]
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
        self._input_names = {node.name for node in self._session.get_inputs()}
        self._workers = ThreadPoolExecutor(threads) if threads > 1 else None

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Classify headlines; the answers are in the order of `texts`, of any number."""
        run = self._workers.map if self._workers else map
        return list(run(self._run, self._tokenizer.encode_batch_fast(list(texts))))

    def _run(self, encoding: Encoding) -> Prediction:
        input_ids = np.array([encoding.ids], dtype=np.int64)
        inputs = {"input_ids": input_ids, "attention_mask": np.ones_like(input_ids)}
        if "token_type_ids" in self._input_names:
            inputs["token_type_ids"] = np.zeros_like(input_ids)
        logits = self._session.run(["logits"], inputs)[0][0]
        exponentials = np.exp(logits - logits.max())
        return Prediction(tuple((exponentials / exponentials.sum()).tolist()))
