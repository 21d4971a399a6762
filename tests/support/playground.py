"""The local API with its playground, over a model of a few words instead of a Lambda function."""

from __future__ import annotations

import json
import math
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp.web import SockSite

from newsclf.contract.answers import Prediction
from newsclf.contract.explanation import encode_answer, texts_of
from newsclf.contract.requests import ContractError, parse_classify, parse_json
from newsclf.deploy.credentials import key_digest
from newsclf.deploy.local.gateway.app import make_app
from newsclf.deploy.local.gateway.lambda_runtime import Function
from newsclf.deploy.local.gateway.settings import GatewaySettings
from newsclf.serving.playground.document import of_deployment
from newsclf.serving.request_limits import make_runner

KEY = "key-of-the-test"
_WEIGHTS = {
    "cuts": -2.1,
    "forecast": -0.4,
    "costs": -0.6,
    "lifts": 2.2,
    "record": 1.1,
    "dividend": 0.5,
    "profit": 0.3,
    "rise": 0.5,
    "rose": 1.4,
    "lending": 0.2,
    "beats": 3.0,
    "raises": 3.1,
    "wins": 3.4,
    "grows": 3.0,
    "climb": 2.9,
    "doubled": 2.7,
    "falls": -3.0,
    "fall": -2.8,
    "recalls": -3.0,
    "fines": -3.3,
    "loss": -2.4,
    "widened": -1.2,
    "strike": -3.0,
    "halts": -2.9,
    "signs": 2.5,
    "buy-back": 2.2,
}


def predict(text: str) -> Prediction:
    """Classify by the words that the model knows; the fewer, the more neutral."""
    tone = sum(_WEIGHTS.get(word.strip(".,").lower(), 0.0) for word in text.split())
    weights = [math.exp(-tone), 4.0, math.exp(tone)]
    negative, neutral, positive = (each / sum(weights) for each in weights)
    return Prediction((negative, neutral, positive))


class WordFunction(Function):
    """Answers as the Lambda handler does."""

    def __init__(self) -> None:
        super().__init__(runtimes=0, environment={})

    async def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """Answer a request to classify."""
        try:
            asked = parse_classify(parse_json(event["body"].encode()))
            found = encode_answer(asked, [predict(text) for text in texts_of(asked)])
        except ContractError as error:
            problem = {"code": "bad_request", "message": str(error)}
            return {"statusCode": 400, "body": json.dumps({"error": problem})}
        answer = {"predictions": found, "model": "3f9c1a7be052" + 52 * "0"}
        return {
            "statusCode": 200,
            "headers": {"content-type": "application/json"},
            "body": json.dumps(answer),
        }


@asynccontextmanager
async def serving_playground(
    *,
    needs_key: bool = False,
    name: str = "news",
    folder: Path = Path(".newsclf/run/news"),
    port: int = 0,
) -> AsyncIterator[str]:
    """Run the gateway; its address."""
    key_file = folder / "api.key" if needs_key else None
    settings = GatewaySettings(
        key_digest=key_digest(KEY) if needs_key else None,
        subject=of_deployment(name, folder, key_file),
        runtimes=0,
        rate_per_s=1e6,
        burst=1_000_000,
    )
    runner = make_runner(make_app(WordFunction(), settings), shutdown_timeout_s=0)
    await runner.setup()
    with socket.create_server(("127.0.0.1", port)) as listener:
        await SockSite(runner, listener).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            await runner.cleanup()
