"""One contract for the clients of all servers; Bedrock's also with botocore's Stubber."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

import boto3
import pytest
from botocore.stub import Stubber

from newsclf.common.errors import ConfigError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.label.llm.answers import read_label
from newsclf.label.llm.bedrock import BedrockModel
from newsclf.label.llm.model import Model, NotTakenError, Reply, Sampling, UnansweredError, Usage
from newsclf.label.llm.openai import OpenAiModel, key_of
from newsclf.label.llm.prompt import Prompt
from tests.support.llmserver import (
    KEY,
    NO_LABEL,
    OUTPUT_TOKENS,
    Deed,
    Llm,
    always,
    bedrock_answer,
    first,
    llm_server,
)

TEXT = "Acme's profit rose"
TRUTH = {TEXT: "positive", "Acme's profit fell": "negative"}
NO_LABEL_IN_ANSWER = ("outside", "prose", "wrong json", "refuse", "run on")
SAMPLING = Sampling(temperature=0.0, max_tokens=64)
Kind = Literal["openai", "bedrock"]
KINDS: list[Kind] = ["openai", "bedrock"]
Result = TypeVar("Result")


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-aws")
    monkeypatch.setenv("AWS_REGION", "us-east-1")


def with_model(
    kind: Kind,
    llm: Llm,
    use: Callable[[Model], Awaitable[Result]],
    *,
    key: str | None = None,
    timeout_s: float = 20.0,
) -> Result:
    """Call a function with the client of a model on a server."""

    async def main() -> Result:
        async with llm_server(llm):
            model: Model
            if kind == "openai":
                model = OpenAiModel(llm.url, "m", key=key, timeout_s=timeout_s)
            else:
                with pytest.MonkeyPatch.context() as patch:
                    url = llm.url.removesuffix("/v1")
                    patch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", url)
                    model = BedrockModel(Clients(), "amazon.nova-lite-v1:0", timeout_s=timeout_s)
            try:
                return await use(model)
            finally:
                await model.close()

    return asyncio.run(main())


def asked(kind: Kind, llm: Llm, text: str = TEXT, **options: Any) -> Reply:
    message = Prompt().message(text)
    return with_model(kind, llm, lambda model: model.ask(message, SAMPLING), **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "deed",
    [
        "answer",
        "bare word",
        "no usage",
        "outside",
        "prose",
        "wrong json",
        "refuse",
        "run on",
        "reason",
    ],
)
def test_an_answer_is_a_label_or_a_failure(kind: Kind, deed: Deed) -> None:
    llm = Llm(TRUTH, always(deed))

    reply = asked(kind, llm)

    label, failure = (None, reply.failure) if reply.failure else read_label(reply.raw)
    assert failure == NO_LABEL.get(deed)
    assert label == (None if failure else "positive")
    known = Usage(llm.done[0].input_tokens, OUTPUT_TOKENS)
    assert reply.usage == (None if deed == "no usage" else known)


def test_openai_refuses_an_answer_that_its_reasoning_left_no_tokens_for() -> None:
    reply = asked("openai", Llm(TRUTH, always("reason in secret")))
    assert (reply.failure, reply.usage) == ("reasoned too long", None)


def test_reasoning_that_only_the_total_has_is_billed() -> None:
    reply = asked("openai", Llm(TRUTH, reasoning_tokens=90))
    assert reply.usage is not None
    assert reply.usage.output_tokens == OUTPUT_TOKENS + 90


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("deed", "failure", "billed", "retry_after_s"),
    [
        ("429", "rate limit", False, 7.0),
        ("429 date", "rate limit", False, 9.0),
        ("500", "server error", False, None),
        ("502", "server error", True, None),
        ("cut", "cut off", True, None),
        ("hang", "no answer", True, None),
    ],
)
def test_without_an_answer_it_says_whether_it_may_be_billed(
    kind: Kind, deed: Deed, failure: str, *, billed: bool, retry_after_s: float | None
) -> None:
    llm = Llm(TRUTH, always(deed))
    with pytest.raises(UnansweredError) as raised:
        asked(kind, llm, timeout_s=0.4 if deed == "hang" else 20.0)

    error = raised.value
    assert (error.failure, error.billed, error.retry_after_s) == (failure, billed, retry_after_s)
    assert len(llm.done) == 1  # the run repeats requests, and counts them; the client must not


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_that_is_not_taken_says_why(kind: Kind) -> None:
    with pytest.raises(NotTakenError) as raised:
        asked(kind, Llm(TRUTH, always("too long")))

    assert ("too long" if kind == "openai" else "not now") in raised.value.problem
    assert not raised.value.always


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_not_there(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://127.0.0.1:9")

    async def main() -> None:
        model: Model = (
            OpenAiModel("http://127.0.0.1:9/v1", "m")
            if kind == "openai"
            else BedrockModel(Clients(), "m")
        )
        try:
            await model.ask(Prompt().message(TEXT), SAMPLING)
        finally:
            await model.close()

    with pytest.raises(UnansweredError, match="it can't be reached") as raised:
        asyncio.run(main())
    assert not raised.value.billed


@pytest.mark.parametrize("kind", KINDS)
def test_structured_output_is_left_out_for_good_where_it_is_refused(kind: Kind) -> None:
    llm = Llm(TRUTH, takes=frozenset(("max_tokens", "temperature")))

    async def use(model: Model) -> list[Reply]:
        return [await model.ask(Prompt().message(text), SAMPLING) for text in TRUTH]

    replies = with_model(kind, llm, use)

    name = "response_format" if kind == "openai" else "toolConfig"
    assert [name in body for body in llm.bodies] == [True, False, False]
    assert [read_label(reply.raw)[0] for reply in replies] == list(TRUTH.values())


def test_structured_output_allows_the_three_labels_only() -> None:
    llms = [Llm(TRUTH), Llm(TRUTH)]
    for kind, llm in zip(KINDS, llms, strict=True):
        asked(kind, llm)

    by_openai = llms[0].bodies[0]["response_format"]["json_schema"]
    by_bedrock = llms[1].bodies[0]["toolConfig"]
    assert by_openai["strict"] is True
    assert by_openai["schema"] == by_bedrock["tools"][0]["toolSpec"]["inputSchema"]["json"]
    assert by_openai["schema"]["properties"]["label"]["enum"] == ["negative", "neutral", "positive"]
    assert by_bedrock["toolChoice"] == {"tool": {"name": "label"}}


def test_newer_models_of_openai_get_other_parameters() -> None:
    llm = Llm(TRUTH, takes=frozenset(("response_format",)))

    assert read_label(asked("openai", llm).raw) == ("positive", None)

    last = llm.bodies[-1]
    assert last["max_completion_tokens"] == 64
    assert "response_format" in last
    assert not {"max_tokens", "temperature"} & last.keys()


def test_a_headline_that_is_too_long_costs_no_structured_output() -> None:
    llm = Llm(TRUTH, lambda text, _: "too long" if "rose" in text else "answer")

    async def use(model: Model) -> None:
        await model.ask(Prompt().message("Acme's profit fell"), SAMPLING)
        with pytest.raises(NotTakenError):
            await model.ask(Prompt().message(TEXT), SAMPLING)
        await model.ask(Prompt().message("Acme's profit fell"), SAMPLING)

    with_model("openai", llm, use)

    assert ["response_format" in body for body in llm.bodies] == [True, True, True]


def test_a_filter_of_the_provider_is_a_refusal() -> None:
    reply = asked("openai", Llm(TRUTH, always("filter")))

    assert (reply.failure, reply.usage) == ("refused", Usage(0, 0))


def test_a_key_is_sent_and_never_shown() -> None:
    assert asked("openai", Llm(TRUTH, key=KEY), key=KEY).failure is None

    with pytest.raises(NotTakenError) as raised:
        asked("openai", Llm(TRUTH, key="another"), key=KEY)
    assert raised.value.always
    assert "Bearer ***" in raised.value.problem
    assert KEY not in f"{raised.value!r} {OpenAiModel('http://localhost/v1', 'm', key=KEY)!r}"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://llm.example/v1", "not the address"),
        ("llm.example/v1", "not the address"),
        ("http://[", "not the address"),
        ("https://user:hidden@llm.example/v1", "holds a user"),
        ("https://llm.example/v1?key=hidden", "holds a user, a password or a query"),
        ("http://llm.example/v1", "without encryption"),
    ],
)
def test_an_address_that_would_leak_or_lead_nowhere(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        OpenAiModel(url, "m", key=KEY)
    assert "hidden" not in str(raised.value)


def test_plain_http_is_for_this_machine_or_without_a_key() -> None:
    assert OpenAiModel("http://127.0.0.1:8000/v1/", "m", key=KEY).name == "m@127.0.0.1:8000"
    assert OpenAiModel("http://gpu.lan:8000/v1", "m").provider == "gpu.lan:8000"


@pytest.mark.parametrize("key", ["two words", "umläut", "new\nline"])
def test_what_no_header_can_hold_is_no_key(key: str) -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY, holds characters") as raised:
        key_of({"OPENAI_API_KEY": key})
    assert key not in str(raised.value)


class StubbedClients(Clients):
    """Clients of which the one that asks models is stubbed."""

    def __init__(self) -> None:
        super().__init__("us-east-1")
        self.stubbed = boto3.client("bedrock-runtime", region_name="us-east-1")
        self.stub = Stubber(self.stubbed)

    def single_attempt_client(self, service: str, **_: object) -> Any:
        """The stubbed client."""
        assert service == "bedrock-runtime"
        return self.stubbed


def stubbed(prepare: Callable[[Stubber], object]) -> Reply:
    """What Bedrock's client makes of an answer that botocore's model of the service allows."""
    clients = StubbedClients()
    prepare(clients.stub)

    async def main() -> Reply:
        model = BedrockModel(clients, "amazon.nova-lite-v1:0")
        try:
            return await model.ask(Prompt().message(TEXT), SAMPLING)
        finally:
            await model.close()

    with clients.stub:
        reply = asyncio.run(main())
    clients.stub.assert_no_pending_responses()
    return reply


@pytest.mark.parametrize("deed", ["answer", *NO_LABEL_IN_ANSWER])
def test_answers_of_the_fake_bedrock_are_of_the_form_of_the_service(deed: Deed) -> None:
    document = bedrock_answer(Llm(TRUTH), deed, TEXT, 100, with_tool=True)

    reply = stubbed(lambda stub: stub.add_response("converse", document))

    by_server = asked("bedrock", Llm(TRUTH, always(deed)))
    assert (reply.raw, reply.failure) == (by_server.raw, by_server.failure)
    assert reply.usage == Usage(100, OUTPUT_TOKENS)
    assert (reply.failure or read_label(reply.raw)[1]) == NO_LABEL.get(deed)


def test_bedrock_throttles() -> None:
    def prepare(stub: Stubber) -> None:
        stub.add_client_error(
            "converse",
            "ThrottlingException",
            "Too many tokens, please wait",
            429,
            response_meta={"HTTPHeaders": {"retry-after": "3"}},
        )

    with pytest.raises(UnansweredError, match="ThrottlingException: Too many tokens") as raised:
        stubbed(prepare)
    assert (raised.value.failure, raised.value.retry_after_s) == ("rate limit", 3.0)


def test_bedrock_denies() -> None:
    def prepare(stub: Stubber) -> None:
        stub.add_client_error("converse", "AccessDeniedException", "You don't have access", 403)

    with pytest.raises(NotTakenError, match="is not allowed") as raised:
        stubbed(prepare)
    assert "bedrock:InvokeModel" in raised.value.hint
    assert raised.value.always


def test_a_model_without_tools_is_asked_in_words() -> None:
    document = bedrock_answer(Llm(TRUTH), "bare word", TEXT, 100, with_tool=False)

    def prepare(stub: Stubber) -> None:
        said = "This model doesn't support tool use."
        stub.add_client_error("converse", "ValidationException", said, 400)
        stub.add_response("converse", document)

    assert read_label(stubbed(prepare).raw) == ("positive", None)


def test_dates_in_retry_after_count_from_the_servers_clock() -> None:
    def now() -> dt.datetime:
        return dt.datetime(2030, 1, 1, tzinfo=dt.UTC)

    async def main() -> None:
        llm = Llm(TRUTH, first("429 date"))
        async with llm_server(llm):
            model = OpenAiModel(llm.url, "m", now=now)
            try:
                await model.ask(Prompt().message(TEXT), SAMPLING)
            finally:
                await model.close()

    with pytest.raises(UnansweredError) as raised:
        asyncio.run(main())
    assert raised.value.retry_after_s == 9.0
