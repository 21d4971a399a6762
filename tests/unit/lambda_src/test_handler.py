"""The Lambda handler: events in, answers out, and every way in which an endpoint can fail."""

from __future__ import annotations

import base64
import importlib
import io
import json
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)
from botocore.response import StreamingBody
from botocore.stub import Stubber
from jsonschema import Draft202012Validator

from lambda_src import openapi
from newsclf.contract.limits import MAX_API_BODY_BYTES
from tests.support.builders import LAMBDA_ENVIRONMENT

SCORES = [
    {"label": "positive", "score": 0.7},
    {"label": "neutral", "score": 0.2},
    {"label": "negative", "score": 0.1},
]
CONTEXT = SimpleNamespace(aws_request_id="lambda-1")
Answer = dict[str, Any]


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as Lambda imports it, with an environment of its own."""
    for name, value in LAMBDA_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    import lambda_src.handler

    return importlib.reload(lambda_src.handler)


def event(body: object = None, *, method: str = "POST", path: str = "/classify") -> Answer:
    """An event of payload format 2.0."""
    return {
        "version": "2.0",
        "rawPath": path,
        "requestContext": {"http": {"method": method, "path": path}, "requestId": "api-1"},
        "body": body if isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


def answered(handler: ModuleType, given: Answer, rows: list[Any]) -> Answer:
    """The handler's answer when the endpoint gives these rows; checks what the endpoint got."""
    body = json.dumps(rows).encode()
    with Stubber(handler._client) as stub:  # noqa: SLF001 - the seam where AWS begins
        stub.add_response("invoke_endpoint", {"Body": StreamingBody(io.BytesIO(body), len(body))})
        answer: Answer = handler.handle(given, CONTEXT)
        stub.assert_no_pending_responses()
    return answer


@pytest.mark.parametrize(
    ("document", "count"),
    [
        ({"headline": "Profit rose"}, 1),
        ({"headlines": ["Profit rose", "Loss grew"]}, 2),
        ({"query": {"headline": "Profit rose"}}, 1),
        ({"headlines": ["Ä"] * 512}, 512),
    ],
)
def test_the_three_forms_are_answered(handler: ModuleType, document: object, count: int) -> None:
    answer = answered(handler, event(document), [SCORES] * count)

    assert answer["statusCode"] == 200
    body = json.loads(answer["body"])
    assert body["model"] == "abc"
    assert (
        body["predictions"]
        == [
            {
                "label": "positive",
                "score": 0.7,
                "scores": {"negative": 0.1, "neutral": 0.2, "positive": 0.7},
            }
        ]
        * count
    )


@pytest.mark.parametrize(
    ("min_confidence", "uncertain"), [(0.69, False), (0.7, False), (0.71, True), (1, True)]
)
def test_predictions_below_the_confidence_asked_for_are_uncertain(
    handler: ModuleType, min_confidence: float, *, uncertain: bool
) -> None:
    body = {"query": {"headline": "Profit rose"}, "min_confidence": min_confidence}

    [prediction] = json.loads(answered(handler, event(body), [SCORES])["body"])["predictions"]

    assert prediction == {
        "label": "positive",
        "score": 0.7,
        "scores": {"negative": 0.1, "neutral": 0.2, "positive": 0.7},
        "uncertain": uncertain,
    }


def scores(positive: float) -> list[dict[str, object]]:
    """The endpoint's answer for one text."""
    return [
        {"label": "positive", "score": positive},
        {"label": "negative", "score": 1 - positive},
        {"label": "neutral", "score": 0.0},
    ]


