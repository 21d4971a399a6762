"""A language model on loopback that knows true labels, errs at a known rate, and misbehaves.

It speaks OpenAI's chat completions and Bedrock's Converse, and notes what it did with each request
and what it bills for it, whether the client gets to know that or not.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from aiohttp import web

from newsclf.contract.labels import LABELS

Deed = Literal[
    "answer",
    "no usage",
    "bare word",
    "outside",
    "prose",
    "wrong json",
    "refuse",
    "run on",
    "reason",
    "reason in secret",
    "filter",
    "too long",
    "429",
    "429 date",
    "500",
    "502",
    "cut",
    "hang",
]
BILLED_IN_SECRET = frozenset(("502", "cut", "hang", "no usage", "reason in secret"))
"""Requests that the server bills for without the client getting to know how much."""
BILLED = BILLED_IN_SECRET | {
    "answer",
    "bare word",
    "outside",
    "prose",
    "wrong json",
    "refuse",
    "run on",
    "reason",
}
NO_LABEL = {
    "outside": "no label",
    "prose": "wrong form",
    "wrong json": "wrong form",
    "refuse": "refused",
    "run on": "too many tokens",
    "reason": "reasoned too long",
    "reason in secret": "reasoned too long",
    "filter": "refused",
    "too long": "rejected",
}
"""Deeds after which there is no label → the failure that they are."""
OUTPUT_TOKENS = 7
KEY = "sk-test-0123456789"
_TEXTS = {
    "outside": '{"label": "bullish"}',
    "prose": "The headline is positive, I think.",
    "wrong json": '{"label": "positive"',
}
_OPENAI_ERRORS = {
    "429": (429, "Rate limit reached", "rate_limit_exceeded"),
    "429 date": (429, "Rate limit reached", "rate_limit_exceeded"),
    "500": (500, "The server had an error", "server_error"),
    "502": (502, "Bad gateway", "bad_gateway"),
    "filter": (400, "The prompt was filtered", "content_filter"),
    "reason in secret": (
        400,
        "Could not finish the message because max_tokens or model output limit was reached.",
        "invalid_request_error",
    ),
    "too long": (400, "The prompt is too long", "context_length_exceeded"),
}
_BEDROCK_STOPS = {
    "refuse": "content_filtered",
    "run on": "max_tokens",
    "reason": "max_tokens",
    "prose": "end_turn",
}
_BEDROCK_ERRORS = {
    "429": (429, "ThrottlingException"),
    "429 date": (429, "ThrottlingException"),
    "500": (500, "InternalServerException"),
    "502": (424, "ModelErrorException"),
    "filter": (400, "ValidationException"),
    "too long": (400, "ValidationException"),
}


@dataclass(frozen=True)
class Done:
    """A request and what was done with it."""

    text: str
    deed: Deed
    input_tokens: int
    output_tokens: int

    def cost_usd(self, input_usd: str, output_usd: str) -> Decimal:
        """What it is billed at, at prices per million tokens."""
        usd = self.input_tokens * Decimal(input_usd) + self.output_tokens * Decimal(output_usd)
        return usd / 1_000_000 if self.deed in BILLED else Decimal(0)


Script = Callable[[str, int], Deed]
"""What to do with a headline, asked for the n-th time, from 0."""


def always(deed: Deed) -> Script:
    """The same for each request."""
    return lambda _text, _number: deed


def first(*deeds: Deed) -> Script:
    """These with the first requests for each headline, then answers."""
    return lambda _text, number: deeds[number] if number < len(deeds) else "answer"


def now_and_then(weights: Mapping[Deed, float], seed: int = 0) -> Script:
    """These at random, with these probabilities; else answers."""

    def choose(text: str, number: int) -> Deed:
        drawn = random.Random(f"{seed} {number} {text}").random()  # noqa: S311 - no secret
        for deed, weight in weights.items():
            drawn -= weight
            if drawn < 0:
                return deed
        return "answer"

    return choose


@dataclass
class Llm:
    """The model, as long as its server runs."""

    truth: Mapping[str, str]
    script: Script = lambda _text, _number: "answer"
    error_rate: float = 0.0
    takes: frozenset[str] = frozenset(("response_format", "max_tokens", "temperature", "tools"))
    """Parameters that it takes; others are refused as OpenAI and Bedrock do."""
    key: str | None = None
    retry_after: str = "7"
    output_tokens: int = OUTPUT_TOKENS
    reasoning_tokens: int = 0
    """Those that only the total has, as with xAI and Gemini."""
    port: int = 0
    done: list[Done] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    _asked: Counter[str] = field(default_factory=Counter)

    @property
    def url(self) -> str:
        """Base URL, as OpenAI's clients take it."""
        return f"http://127.0.0.1:{self.port}/v1"

    def label(self, text: str) -> str:
        """What it thinks of a headline: mostly the truth."""
        chosen = random.Random(f"label {text}")  # noqa: S311 - no secret
        true = self.truth[text]
        wrong = [label for label in LABELS if label != true]
        return chosen.choice(wrong) if chosen.random() < self.error_rate else true

    def counted(self, *deeds: str) -> int:
        """How often it did these."""
        return sum(done.deed in deeds for done in self.done)

    def billed_usd(self, input_usd: str, output_usd: str, *, secretly: bool = False) -> Decimal:
        """What it bills, with a report to the client, or without."""
        wanted = BILLED_IN_SECRET if secretly else BILLED - BILLED_IN_SECRET
        costs = (d.cost_usd(input_usd, output_usd) for d in self.done if d.deed in wanted)
        return sum(costs, Decimal(0))

    def begin(self, text: str, size_bytes: int) -> Deed:
        """Decide on a request, and note it."""
        deed = self.script(text, self._asked[text])
        self._asked[text] += 1
        self.done.append(Done(text, deed, size_bytes // 4, self.output_tokens))
        return deed


@asynccontextmanager
async def llm_server(llm: Llm) -> AsyncIterator[Llm]:
    """Serve the model."""

    @web.middleware
    async def counting(
        request: web.Request, handler: Callable[[web.Request], Any]
    ) -> web.StreamResponse:
        llm.running += 1
        llm.most_running = max(llm.most_running, llm.running)
        try:
            answer: web.StreamResponse = await handler(request)
            return answer
        finally:
            llm.running -= 1

    async def chat(request: web.Request) -> web.StreamResponse:
        return await _openai(llm, request)

    async def converse(request: web.Request) -> web.StreamResponse:
        return await _bedrock(llm, request)

    app = web.Application(middlewares=[counting], handler_args={"access_log": None})
    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_post("/model/{model}/converse", converse)
    runner = web.AppRunner(app, shutdown_timeout=0.0, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", llm.port)
        await site.start()
        llm.port = runner.addresses[0][1]
        yield llm
    finally:
        await runner.cleanup()


async def _openai(llm: Llm, request: web.Request) -> web.StreamResponse:
    if llm.key is not None and request.headers.get("Authorization") != f"Bearer {llm.key}":
        said = f"Incorrect API key provided: {request.headers.get('Authorization')}"
        return _error(401, said, "invalid_api_key")
    raw = await request.read()
    body = json.loads(raw)
    llm.bodies.append(body)
    for name in ("response_format", "max_tokens", "temperature"):
        if name in body and name not in llm.takes:
            instead = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
            return _error(400, f"Unsupported parameter: '{name}'.{instead}", "unsupported", name)
    text = json.loads(body["messages"][-1]["content"])["headline"]
    deed = llm.begin(text, len(raw))
    if deed in _OPENAI_ERRORS:
        return _error(*_OPENAI_ERRORS[deed], headers=_retry_after(llm, deed))
    answered: dict[str, Any] = {"role": "assistant", "content": _content(llm, deed, text)}
    if deed == "reason":
        answered |= {"content": ""}
    if deed == "refuse":
        answered |= {"content": None, "refusal": "I can't help with that."}
    document: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": answered,
                "finish_reason": "length" if deed in ("run on", "reason") else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": len(raw) // 4,
            "completion_tokens": llm.output_tokens,
            "total_tokens": len(raw) // 4 + llm.output_tokens + llm.reasoning_tokens,
        },
    }
    if deed == "no usage":
        del document["usage"]
    return await _send(request, deed, document)


async def _bedrock(llm: Llm, request: web.Request) -> web.StreamResponse:
    raw = await request.read()
    body = json.loads(raw)
    llm.bodies.append(body)
    if "toolConfig" in body and "tools" not in llm.takes:
        said = "This model doesn't support tool use."
        return _aws_error(400, "ValidationException", said)
    text = json.loads(body["messages"][-1]["content"][0]["text"])["headline"]
    deed = llm.begin(text, len(raw))
    if deed in _BEDROCK_ERRORS:
        status, code = _BEDROCK_ERRORS[deed]
        return _aws_error(status, code, "not now", headers=_retry_after(llm, deed))
    document = bedrock_answer(llm, deed, text, len(raw) // 4, with_tool="toolConfig" in body)
    return await _send(request, deed, document)


def bedrock_answer(
    llm: Llm, deed: Deed, text: str, input_tokens: int, *, with_tool: bool
) -> dict[str, Any]:
    """The answer of Converse."""
    said = _content(llm, deed, text)
    part: dict[str, Any] = {"text": said}
    if deed == "reason":
        part = {"reasoningContent": {"reasoningText": {"text": "The profit rose, so"}}}
    if with_tool and deed in ("answer", "outside", "no usage"):
        part = {"toolUse": {"toolUseId": "t1", "name": "label", "input": json.loads(said)}}
    document = {
        "output": {"message": {"role": "assistant", "content": [part]}},
        "stopReason": _BEDROCK_STOPS.get(deed, "tool_use" if "toolUse" in part else "end_turn"),
        "usage": {
            "inputTokens": input_tokens,
            "outputTokens": llm.output_tokens,
            "totalTokens": input_tokens + llm.output_tokens,
        },
        "metrics": {"latencyMs": 1},
    }
    if deed == "no usage":
        del document["usage"]
    return document


def _content(llm: Llm, deed: Deed, text: str) -> str:
    label = llm.label(text)
    return (
        label.capitalize()
        if deed == "bare word"
        else _TEXTS.get(deed, json.dumps({"label": label}))
    )


async def _send(request: web.Request, deed: Deed, document: object) -> web.StreamResponse:
    """Send a document, or a part of it, or nothing at all."""
    if deed == "hang":
        await asyncio.Event().wait()  # until the client has gone
    body = json.dumps(document).encode()
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2] if deed == "cut" else body)
    if deed == "cut" and request.transport is not None:
        request.transport.close()
    return response


def _retry_after(llm: Llm, deed: Deed) -> dict[str, str]:
    if deed == "429 date":
        return {
            "Date": "Thu, 26 Nov 2026 12:00:00 GMT",
            "Retry-After": "Thu, 26 Nov 2026 12:00:09 GMT",
        }
    return {"Retry-After": llm.retry_after} if deed == "429" else {}


def _error(
    status: int,
    message: str,
    code: str,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    error = {"message": message, "type": "error", "param": param, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)


def _aws_error(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.json_response(
        {"message": message}, status=status, headers={"x-amzn-ErrorType": code, **(headers or {})}
    )
