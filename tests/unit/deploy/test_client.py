"""The client of an API or endpoint: what each answer means, and which clients use a proxy."""

from __future__ import annotations

import json
import socket

import pytest

from newsclf.common.errors import NewsclfError, RequestRejectedError, ServiceError
from newsclf.common.urls import is_loopback, without_secrets
from newsclf.contract.answers import Prediction
from newsclf.deploy.client import Address, classify
from newsclf.deploy.http_client import client_for
from tests.support.recorder import recorder

SCORES = {"negative": 0.1, "neutral": 0.2, "positive": 0.7}


def answer_to(status: int, body: object) -> object:
    """What the client makes of an answer: the predictions, or the error."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with recorder(status, content) as server:
        try:
            return classify(Address(f"{server.url}/classify", "api"), ["Profit rose"])
        except NewsclfError as error:
            return error


@pytest.mark.parametrize(
    ("status", "body", "kind", "message", "hint"),
    [
        (
            503,
            {"error": {"code": "endpoint_busy", "message": "too much to do"}},
            ServiceError,
            "the API is busy (503): too much to do",
            "try again",
        ),
        (
            429,
            {"error": {"code": "throttled", "message": "too many requests"}},
            ServiceError,
            "the API is busy (429): too many requests",
            "try again",
        ),
        (
            401,
            {"error": {"code": "unauthorized", "message": "a valid x-api-key is needed"}},
            RequestRejectedError,
            "the API refused the credential (401): a valid x-api-key is needed",
            "newsclf wire-api",
        ),
        (
            403,
            {"message": "Forbidden"},
            RequestRejectedError,
            "the API refused the credential (403): Forbidden",
            "newsclf wire-api",
        ),
        (
            404,
            {"message": "Not Found"},
            RequestRejectedError,
            "the API has no such address (404): Not Found",
            "newsclf status",
        ),
        (
            400,
            {"error": {"message": "'headline' is empty"}},
            RequestRejectedError,
            "the API rejected the request (400): 'headline' is empty",
            None,
        ),
        (
            502,
            {"error": {"message": "the function failed"}},
            ServiceError,
            "the API failed (502): the function failed",
            "newsclf logs --api",
        ),
        (
            500,
            b"<html>a page of somebody's</html>",
            ServiceError,
            "the API failed (500): Internal Server Error",
            "newsclf logs --api",
        ),
        (302, b"", ServiceError, "the API failed (302): Found", "newsclf status"),
        (
            500,
            {"error": "text"},
            ServiceError,
            "the API failed (500): Internal Server Error",
            "newsclf status",
        ),
    ],
)
def test_an_error_of_the_api_is_a_sentence_with_a_hint(
    status: int, body: object, kind: type[NewsclfError], message: str, hint: str | None
) -> None:
    error = answer_to(status, body)

    assert isinstance(error, kind)
    assert error.message == message
    assert (hint is None) == (error.hint is None)
    assert (hint or "") in (error.hint or "")


@pytest.mark.parametrize(
    "scores",
    [
        SCORES | {"neutral": float("nan")},
        SCORES | {"neutral": float("inf")},
        SCORES | {"negative": -0.1, "neutral": 0.4},
        SCORES | {"neutral": 0.9},
        dict.fromkeys(SCORES, 0.0),
        SCORES | {"neutral": None},
        SCORES | {"neutral": 10**400},
        {"negative": 1.0},
    ],
)
def test_scores_that_are_no_probabilities_are_no_answer(scores: dict[str, object]) -> None:
    error = answer_to(200, {"predictions": [{"scores": scores}]})

    assert isinstance(error, ServiceError)
    assert "does not answer as a newsclf classifier does" in error.message


def test_scores_may_be_rounded() -> None:
    rounded = {"negative": 0.3333, "neutral": 0.3333, "positive": 0.3333}

    answer = answer_to(200, {"predictions": [{"scores": rounded}]})

    assert answer == [Prediction((0.3333, 0.3333, 0.3333))]


def test_who_is_there_but_slow_is_not_said_to_be_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = Address(f"http://127.0.0.1:{silent.getsockname()[1]}/classify", "api")
        with pytest.raises(ServiceError, match=r"did not answer within 0\.1 s") as caught:
            classify(address, ["Profit rose"], timeout_s=0.1)

    assert "newsclf deploy" not in (caught.value.hint or "")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.8.8.8", "[::1]"])
def test_loopback_never_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    with client_for(f"http://{host}:80/ping", timeout_s=1) as here:
        assert not here.trust_env
    with client_for("https://abc.execute-api.eu-west-1.amazonaws.com", timeout_s=1) as elsewhere:
        assert elsewhere.trust_env


def test_names_of_this_machine() -> None:
    assert [h for h in ("localhost", "LOCALHOST", "127.0.0.1", "::1") if not is_loopback(h)] == []
    others = ["", "example.com", "127.0.0.1.example.com", "localhost.example", "10.0.0.1", "0"]
    assert [host for host in others if is_loopback(host)] == []


@pytest.mark.parametrize(
    "url",
    [
        "https://h/classify?key=SECRET",
        "https://h/classify?a=b&key=SECRET#x",
        "https://me:SECRET@h/classify",
        "https://SECRET@h/classify?key=SECRET",
        "https://h/classify#SECRET",
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str) -> None:
    assert without_secrets(url) == "https://h/classify"