def test_an_explanation_weighs_each_word_by_its_absence(handler: ModuleType) -> None:
    body = {"headlines": ["Profit  rose !", "Up"], "explain": True, "min_confidence": 0.6}
    rows = [scores(p) for p in (0.75, 0.25, 0.875, 0.5, 0.75)]
    sent = {"inputs": ["Profit  rose !", "rose !", "Profit", "Up", "."]}
    answer = json.dumps(rows).encode()
    with Stubber(handler._client) as stub:  # noqa: SLF001 - the seam where AWS begins
        stub.add_response(
            "invoke_endpoint",
            {"Body": StreamingBody(io.BytesIO(answer), len(answer))},
            {
                "EndpointName": "news",
                "ContentType": "application/json",
                "Accept": "application/json",
                "Body": json.dumps(sent).encode(),
            },
        )
        document = json.loads(handler.handle(event(body), CONTEXT)["body"])

    first, second = document["predictions"]
    assert (first["label"], first["uncertain"]) == ("positive", False)
    assert first["explanation"] == [
        {"word": "Profit", "start": 0, "end": 6, "weight": 0.5},
        {"word": "rose !", "start": 8, "end": 14, "weight": -0.125},
    ]
    assert (second["label"], second["uncertain"]) == ("negative", True)
    assert second["explanation"] == [{"word": "Up", "start": 0, "end": 2, "weight": 0.25}]
    schemas = openapi.document("none")["components"]
    answer_schema = {"$ref": "#/components/schemas/Answer", "components": schemas}
    Draft202012Validator(answer_schema).validate(document)


def test_the_largest_explanation_fits_a_serverless_endpoint_s_request(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []

    def invoke(Body: bytes, **_: object) -> Answer:  # noqa: N803 - boto3's name
        sent.append(Body)
        return {"Body": io.BytesIO(json.dumps([SCORES] * 501).encode())}

    monkeypatch.setattr(handler._client, "invoke_endpoint", invoke)  # noqa: SLF001 - as above
    headline = "\x1c".join(["\x01"] * 500)  # JSON has six bytes for each of these characters

    assert (
        handler.handle(event({"headline": headline, "explain": True}), CONTEXT)["statusCode"] == 200
    )
    assert 2_900_000 < len(sent[0]) < 4_000_000


@pytest.mark.parametrize(
    ("headlines", "said"),
    [
        (["Up", "x" * 1001], "at most 1000 characters; headline 1 has 1001"),
        (["up " * 255, "up " * 256], "here 513 texts; a request may hold 512"),
        (["Up"] * 512, "here 1024 texts; a request may hold 512"),
    ],
)
def test_an_explanation_that_takes_too_much_is_refused(
    handler: ModuleType, headlines: list[str], said: str
) -> None:
    answer = handler.handle(event({"headlines": headlines, "explain": True}), CONTEXT)

    assert answer["statusCode"] == 400
    assert said in json.loads(answer["body"])["error"]["message"]


def test_the_endpoint_gets_the_headlines_as_inputs(handler: ModuleType) -> None:
    with Stubber(handler._client) as stub:  # noqa: SLF001 - the seam where AWS begins
        body = json.dumps([SCORES]).encode()
        stub.add_response(
            "invoke_endpoint",
            {"Body": StreamingBody(io.BytesIO(body), len(body))},
            {
                "EndpointName": "news",
                "ContentType": "application/json",
                "Accept": "application/json",
                "Body": b'{"inputs": ["Profit rose"]}',
            },
        )
        assert handler.handle(event({"headline": "Profit rose"}), CONTEXT)["statusCode"] == 200


def test_events_of_payload_1_and_base64_are_read(handler: ModuleType) -> None:
    text = json.dumps({"headline": "Ä"})
    old = {
        "httpMethod": "POST",
        "path": "/classify",
        "requestContext": {"requestId": "rest-1"},
        "body": base64.b64encode(text.encode()).decode(),
        "isBase64Encoded": True,
    }

    assert answered(handler, old, [SCORES])["statusCode"] == 200


def test_no_page_is_served(handler: ModuleType) -> None:
    for path in ("/", "", "/stage/"):
        answer = handler.handle(event(method="GET", path=path), CONTEXT)

        assert answer["statusCode"] == 404
        assert answer["headers"]["content-type"] == "application/json"
        assert "<" not in answer["body"]


def test_health_needs_no_endpoint(handler: ModuleType) -> None:
    answer = handler.handle(event(method="GET", path="/health"), CONTEXT)

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"status": "ok", "model": "abc"}


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        (event("{"), 400, "not JSON"),
        (event('{"headline": NaN}'), 400, "NaN is not a JSON value"),
        (event([]), 400, "the body must be an object"),
        (event({}), 400, "must have one of the forms"),
        (event({"headline": "a", "headlines": ["b"]}), 400, "must have one of the forms"),
        (event({"headline": ["a"]}), 400, "'headline' must be a text"),
        (event({"headline": 7}), 400, "'headline' must be a text, not int"),
        (event({"headline": " "}), 400, "'headline' is empty"),
        (event({"headlines": "a"}), 400, "'headlines' must be a list"),
        (
            event({"headline": "a", "min_confidence": 60}),
            400,
            "'min_confidence' must be a number above 0 and at most 1",
        ),
        (event({"headline": "a", "explain": "yes"}), 400, "'explain' must be true or false"),
        (event({"headlines": []}), 400, "1 to 512 headlines, not 0"),
        (event({"headlines": ["a"] * 513}), 400, "not 513"),
        (event({"headlines": ["a", None]}), 400, "'headlines[1]' must be a text, not null"),
        (event({"query": "a"}), 400, "'query' must be an object with 'headline'"),
        (event({"query": {"headline": ""}}), 400, "'query.headline' is empty"),
        (event('{"headline": "\\ud800"}'), 400, "half of a surrogate pair"),
        (event('"' + "x" * 3_000_000 + '"'), 413, "larger than 3000000 bytes"),
        (event({}) | {"isBase64Encoded": True}, 400, "not base64"),
        (event({}, path="/other"), 404, "POST /classify, GET /health"),
        (event({}, method="GET"), 405, "use POST"),
        ({"detail": "an event of something else"}, 400, "not one of API Gateway's"),
    ],
)
def test_what_is_not_of_the_contract_never_reaches_the_endpoint(
    handler: ModuleType, given: Answer, status: int, said: str
) -> None:
    with Stubber(handler._client):  # noqa: SLF001 - any call would be an error
        answer = handler.handle(given, CONTEXT)

    document = json.loads(answer["body"])
    assert answer["statusCode"] == status
    assert said in document["error"]["message"]
    assert document["request_id"] in ("api-1", "lambda-1")


