"""Tests of secrets that the user keeps, and of how they get into requests."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from newsclf.common.errors import ConfigError
from newsclf.deploy.credentials import BearerToken, read_secret

WHAT = "the key of the LLM"


def test_the_secret_is_from_the_environment_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("correct horse\n", encoding="utf-8")

    assert read_secret({"KEY": " correct horse"}, what=WHAT, variable="KEY") == b"correct horse"
    assert read_secret({}, what=WHAT, file=file) == b"correct horse"
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=f"{WHAT} is missing: the environment variable KEY"):
        read_secret({}, what=WHAT, variable="KEY")
    with pytest.raises(ConfigError, match=f"{WHAT} is missing"):
        read_secret({}, what=WHAT)
    with pytest.raises(ConfigError, match="is empty"):
        read_secret({}, what=WHAT, file=file)
    with pytest.raises(ConfigError, match="no such file"):
        read_secret({}, what=WHAT, file=tmp_path / "missing")


def test_a_token_is_in_the_request_and_not_in_what_is_shown() -> None:
    token = BearerToken("sk-1234567890")

    request = next(token.auth_flow(httpx.Request("POST", "https://llm.example/v1")))

    assert request.headers["authorization"] == "Bearer sk-1234567890"
    assert "1234567890" not in f"{token!r} {request!r} {request.headers!r}"
