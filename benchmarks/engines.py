"""Inference engines beside each other, with one model: `python -m benchmarks.engines MODEL`.

The shipped int8 file, int8 with fixed scales (calibrated on training rows), and OpenVINO where
`pip install openvino nncf` has brought it. For each: headlines per second of processor time on one
core, alone and in batches of like length; accuracy on the model's validation rows; agreement with
the float model; and how far a batch moves a headline's scores. Decision 0084 has the figures.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from rich.console import Console
from rich.table import Table

from newsclf.data.sources import load_again
from newsclf.data.split import split
from newsclf.model.card import read_card
from newsclf.model.directory import ONNX_FILE, TOKENIZER_FILES, find_model
from newsclf.serving.engines.onnx_runtime import SLOW_FUSIONS
from newsclf.serving.engines.tokens import TextTokenizer
from newsclf.training.int8.export import export_float

_CALIBRATION_ROWS = 300
_TIMED_ROWS = 200
_ROUNDS = 2
_BATCHES = (1, 4, 8, 16)
_Inputs = dict[str, Any]
_Run = Callable[[_Inputs], Any]


def main() -> None:
    """Build every variant, measure them in turn, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    folder, card = read_card(find_model(parser.parse_args().model))
    parts = split(*load_again(card.data.settings, digest=card.data.digest, source=None))
    tokenizer = TextTokenizer(*((folder / name).read_bytes() for name in TOKENIZER_FILES))
    chosen = np.random.default_rng(0).permutation(len(parts.train))[:_CALIBRATION_ROWS]
    calibration = list(tokenizer.encode([parts.train[i].text for i in chosen]))
    rows = list(tokenizer.encode([example.text for example in parts.validation]))
    truth = np.array([example.label_id for example in parts.validation])
    with tempfile.TemporaryDirectory() as scratch:
        engines = dict(_engines(folder, Path(scratch), calibration))
        speeds = _speeds(engines, rows[:_TIMED_ROWS])
        scores = {name: _scores(run, [[row] for row in rows]) for name, run in engines.items()}
        like = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        batches = [[rows[i] for i in like[k : k + 8]] for k in range(0, len(like), 8)]
        moved = {
            name: float(np.abs(_scores(run, batches) - scores[name][like]).max())
            for name, run in engines.items()
        }
    columns = [f"in {size}s" if size > 1 else "alone" for size in _BATCHES]
    table = Table("engine", *columns, "accuracy", "as float", "moved by a batch")
    labels = scores["float"].argmax(1)
    for name in engines:
        found = scores[name].argmax(1)
        table.add_row(
            name,
            *(f"{speeds[name, size]:.0f}" for size in _BATCHES),
            f"{100 * np.mean(found == truth):.1f} %",
            f"{100 * np.mean(found == labels):.1f} %",
            f"{moved[name]:.4f}",
        )
    Console(width=110).print(table)


def _engines(
    folder: Path, scratch: Path, calibration: Sequence[list[int]]
) -> Iterator[tuple[str, _Run]]:
    float_file = scratch / "float.onnx"
    export_float(folder, float_file)
    yield "float", _onnx_runtime(float_file)
    yield "int8, scales of each batch (shipped)", _onnx_runtime(folder / ONNX_FILE)
    yield "int8, fixed scales", _onnx_runtime(_with_fixed_scales(float_file, scratch, calibration))
    try:
        import nncf
        import openvino
    except ImportError:
        return
    core = openvino.Core()
    names = {node.get_any_name() for node in core.read_model(str(float_file)).inputs}
    int8 = nncf.quantize(
        core.read_model(str(float_file)),
        nncf.Dataset(calibration, lambda row: _only(_inputs([row]), names)),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(calibration),
    )
    for name, model, precision in [
        ("OpenVINO, bfloat16", core.read_model(str(float_file)), "bf16"),
        ("OpenVINO, int8 with fixed scales, bfloat16", int8, "bf16"),
    ]:
        compiled = core.compile_model(
            model,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": 1,
                "NUM_STREAMS": 1,
                "INFERENCE_PRECISION_HINT": precision,
                "ENABLE_CPU_PINNING": False,
            },
        )
        yield name, _openvino(compiled.create_infer_request(), names)


def _openvino(request: Any, names: set[str]) -> _Run:
    def run(inputs: _Inputs) -> Any:
        request.infer(_only(inputs, names), share_inputs=True)
        return request.get_output_tensor(0).data.copy()

    return run


def _onnx_runtime(path: Path) -> _Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        str(path),
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=SLOW_FUSIONS,
    )
    names = {node.name for node in session.get_inputs()}
    return lambda inputs: session.run(["logits"], _only(inputs, names))[0]


def _with_fixed_scales(float_file: Path, scratch: Path, calibration: Sequence[list[int]]) -> Path:
    """int8 of the products with weights; quantised attention as well costs more accuracy."""
    prepared, target = scratch / "prepared.onnx", scratch / "fixed.onnx"
    quant_pre_process(str(float_file), str(prepared), skip_symbolic_shape=True)
    import onnx

    graph = onnx.load(prepared).graph
    weights = {weight.name for weight in graph.initializer}
    attention = [
        node.name
        for node in graph.node
        if node.op_type == "MatMul" and not weights.intersection(node.input)
    ]
    names = {node.name for node in graph.input}

    class _Rows(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(calibration)

        def get_next(self) -> _Inputs | None:
            row = next(self._left, None)
            return None if row is None else _only(_inputs([row]), names)

    logging.disable(logging.WARNING)
    try:
        quantize_static(
            str(prepared),
            str(target),
            _Rows(),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Gemm", "Gather"],
            nodes_to_exclude=attention,
        )
    finally:
        logging.disable(logging.NOTSET)
    return target


def _speeds(engines: dict[str, _Run], rows: Sequence[list[int]]) -> dict[tuple[str, int], float]:
    """Headlines per second of processor time, the best of rounds in which engines take turns."""
    ordered = sorted(rows, key=len)
    batches = {
        size: [_inputs(ordered[i : i + size]) for i in range(0, len(ordered), size)]
        for size in _BATCHES
    }
    best: dict[tuple[str, int], float] = {}
    for turn in range(_ROUNDS + 1):
        for name, run in engines.items():
            for size, inputs in batches.items():
                started = time.process_time()
                for each in inputs:
                    run(each)
                per_s = len(rows) / (time.process_time() - started)
                if turn:  # in the first, kernels are compiled for each shape
                    best[name, size] = max(per_s, best.get((name, size), 0))
    return best


def _scores(run: _Run, batches: Sequence[Sequence[list[int]]]) -> Any:
    logits = np.concatenate([run(_inputs(batch)) for batch in batches])
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def _inputs(rows: Sequence[list[int]]) -> _Inputs:
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = row, 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def _only(inputs: _Inputs, names: set[str]) -> _Inputs:
    return {name: value for name, value in inputs.items() if name in names}


if __name__ == "__main__":
    main()
