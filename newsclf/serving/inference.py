"""The hooks that SageMaker's stock Hugging Face container calls; packed as `code/inference.py`.

The container starts one process for each vCPU, which loads the model with `model_fn` and answers
one request at a time with `transform_fn`, on one thread. Its toolkit turns every exception into
status 400 with the exception's text, so that text says whose fault it was:

    contract: …   the caller's: the request is not of the agreed form
    internal: …   ours: lambda_src/handler.py answers it with 502

A model that can't be used is no exception of `model_fn`, or the toolkit would try to load it again
with every request: each request is refused at once instead. No headline reaches the log.

Source: sagemaker-huggingface-inference-toolkit 2.6.0, handler_service.py.
"""

from __future__ import annotations

import json
import logging
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from newsclf.core.contract import MAX_BODY_BYTES, ContractError, parse_inputs, parse_json

if TYPE_CHECKING:
    from newsclf.serving.engine import Engine

_JSON = "application/json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unusable:
    """What stands in the place of a model that can't be used."""

    reason: str


def model_fn(model_dir: str) -> Engine | Unusable:
    """Open the model, and see that it can classify."""
    try:
        # Imported here so that a package that is missing counts as a model that can't be used.
        from newsclf.core.model_dir import check_files
        from newsclf.serving.engine import FILES, PROBE, Engine

        check_files(Path(model_dir), FILES)
        engine = Engine(Path(model_dir))
        engine.classify([PROBE])
    except Exception as error:  # noqa: BLE001 - the container must live to say it
        _log.exception("the model cannot be used; every request will be refused")
        return Unusable(f"the model cannot be used ({error})")
    return engine


def transform_fn(
    model: Engine | Unusable, body: str | bytes, content_type: str | None, accept: str
) -> str:
    """Answer a request as `newsclf serve` does: {"inputs": str | [str]} → scores, as JSON.

    Raises:
        ValueError: `contract: …`.
        RuntimeError: `internal: …`; it tells no text of the error, which could hold a headline.
    """
    if isinstance(model, Unusable):
        raise RuntimeError(f"internal: {model.reason}")  # noqa: TRY004 - no caller passed it
    try:
        return _answer(model, body, content_type, accept)
    except ContractError as error:
        raise ValueError(f"contract: {error}") from None
    except Exception as error:  # noqa: BLE001 - raised again, without its text
        kind = type(error).__name__
        _log.error("%s\n%s", kind, "".join(traceback.format_tb(error.__traceback__)))
        raise RuntimeError(f"internal: the model failed ({kind})") from None


def _answer(model: Engine, body: str | bytes, content_type: str | None, accept: str) -> str:
    media_type = (content_type or _JSON).partition(";")[0].strip().lower()
    if media_type not in (_JSON, "application/octet-stream"):
        message = "send application/json"
        raise ContractError(message)
    if _JSON not in accept and "*/*" not in accept:
        message = "accept application/json: there is no other form of answer"
        raise ContractError(message)
    content = body.encode() if isinstance(body, str) else bytes(body)
    if len(content) > MAX_BODY_BYTES:
        message = f"the body is larger than {MAX_BODY_BYTES} bytes"
        raise ContractError(message)
    texts, is_list = parse_inputs(parse_json(content))
    predictions = [prediction.as_pipeline() for prediction in model.classify(texts)]
    return json.dumps(predictions if is_list else predictions[0])
