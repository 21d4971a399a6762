"""Hooks that SageMaker's stock Hugging Face container calls; packed as `code/inference.py`.

The container starts one process for each vCPU, which loads the model with `model_fn` and answers
one request at a time with `transform_fn`, on one thread. Its toolkit turns every exception into
status 400 with the exception's text, which suits mistakes of the caller. Failures of the model are
answered with 500 through the server's context, so that CloudWatch counts them as 5xx: the alarm
that rolls back an update of an endpoint depends on it. The text names the side at fault:

    contract: …   400, the caller: the request is not of the agreed form
    internal: …   500, the model: lambda_src/handler.py turns it into 502

ONNX Runtime comes with the archive, unpacked in `code/packages`; an archive for GPUs has the GPU
engine instead, for which the container has PyTorch. `model_fn` does not raise for an
unusable model, because the toolkit would load it again with every request; `transform_fn` refuses
each request instead. No headline is logged.

Sources: sagemaker-huggingface-inference-toolkit 2.6.0, handler_service.py; multi-model-server
1.1.11, context.py.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsclf.contract.limits import MAX_BODY_BYTES
from newsclf.contract.requests import ContractError, parse_inputs, parse_json

if TYPE_CHECKING:
    from newsclf.serving.engines.onnx_runtime import Engine
    from newsclf.serving.engines.torch_gpu import GpuEngine

_JSON = "application/json"
_PACKAGES = Path(__file__).parent / "packages"
_GPU_ENGINE = Path(__file__).parent / "newsclf/serving/engines/torch_gpu.py"
"""Only archives for GPUs have it."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unusable:
    """Placeholder for a model that can't be used."""

    reason: str


def model_fn(model_dir: str) -> Engine | GpuEngine | Unusable:
    """Load the model and make a test prediction."""
    if _PACKAGES.is_dir():  # in front of the container's own: the archive was made for these
        sys.path.insert(0, str(_PACKAGES))
    try:
        # Imported here so that a missing package counts as a model that can't be used.
        from newsclf.serving.engines.logits import PROBE

        engine = _engine(Path(model_dir))
        engine.classify([PROBE])
    except Exception as error:  # noqa: BLE001 - the container must stay up to report it
        _log.exception("the model cannot be used; every request will be refused")
        return Unusable(f"the model cannot be used ({error})")
    return engine


def _engine(folder: Path) -> Engine | GpuEngine:
    from newsclf.model.directory import ENGINE_FILES, GPU_FILES, check_files, read_digests

    digests = read_digests(folder)
    if _GPU_ENGINE.is_file():
        from newsclf.serving.engines.torch_gpu import GpuEngine

        check_files(folder, digests, GPU_FILES)
        return GpuEngine(folder)
    from newsclf.serving.engines.onnx_runtime import Engine

    check_files(folder, digests, ENGINE_FILES)
    return Engine(folder)


def transform_fn(
    model: Engine | GpuEngine | Unusable,
    body: str | bytes,
    content_type: str | None,
    accept: str,
    context: Any = None,
) -> str:
    """Answer a request as `newsclf serve` does: {"inputs": str | [str]} → scores, as JSON.

    Args:
        model: From `model_fn`.
        body: JSON.
        content_type: Media type of the body; None: JSON.
        accept: Media types that the caller accepts.
        context: The server's context, which sets the status of the answer. The toolkit passes it
            to functions of five parameters; without it a failure is raised.

    Raises:
        ValueError: `contract: …`.
        RuntimeError: `internal: …`, without a context.
    """
    if isinstance(model, Unusable):
        return _failed(context, model.reason)
    try:
        return _answer(model, body, content_type, accept)
    except ContractError as error:
        raise ValueError(f"contract: {error}") from None
    except Exception as error:  # noqa: BLE001 - raised again, without its text
        kind = type(error).__name__
        _log.error("%s\n%s", kind, "".join(traceback.format_tb(error.__traceback__)))
        return _failed(context, f"the model failed ({kind})")


def _failed(context: Any, reason: str) -> str:
    """Answer 500 in the container's form, without an exception's text: it may hold a headline."""
    if context is None:
        raise RuntimeError(f"internal: {reason}")
    context.set_response_status(code=500, phrase="Internal Server Error")
    error = {"code": 500, "type": "InternalServerException", "message": f"internal: {reason}"}
    return json.dumps(error)


def _answer(
    model: Engine | GpuEngine, body: str | bytes, content_type: str | None, accept: str
) -> str:
    media_type = (content_type or _JSON).partition(";")[0].strip().lower()
    if media_type not in (_JSON, "application/octet-stream"):
        raise ContractError("send application/json")
    if _JSON not in accept and "*/*" not in accept:
        raise ContractError("accept application/json: there is no other form of answer")
    content = body.encode() if isinstance(body, str) else bytes(body)
    if len(content) > MAX_BODY_BYTES:
        raise ContractError(f"the body is larger than {MAX_BODY_BYTES} bytes")
    texts, is_list = parse_inputs(parse_json(content))
    predictions = [prediction.as_pipeline() for prediction in model.classify(texts)]
    return json.dumps(predictions if is_list else predictions[0])
