"""Models behind an API like OpenAI's: POST /chat/completions.

Servers differ in what they take. What one does not take is left out of the next request, for the
rest of the run: first the JSON Schema of the answer, which is then only asked for in words, then
`max_tokens`, which newer models of OpenAI call `max_completion_tokens`, and `temperature`.

Models that reason do so within the same limit. One that reaches it while it reasons has an empty
answer, which is paid for; OpenAI may also refuse it, with status 400.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from newsclf.common.errors import ConfigError
from newsclf.common.urls import is_loopback, without_secrets
from newsclf.common.visible import visible
from newsclf.deploy.credentials import BearerToken, read_secret
from newsclf.deploy.http_client import async_client_for
from newsclf.deploy.http_headers import retry_after_s
from newsclf.label.llm.model import (
    MOST_ANSWER_BYTES,
    NotTakenError,
    Reply,
    Sampling,
    UnansweredError,
    Usage,
    counted,
)
from newsclf.label.llm.prompt import SCHEMA, Message

OPENAI_URL: Final = "https://api.openai.com/v1"
KEY_VARIABLE: Final = "OPENAI_API_KEY"
_SAID_CHARACTERS = 300
_MAY_WANT_LESS = frozenset((400, 404, 422))
"""Statuses with which servers refuse a parameter; 404 is a router without a model that has it."""
_BUSY = frozenset((408, 409, 425, 429))
_REACHED_LIMIT = "max_tokens or model output limit was reached"
"""What OpenAI says, with status 400, where a model did not get to its answer."""
_HEADERS: Final = {"Accept-Encoding": "identity"}
_ZLIB_OR_GZIP = 32 + zlib.MAX_WBITS
_NOT_BILLED = frozenset((500, 503, 529))
"""The server itself gave up. Other 5xx are of a gateway, behind which there may be an answer."""


def key_of(
    environ: Mapping[str, str], *, variable: str | None = None, file: Path | None = None
) -> str | None:
    """The key of a server, from an environment variable or a file.

    Args:
        environ: Environment variables.
        variable: The one that holds it; None: OPENAI_API_KEY, which may be absent.
        file: The file that holds it, if any.

    Raises:
        ConfigError: What was named holds no key, or one that no header can hold.
    """
    if file is None and variable is None and not environ.get(KEY_VARIABLE, "").strip():
        return None
    name = None if file is not None else variable or KEY_VARIABLE
    found = read_secret(environ, what="the key of the LLM", variable=name, file=file)
    try:
        key = found.decode("ascii")
    except UnicodeDecodeError:
        key = ""
    if not re.fullmatch(r"[!-~]+", key):
        raise ConfigError(
            f"the key of the LLM, from {file or name}, holds characters that no key has",
            hint="it must be the key alone, on one line",
        )
    return key


def _checked_url(base_url: str, *, with_key: bool) -> httpx.URL:
    """The base URL, without a slash at its end; ConfigError if it is none."""
    try:
        url = httpx.URL(base_url.rstrip("/"))
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not re.fullmatch(r"[\w.:-]+", url.host):
        raise ConfigError(
            f"{visible(without_secrets(base_url))}: not the address of a server",
            hint=f"write it as {OPENAI_URL}, without /chat/completions",
        )
    if url.userinfo or url.query or url.fragment:
        raise ConfigError(
            f"the address of the LLM on {url.host} holds a user, a password or a query",
            hint="put the key into an environment variable or a file",
        )
    if url.scheme == "http" and with_key and not is_loopback(url.host):
        raise ConfigError(
            f"the key would go to {url.host} without encryption",
            hint="write https://, or leave the key out",
        )
    return url


class OpenAiModel:
    """A model behind an API like OpenAI's.

    Args:
        base_url: Up to `/v1`; http only without a key, or to this machine.
        model: Its name there.
        key: Sent as a bearer token; None: none is needed.
        timeout_s: Longest time for an answer.
        connections: Requests that may run at once.
        now: The clock, for dates in Retry-After.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        key: str | None = None,
        timeout_s: float = 60.0,
        connections: int = 8,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        url = _checked_url(base_url, with_key=key is not None)
        self.model = model
        self.provider = url.netloc.decode("ascii")
        self.name = f"{model}@{self.provider}"
        self._url = f"{url}/chat/completions"
        self._key = key
        self._timeout_s = timeout_s
        self._now = now
        self._client = async_client_for(
            self._url,
            timeout_s=timeout_s,
            connections=connections,
            auth=None if key is None else BearerToken(key),
        )
        self._with_schema = True
        self._limit_name = "max_tokens"
        self._with_temperature = True
        self._is_taken = False
        """Whether the server has taken a request in its present form."""

    def __repr__(self) -> str:
        """Without the key."""
        return f"OpenAiModel({self.name!r})"

    async def ask(self, message: Message, sampling: Sampling) -> Reply:
        """Send one request, and again with less where the server does not take all of it."""
        while True:
            wanted = (self._with_schema, self._limit_name, self._with_temperature)
            status, headers, document = await self._post(self._body(message, sampling))
            if status == httpx.codes.OK:
                self._is_taken = True
                return self._reply(document)
            if "content_filter" in _codes(document):  # as Azure says it, with 400
                return Reply(self._shown(_said(document)), Usage(0, 0), "refused")
            if _REACHED_LIMIT in _said(document):
                self._is_taken = True
                return Reply(self._shown(_said(document)), _usage(document), "reasoned too long")
            if status not in _MAY_WANT_LESS:
                break
            if wanted != (self._with_schema, self._limit_name, self._with_temperature):
                continue  # another request has found out meanwhile
            if not self._want_less(_said(document)):
                break
        raise self._problem(status, headers, document)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    def _body(self, message: Message, sampling: Sampling) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": message.system},
                {"role": "user", "content": message.user},
            ],
            self._limit_name: sampling.max_tokens,
        }
        if self._with_temperature:
            body["temperature"] = sampling.temperature
        if self._with_schema:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "label", "strict": True, "schema": SCHEMA},
            }
        return body

    async def _post(self, body: dict[str, Any]) -> tuple[int, httpx.Headers, Any]:
        """Status, headers and document of the answer; the document is None if it is no JSON.

        Raises:
            UnansweredError: There is no whole answer.
        """
        received = bytearray()
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream("POST", self._url, json=body, headers=_HEADERS) as answer,
            ):
                async for piece in answer.aiter_raw():
                    received += piece
                    _check_size(received)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise UnansweredError(
                f"it can't be reached ({type(error).__name__})", "no answer"
            ) from None
        except (httpx.TimeoutException, TimeoutError):
            raise UnansweredError(
                f"no answer within {self._timeout_s:g} s", "no answer", billed=True
            ) from None
        except (httpx.RequestError, httpx.StreamError) as error:
            raise UnansweredError(
                f"the connection ended within the answer ({type(error).__name__})",
                "cut off",
                billed=True,
            ) from None
        content = _inflated(received, answer.headers.get("content-encoding", ""))
        _check_size(content)
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        return answer.status_code, answer.headers, document

    def _want_less(self, said: str) -> bool:
        """Leave out what the server names; whether there was anything to leave out."""
        if self._with_schema and re.search("response_format|json_schema|structured", said):
            self._with_schema = False
        elif self._limit_name == "max_tokens" and "max_completion_tokens" in said:
            self._limit_name = "max_completion_tokens"
        elif self._with_temperature and "temperature" in said:
            self._with_temperature = False
        elif self._with_schema and not self._is_taken:
            self._with_schema = False  # it is refused without a reason, or in unknown words
        else:
            return False
        return True

    def _reply(self, document: Any) -> Reply:
        usage = _usage(document)
        try:
            choice = document["choices"][0]
            answered = choice["message"]
            content, refusal = answered.get("content"), answered.get("refusal")
            ended = choice.get("finish_reason")
        except (TypeError, LookupError, AttributeError):
            return Reply(self._shown(_as_json(document)), usage, "wrong form")
        raw = self._shown(content if isinstance(content, str) else "")
        if refusal or ended == "content_filter":
            return Reply(self._shown(str(refusal)) if refusal else raw, usage, "refused")
        if ended == "length":
            return Reply(
                raw, usage, "reasoned too long" if _reasoned(document) else "too many tokens"
            )
        return Reply(raw, usage)

    def _problem(
        self, status: int, headers: httpx.Headers, document: Any
    ) -> UnansweredError | NotTakenError:
        """What an answer with another status than 200 means."""
        said = self._shown(_said(document))[:_SAID_CHARACTERS] or "no reason given"
        problem = f"it answered {status}: {said}"
        wait_s = retry_after_s(headers, now=self._now())
        if status == httpx.codes.TOO_MANY_REQUESTS and "insufficient_quota" in _codes(document):
            return NotTakenError(problem, hint="the account has no credit left", always=True)
        if status in _BUSY:
            return UnansweredError(problem, "rate limit", retry_after_s=wait_s)
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            billed = status not in _NOT_BILLED
            return UnansweredError(problem, "server error", retry_after_s=wait_s, billed=billed)
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            hint = f"set {KEY_VARIABLE}, or name the variable or file that holds the key"
            return NotTakenError(problem, hint=hint, always=True)
        if status == httpx.codes.PAYMENT_REQUIRED:
            return NotTakenError(problem, hint="the account has no credit left", always=True)
        hint = f"check the address and the name of the model ({self.model})"
        if status == httpx.codes.NOT_FOUND and not self._url.endswith("/v1/chat/completions"):
            hint += "; most addresses end with /v1"
        return NotTakenError(problem, hint=hint)

    def _shown(self, text: str) -> str:
        """A server's words without the key, which some repeat."""
        if not self._key:
            return text
        return text.replace(self._key, "***").replace(_as_json(self._key)[1:-1], "***")