@pytest.mark.parametrize(
    ("code", "modeled", "status", "name"),
    [
        ("ThrottlingException", {}, 429, "throttled"),
        ("429", {}, 429, "throttled"),  # without AWS's error type, as a front end may answer
        ("503", {}, 503, "endpoint_busy"),
        ("ModelNotReadyException", {}, 503, "endpoint_busy"),
        ("ServiceUnavailable", {}, 503, "endpoint_busy"),
        ("ValidationError", {}, 502, "endpoint_failed"),
        ("AccessDeniedException", {}, 502, "endpoint_failed"),
        ("InternalFailure", {}, 502, "endpoint_failed"),
        ("ModelError", {"OriginalStatusCode": 503}, 503, "endpoint_busy"),
        ("ModelError", {"OriginalStatusCode": 429}, 503, "endpoint_busy"),
        ("ModelError", {"OriginalStatusCode": 400}, 400, "bad_request"),
        ("ModelError", {"OriginalStatusCode": 413}, 413, "bad_request"),
        ("ModelError", {"OriginalStatusCode": 500}, 502, "model_failed"),
        (
            "ModelError",
            {"OriginalStatusCode": 400, "OriginalMessage": "internal: boom"},
            502,
            "model_failed",
        ),
    ],
)
def test_the_endpoint_s_errors_become_the_api_s(
    handler: ModuleType, code: str, modeled: Answer, status: int, name: str
) -> None:
    with Stubber(handler._client) as stub:  # noqa: SLF001 - the seam where AWS begins
        stub.add_client_error("invoke_endpoint", code, modeled_fields=modeled)
        answer = handler.handle(event({"headline": "Profit rose"}), CONTEXT)
        stub.assert_no_pending_responses()

    assert answer["statusCode"] == status
    assert json.loads(answer["body"])["error"]["code"] == name
    assert ("retry-after" in answer["headers"]) == (status in (429, 503))


