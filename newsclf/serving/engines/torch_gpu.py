"""GPU engine: classifies headlines with the float weights in bfloat16, in micro-batches.

It runs in SageMaker's stock container for GPUs, whose PyTorch and transformers it uses; nothing
else imports it, and newsclf's own server has no GPU (decision 0089).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from newsclf.common.errors import ModelError
from newsclf.contract.answers import Prediction
from newsclf.model.directory import TOKENIZER_FILES
from newsclf.serving.engines import tokens
from newsclf.serving.engines.logits import check_classes, predictions

_BATCH_HEADLINES = 64
"""Headlines of like length that run together: attention over 64 of 512 tokens takes 0.4 GB for each
layer of a base of twelve heads, in a GPU of 24 GB that up to eight processes share."""
_DAMAGED = "newsclf package --gpu makes the archive again"


class GpuEngine:
    """A float classifier on a GPU and its tokenizer.

    Headlines of a request run together with others of like length, so that little is padding. In
    bfloat16 a score depends on its batch by about a hundredth; by more it would with int8, whose
    scales are those of the batch.
    """

    def __init__(self, folder: Path, *, device: str = "cuda") -> None:
        """Load the files in GPU_FILES.

        Args:
            folder: The model directory.
            device: PyTorch's name of where to run.

        Raises:
            ModelError: there is no such device, a file is missing or damaged, or the classes are
                not LABELS.
        """
        import torch
        from transformers import AutoModelForSequenceClassification

        if device == "cuda" and not torch.cuda.is_available():
            raise ModelError(
                f"{folder}: packed for a GPU, and PyTorch finds none here",
                hint="newsclf package without --gpu makes an archive for CPUs",
            )
        self._folder = folder
        self._device = device
        try:
            config = json.loads((folder / "config.json").read_bytes())
            self._tokenizer = tokens.TextTokenizer(
                *((folder / name).read_bytes() for name in TOKENIZER_FILES)
            )
            model = AutoModelForSequenceClassification.from_pretrained(
                folder, local_files_only=True, use_safetensors=True
            )
            self._model = model.to(device=device, dtype=torch.bfloat16).eval()
        except Exception as error:  # transformers, tokenizers and torch raise their own
            raise ModelError(
                f"{folder}: the model can't be loaded ({error})", hint=_DAMAGED
            ) from error
        check_classes(folder, config)

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Classify any number of headlines; the predictions are in their order.

        Raises:
            ModelError: the model failed, or its output is not a probability for each of LABELS.
        """
        ids = list(self._tokenizer.encode(texts))
        by_length = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        found: dict[int, Prediction] = {}
        for start in range(0, len(by_length), _BATCH_HEADLINES):
            batch = by_length[start : start + _BATCH_HEADLINES]
            logits = self._run([ids[index] for index in batch])
            rows = predictions(self._folder, logits, rows=len(batch), hint=_DAMAGED)
            found |= zip(batch, rows, strict=True)
        return [found[index] for index in range(len(ids))]

    def _run(self, ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        import torch

        shape = (len(ids), max(map(len, ids)))
        input_ids = np.full(shape, self._model.config.pad_token_id or 0, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.int64)
        for row, each in enumerate(ids):
            input_ids[row, : len(each)] = each
            mask[row, : len(each)] = 1
        try:
            with torch.inference_mode():
                output = self._model(
                    input_ids=torch.from_numpy(input_ids).to(self._device),
                    attention_mask=torch.from_numpy(mask).to(self._device),
                )
                logits: npt.NDArray[np.float32] = output.logits.float().cpu().numpy()
        except Exception as error:  # torch raises its own, and plain ones
            reason = str(error).strip().split("\n", 1)[0]
            raise ModelError(
                f"{self._folder}: the model failed ({reason})", hint=_DAMAGED
            ) from error
        return logits