def _check_size(content: bytes | bytearray) -> None:
    """Raise UnansweredError for an answer that is too large to be one."""
    if len(content) > MOST_ANSWER_BYTES:
        raise UnansweredError(
            f"its answer is larger than {MOST_ANSWER_BYTES:,} bytes", "wrong form", billed=True
        )


def _inflated(received: bytes | bytearray, encoding: str) -> bytes | bytearray:
    """An answer without its compression, which no server was asked for, as far as it may go.

    A few kilobytes can stand for gigabytes, so that the HTTP client must not undo it.
    """
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return received
    try:
        return zlib.decompressobj(_ZLIB_OR_GZIP).decompress(received, MOST_ANSWER_BYTES + 1)
    except zlib.error:
        return b""


def _as_json(value: Any) -> str:
    """A document as text; empty if it is nested too deeply."""
    try:
        return json.dumps(value)
    except RecursionError:
        return ""


def _usage(document: Any) -> Usage | None:
    """What is billed. xAI and Gemini count reasoning in the total alone; OpenAI in the answer."""
    found = document.get("usage") if isinstance(document, dict) else None
    if not isinstance(found, dict):
        return None
    asked, answered = (counted(found.get(f"{name}_tokens")) for name in ("prompt", "completion"))
    if asked is None or answered is None:
        return None
    return Usage(asked, max(answered, (counted(found.get("total_tokens")) or 0) - asked))


