"""Inference engine: classifies headlines with an int8 ONNX model, on one core or several."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime

from newsclf.common.errors import ModelError
from newsclf.contract.answers import Prediction
from newsclf.model.directory import ENGINE_FILES, ONNX_FILE, TOKENIZER_FILES
from newsclf.serving.engines import tokens
from newsclf.serving.engines.logits import check_classes, predictions

_EXTERNAL_FOLDER = "session.model_external_initializers_file_folder_path"
SLOW_FUSIONS = ["SkipLayerNormFusion"]
"""The fused operator takes five times as long as the two that it replaces (decision 0099)."""
_DAMAGED = "newsclf optimize makes model.onnx again, newsclf train the rest"


class Engine:
    """An int8 ONNX classifier and its tokenizer; safe to use from several threads.

    Each of `threads` workers runs the one session on its own core: two independent single-threaded
    runs beat one that is split over two threads. Every headline runs by itself. Dynamic int8 takes
    its scales from the whole batch, so in a batch a headline's scores would depend on the others;
    and on a CPU batching gains little (decision 0006).
    """

    def __init__(
        self, folder: Path, *, threads: int = 1, digests: Mapping[str, str] | None = None
    ) -> None:
        """Load the files in ENGINE_FILES.

        Args:
            digests: SHA-256 that each file must have, hexadecimal.

        Raises:
            ModelError: a file is missing, damaged or not the one of `digests`, or the classes are
                not LABELS.
        """
        self._folder = folder
        try:
            contents = {name: (folder / name).read_bytes() for name in ENGINE_FILES}
            if digests is not None:
                _check_digests(folder, contents, digests)
            config = json.loads(contents["config.json"])
            self._tokenizer = tokens.TextTokenizer(*(contents[name] for name in TOKENIZER_FILES))
            self._session = _load_onnx(contents[ONNX_FILE])
        except ModelError:
            raise
        except Exception as error:  # tokenizers and onnxruntime raise their own, and plain ones
            raise ModelError(
                f"{folder}: the model can't be loaded ({error})", hint=_DAMAGED
            ) from error
        check_classes(folder, config)
        self._input_names = {node.name for node in self._session.get_inputs()}
        self._workers = ThreadPoolExecutor(threads) if threads > 1 else None

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Classify any number of headlines; the predictions are in their order.

        Only the first `MAX_READ_CHARACTERS` characters of a text are read, and of those as many
        tokens as the model takes.

        Raises:
            ModelError: the model failed, or its output is not a probability for each of LABELS.
        """
        run = self._workers.map if self._workers else map
        return list(run(self._run, self._tokenizer.encode(texts)))

    def truncated(self, texts: Sequence[str]) -> int:
        """Count the texts that are longer than the model reads, so that their end is ignored."""
        return self._tokenizer.count_truncated(texts)

    def _run(self, ids: list[int]) -> Prediction:
        input_ids = np.array([ids], dtype=np.int64)
        inputs = {"input_ids": input_ids, "attention_mask": np.ones_like(input_ids)}
        if "token_type_ids" in self._input_names:
            inputs["token_type_ids"] = np.zeros_like(input_ids)
        try:
            logits = self._session.run(["logits"], inputs)[0]
        except Exception as error:  # onnxruntime raises its own, and plain ones
            reason = str(error).strip().split("\n", 1)[0]
            raise ModelError(
                f"{self._folder}: the model failed ({reason})", hint=_DAMAGED
            ) from error
        return predictions(self._folder, logits, rows=1, hint=_DAMAGED)[0]


def _check_digests(folder: Path, contents: Mapping[str, bytes], digests: Mapping[str, str]) -> None:
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != digests.get(name):
            raise ModelError(f"{folder}: {name} has changed since the model was first loaded")


def _load_onnx(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised, and need not go to stderr too
    # A model may keep weights in other files, which no digest covers. Looking for them in what is
    # not a folder refuses such a model.
    options.add_session_config_entry(_EXTERNAL_FOLDER, os.devnull)
    session = onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOW_FUSIONS
    )
    session._model_bytes = None  # noqa: SLF001 - frees the serialized copy
    return session
