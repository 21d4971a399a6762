"""Float model → int8 ONNX file: dynamic quantisation, one scale per output channel."""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from newsclf.training.classifier import load_trained

_OPSET = 17


class _Logits(torch.nn.Module):
    """A model as a function of tensors in a fixed order, which is what the exporter traces."""

    def __init__(self, model: PreTrainedModel, input_names: list[str]) -> None:
        super().__init__()
        self.model = model
        self.input_names = input_names

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.model(**dict(zip(self.input_names, inputs, strict=True))).logits


def export_int8(folder: Path, target: Path) -> None:
    """Write the int8 ONNX form of a model directory's float model to `target`.

    Inputs are the tokenizer's (`input_ids`, `attention_mask` and, for BERT, `token_type_ids`), all
    (batch, tokens) int64; the output is `logits`, (batch, 3) float32.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        float_file, int8_file = Path(scratch) / "float.onnx", Path(scratch) / "int8.onnx"
        export_float(folder, float_file)
        logging.disable(logging.WARNING)  # the quantiser advises a step for static quantisation
        try:
            quantize_dynamic(
                str(float_file), str(int8_file), weight_type=QuantType.QInt8, per_channel=True
            )
        finally:
            logging.disable(logging.NOTSET)
        int8_file.replace(target)


def export_float(folder: Path, target: Path) -> None:
    """Write the float ONNX form, with the inputs and the output of `export_int8`."""
    model, tokenizer = load_trained(folder, attention="eager")
    example = tokenizer(["Sales rose in the third quarter", "Profit"], padding=True)
    names = [name for name in tokenizer.model_input_names if name in example]
    axes = {name: {0: "batch", 1: "tokens"} for name in names} | {"logits": {0: "batch"}}
    with warnings.catch_warnings():
        # The tracing exporter is marked as superseded, but the graphs of its successor (torch
        # 2.13) fail in the quantiser's shape inference; decision 0007 has the measurement.
        warnings.simplefilter("ignore")
        # Else torch prints the graph of a model that it can't export on stdout.
        torch._C._jit_set_onnx_log_enabled(False)  # noqa: FBT003, SLF001 - the only switch
        torch.onnx.export(
            _Logits(model, names).eval(),
            tuple(torch.tensor(example[name]) for name in names),
            str(target),
            input_names=names,
            output_names=["logits"],
            dynamic_axes=axes,
            opset_version=_OPSET,
            dynamo=False,
        )