def _reasoned(document: Any) -> bool:
    """Whether an answer that was cut has reasoning: counted, apart from the answer, or in it."""
    usage = document.get("usage")
    details = usage.get("completion_tokens_details") if isinstance(usage, dict) else None
    if isinstance(details, dict) and counted(details.get("reasoning_tokens")):
        return True
    answered = document["choices"][0]["message"]
    content = answered.get("content")
    return (
        any(answered.get(name) for name in ("reasoning_content", "reasoning"))
        or not content
        or (isinstance(content, str) and content.lstrip().startswith("<think>"))
    )


def _errors(document: Any) -> list[dict[str, Any]]:
    """The objects of a document that may say what is wrong."""
    if not isinstance(document, dict):
        return []
    inner = document.get("error")
    return [inner, document] if isinstance(inner, dict) else [document]


def _said(document: Any) -> str:
    """The reason that an error gives, on one line; empty if it gives none."""
    for place in _errors(document):
        for name in ("message", "detail", "error"):
            if place.get(name):
                said = place[name]
                text = said if isinstance(said, str) else _as_json(said)
                return visible(" ".join(f"{text} {place.get('param') or ''}".split()))
    return ""


def _codes(document: Any) -> set[str]:
    """Codes of an error."""
    return {
        str(place[name])
        for place in _errors(document)
        for name in ("code", "type")
        if place.get(name)
    }