def test_an_endpoint_that_is_not_there_is_paused(handler: ModuleType) -> None:
    said = "Endpoint newsclf-news of account 123456789012 not found."
    with Stubber(handler._client) as stub:  # noqa: SLF001 - the seam where AWS begins
        stub.add_client_error("invoke_endpoint", "ValidationError", said)
        answer = handler.handle(event({"headline": "Profit rose"}), CONTEXT)

    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (503, "60")
    assert json.loads(answer["body"])["error"] == {
        "code": "endpoint_paused",
        "message": "the endpoint is paused, or is still starting; try again later",
    }


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ReadTimeoutError(endpoint_url="x"), 503),
        (ConnectTimeoutError(endpoint_url="x"), 503),
        (EndpointConnectionError(endpoint_url="x"), 503),
        (HTTPClientError(error="broken"), 502),
    ],
)
def test_a_connection_that_fails_is_said_as_what_it_is(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(handler._client, "invoke_endpoint", fail)  # noqa: SLF001 - as above
    answer = handler.handle(event({"headline": "Profit rose"}), CONTEXT)

    assert answer["statusCode"] == status
    assert ("retry-after" in answer["headers"]) == (status == 503)
    if isinstance(error, ReadTimeoutError):
        assert "may still be starting; try again" in answer["body"]


@pytest.mark.parametrize(
    ("code", "said", "limit"),
    [
        ("413", "HTTP content length exceeded 6291456 bytes.", "at most 6291456 bytes"),
        ("ValidationError", "Request 1-2-3 has oversize body.", "4 MB if it is serverless"),
    ],
)
def test_a_request_that_is_too_large_for_the_endpoint_is_413_and_names_the_limit(
    handler: ModuleType, code: str, said: str, limit: str
) -> None:
    with Stubber(handler._client) as stub:  # noqa: SLF001 - the seam where AWS begins
        stub.add_client_error("invoke_endpoint", code, said)
        answer = handler.handle(event({"headline": "Profit rose"}), CONTEXT)

    assert answer["statusCode"] == 413
    assert limit in json.loads(answer["body"])["error"]["message"]


@pytest.mark.parametrize("hostile", ['\\"', "\\\\", "é", "\U0001f600", "\\u00e9"])
def test_the_largest_body_fits_lambda_s_event_and_a_serverless_endpoint_s_request(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch, hostile: str
) -> None:
    sent: list[bytes] = []

    def invoke(Body: bytes, **_: object) -> Answer:  # noqa: N803 - boto3's name
        sent.append(Body)
        return {"Body": io.BytesIO(json.dumps([SCORES]).encode())}

    monkeypatch.setattr(handler._client, "invoke_endpoint", invoke)  # noqa: SLF001 - as above
    frame = '{"headline": "%s"}'
    room = MAX_API_BODY_BYTES - len(frame) + 2
    text = frame % (hostile * (room // len(hostile.encode())))
    given = event(text)
    wire = json.dumps(given | {"headers": {"x": "y" * 200_000}}, ensure_ascii=False).encode()

    assert len(wire) < 6 * 1024 * 1024
    assert handler.handle(given, CONTEXT)["statusCode"] == 200
    assert len(sent[0]) < 4_000_000


@pytest.mark.parametrize(
    "rows", [[], [SCORES, SCORES], [SCORES[:2]], [[{"label": "positive"}]], ["x"], [[1]]]
)
def test_an_answer_that_is_none_is_a_bad_gateway(handler: ModuleType, rows: list[Any]) -> None:
    answer = answered(handler, event({"headline": "Profit rose"}), rows)

    assert answer["statusCode"] == 502


def test_one_line_is_logged_and_no_headline_in_it(
    handler: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    headline = "Takeover of Ferrum Nowa"
    answered(handler, event({"headlines": [headline, headline]}), [SCORES] * 2)
    handler.handle(event({"headlines": [headline, 7]}), CONTEXT)

    out = capsys.readouterr().out
    good, bad = (json.loads(line) for line in out.splitlines())
    assert headline not in out
    assert (good["Status"], good["request_id"], good["Headlines"]) == ("200", "api-1", 2)
    assert {m["Name"] for m in good["_aws"]["CloudWatchMetrics"][0]["Metrics"]} == {
        "Headlines",
        "ModelLatencyMs",
        "LatencyMs",
    }
    assert bad["Status"] == "400"


def test_the_client_never_retries_and_gives_up_before_the_function(handler: ModuleType) -> None:
    config = handler._client.meta.config  # noqa: SLF001 - the seam where AWS begins

    assert config.retries["total_max_attempts"] == 1
    assert config.connect_timeout + config.read_timeout < 29
