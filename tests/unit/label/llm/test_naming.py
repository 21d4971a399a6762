"""Tests of how models are named, and of which server gets which key."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from newsclf.common.errors import ConfigError
from newsclf.label.llm.model import NotTakenError, Sampling
from newsclf.label.llm.naming import Connecting, KeySource, open_models
from newsclf.label.llm.prompt import Prompt
from tests.support.llmserver import KEY, Llm, llm_server

LOCAL = "http://127.0.0.1:8000/v1"


def names(*specs: str, environ: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    models = open_models(specs, [], environ or {}, Connecting(region="eu-west-1"))
    for model in models:
        asyncio.run(model.close())
    return [(model.name, model.provider) for model in models]


def test_models_are_named_with_their_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-aws")
    assert names("gpt-4.1-mini", f"org/qwen3:8b@{LOCAL}", "bedrock:amazon.nova-lite-v1:0") == [
        ("gpt-4.1-mini@api.openai.com", "api.openai.com"),
        ("org/qwen3:8b@127.0.0.1:8000", "127.0.0.1:8000"),
        ("amazon.nova-lite-v1:0@bedrock.eu-west-1", "bedrock"),
    ]


@pytest.mark.parametrize(
    "spec", ["", "@https://llm.example/v1", "https://llm.example/v1", "two words", "bedrock:", "m@"]
)
def test_other_names_are_refused(spec: str) -> None:
    with pytest.raises(ConfigError, match="--llm"):
        names(spec)


def asked_with(llm: Llm, keys: list[KeySource], environ: Mapping[str, str]) -> str | None:
    """The header with which a model on loopback is asked; None without one."""

    async def main() -> str | None:
        async with llm_server(llm):
            hosted = [
                KeySource(
                    k.variable, k.file, f"127.0.0.1:{llm.port}" if k.server == "it" else k.server
                )
                for k in keys
            ]
            (model,) = open_models([f"m@{llm.url}"], hosted, environ, Connecting())
            try:
                await model.ask(Prompt().message("Acme"), Sampling(temperature=0, max_tokens=64))
            except NotTakenError as error:
                return error.problem
            finally:
                await model.close()
            return None

    return asyncio.run(main())


def test_a_key_goes_to_the_server_it_is_for(tmp_path: Path) -> None:
    llm = Llm({"Acme": "neutral"}, key=KEY)
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n", encoding="utf-8")

    assert asked_with(llm, [KeySource(variable="MY_KEY")], {"MY_KEY": KEY}) is None
    assert asked_with(llm, [KeySource(file=file)], {}) is None
    assert asked_with(llm, [KeySource(variable="MY_KEY", server="it")], {"MY_KEY": KEY}) is None
    assert asked_with(llm, [KeySource(variable="MY_KEY", server="m")], {"MY_KEY": KEY}) is None
    # OpenAI's key is not for other servers.
    problem = asked_with(llm, [], {"OPENAI_API_KEY": KEY})
    assert problem is not None
    assert problem.endswith("provided: None")


def test_a_key_without_a_server_or_for_several() -> None:
    both = ["gpt-4.1", f"m@{LOCAL}"]
    environ = {"KEY": KEY}
    with pytest.raises(ConfigError, match="a key for 2 servers"):
        open_models(both, [KeySource(variable="KEY")], environ, Connecting())
    with pytest.raises(ConfigError, match=r"a key for llm\.example, which no --llm names"):
        open_models(both, [KeySource(variable="KEY", server="llm.example")], environ, Connecting())
    twice = [KeySource(variable="KEY", server=server) for server in ("m", "127.0.0.1:8000")]
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1:8000 has several keys"):
        open_models(both, twice, environ, Connecting())
    with pytest.raises(ConfigError, match="a key for m, which 127"):
        open_models([*both, "m@http://127.0.0.1:8001/v1"], twice, environ, Connecting())
    with pytest.raises(ConfigError, match="the environment variable OTHER is empty"):
        open_models(both[:1], [KeySource(variable="OTHER")], environ, Connecting())
