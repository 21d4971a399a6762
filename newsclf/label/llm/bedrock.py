"""Models on Amazon Bedrock, through Converse: the answer is the argument of a tool it must call.

A model that takes no tool, or can't be made to call one, is asked in words for the rest of the run.
boto3 is synchronous, so requests run in threads, as many as may run at once.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from newsclf.common.errors import NewsclfError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError, aws_errors
from newsclf.deploy.http_headers import retry_after_s
from newsclf.label.llm.answers import Failure
from newsclf.label.llm.model import (
    NotTakenError,
    Reply,
    Sampling,
    UnansweredError,
    Usage,
    counted,
)
from newsclf.label.llm.prompt import SCHEMA, Message

PROVIDER: Final = "bedrock"
_TOOL: Final = "label"
_TOOLS: Final[dict[str, Any]] = {
    "tools": [
        {
            "toolSpec": {
                "name": _TOOL,
                "description": "Record the label of the headline.",
                "inputSchema": {"json": SCHEMA},
            }
        }
    ],
    "toolChoice": {"tool": {"name": _TOOL}},
}
_FAILURES: Final[dict[str, Failure]] = {
    "content_filtered": "refused",
    "guardrail_intervened": "refused",
    "max_tokens": "too many tokens",
    "malformed_model_output": "wrong form",
    "malformed_tool_use": "wrong form",
}
"""Reason for which a model stopped → what is wrong with its answer. The others are in order."""
_REQUIRED: Final = {"output", "stopReason"}
"""Parts of every answer."""
_RATE_LIMIT: Final = frozenset(("ThrottlingException", "TooManyRequestsException"))
_BUSY: Final = frozenset(
    ("InternalServerException", "ModelNotReadyException", "ServiceUnavailableException")
)
_MAY_BE_BILLED: Final = frozenset(("ModelErrorException", "ModelTimeoutException"))
_OF_THE_HEADLINE: Final = frozenset(("ValidationException",))
"""Codes of refusals that may be a matter of one request."""
_SAID_CHARACTERS = 300
_SERVER_ERROR = 500


class BedrockModel:
    """A model on Amazon Bedrock.

    Args:
        clients: Of the region and the account; Bedrock bills that account.
        model: Identifier of the model or of an inference profile.
        timeout_s: Longest time for an answer.
        connections: Requests that may run at once.

    Raises:
        ConfigError: Of boto3's configuration; CredentialsError likewise.
    """

    provider: Final = PROVIDER

    def __init__(
        self, clients: Clients, model: str, *, timeout_s: float = 60.0, connections: int = 8
    ) -> None:
        self.model = model
        self.name = f"{model}@bedrock.{clients.region}"
        self._client = clients.single_attempt_client(
            "bedrock-runtime", read_timeout_s=timeout_s, connections=connections
        )
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="bedrock")
        self._with_tool = True

    def __repr__(self) -> str:
        """With its name only."""
        return f"BedrockModel({self.name!r})"

    async def ask(self, message: Message, sampling: Sampling) -> Reply:
        """Send one request, and again without the tool where the model does not take it."""
        while True:
            with_tool = self._with_tool
            arguments = self._arguments(message, sampling, with_tool=with_tool)
            loop = asyncio.get_running_loop()
            try:
                answer = await loop.run_in_executor(self._threads, self._converse, arguments)
            except NotTakenError as error:
                if not (with_tool and "tool" in error.problem.lower()):
                    raise
                self._with_tool = False
                continue
            return _reply(answer)

    async def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _arguments(
        self, message: Message, sampling: Sampling, *, with_tool: bool
    ) -> dict[str, Any]:
        arguments = {
            "modelId": self.model,
            "system": [{"text": message.system}],
            "messages": [{"role": "user", "content": [{"text": message.user}]}],
            "inferenceConfig": {
                "maxTokens": sampling.max_tokens,
                "temperature": sampling.temperature,
            },
        }
        return arguments | ({"toolConfig": _TOOLS} if with_tool else {})

    def _converse(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call Converse once.

        Raises:
            UnansweredError: It is busy, failed or did not answer.
            NotTakenError: It refused.
        """
        import botocore.exceptions as aws
        from botocore.parsers import ResponseParserError

        try:
            with aws_errors(f"asking {self.name}", permission="bedrock:InvokeModel"):
                answer: dict[str, Any] = self._client.converse(**arguments)
        except NewsclfError as error:
            cause = error.__cause__
            if isinstance(cause, aws.ClientError):
                problem = _transient(cause.response)
                if problem is not None:
                    raise problem from None
            elif isinstance(cause, aws.ConnectTimeoutError | aws.EndpointConnectionError):
                reason = type(cause).__name__
                raise UnansweredError(f"it can't be reached ({reason})", "no answer") from None
            elif isinstance(cause, aws.ReadTimeoutError):
                reason = f"no answer within {self._timeout_s:g} s"
                raise UnansweredError(reason, "no answer", billed=True) from None
            elif isinstance(cause, aws.HTTPClientError | ResponseParserError):
                reason = f"the connection ended within the answer ({type(cause).__name__})"
                raise UnansweredError(reason, "cut off", billed=True) from None
            code = error.code if isinstance(error, RefusedError) else ""
            hint = error.hint or f"check the model's identifier ({self.model}) and the region"
            always = code not in _OF_THE_HEADLINE
            raise NotTakenError(error.message, hint=hint, always=always) from None
        if not answer.keys() >= _REQUIRED:  # botocore takes JSON that ends early for an empty one
            raise UnansweredError("the answer ends early", "cut off", billed=True)
        return answer


def _transient(response: Mapping[str, Any]) -> UnansweredError | None:
    """The error of an answer after which the request may be repeated; None for any other."""
    code = response.get("Error", {}).get("Code", "")
    said = " ".join(response.get("Error", {}).get("Message", "").split())[:_SAID_CHARACTERS]
    about = response.get("ResponseMetadata", {})
    problem = f"it answered {code}: {said}"
    wait_s = retry_after_s(about.get("HTTPHeaders", {}), now=dt.datetime.now(dt.UTC))
    if code in _RATE_LIMIT:
        return UnansweredError(problem, "rate limit", retry_after_s=wait_s)
    if code in _BUSY or code in _MAY_BE_BILLED or about.get("HTTPStatusCode", 0) >= _SERVER_ERROR:
        billed = code not in _BUSY
        return UnansweredError(problem, "server error", retry_after_s=wait_s, billed=billed)
    return None


def _reply(answer: Mapping[str, Any]) -> Reply:
    """The answer of a model that called the tool, or wrote something instead."""
    used = answer.get("usage", {})
    asked, answered = (counted(used.get(f"{name}Tokens")) for name in ("input", "output"))
    usage = None if asked is None or answered is None else Usage(asked, answered)
    content = answer.get("output", {}).get("message", {}).get("content", [])
    calls = [part["toolUse"] for part in content if "toolUse" in part]
    if calls:
        raw = json.dumps(calls[0].get("input"), ensure_ascii=False)
    else:
        raw = "".join(part.get("text", "") for part in content)
    failure = _FAILURES.get(answer.get("stopReason", ""))
    if failure == "too many tokens" and any("reasoningContent" in part for part in content):
        failure = "reasoned too long"
    if failure is None and len(calls) > 1:
        failure = "wrong form"
    return Reply(raw, usage, failure)
