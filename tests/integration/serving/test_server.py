"""The model server as a real process: its contract, its limits, and what it survives."""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import pytest

from newsclf.serving.engines.onnx_runtime import Engine
from tests.support.builders import (
    LAMBDA_ENVIRONMENT,
    build_serving_model,
    list_files,
    sample_rows,
    save_onnx,
)

READY_WITHIN_S = 60


@dataclass(frozen=True)
class Server:
    """A running server."""

    process: subprocess.Popen[str]
    client: httpx.Client

    def post(self, body: object, **options: str) -> httpx.Response:
        """POST bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | options
        return self.client.post("/invocations", content=content, headers=headers)

    def wait_for_ping(self, status: int) -> None:
        """Ask until /ping answers with a status."""
        deadline = time.monotonic() + READY_WITHIN_S
        while self.client.get("/ping").status_code != status:
            assert time.monotonic() < deadline, f"/ping did not become {status}"

    def worker_pids(self) -> set[int]:
        """The server's child processes."""
        listed = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)],  # noqa: S607 - procps
            capture_output=True,
            text=True,
            check=False,
        )
        return {int(pid) for pid in listed.stdout.split()}


@contextmanager
def running(model: Path, *options: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-m", "newsclf", "serve", str(model), "--port", "0", *options],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert " on http://127.0.0.1:" in line, line
        url = line.partition(" on ")[2].partition(" ")[0]
        with httpx.Client(base_url=url, timeout=30) as client:
            server = Server(process, client)
            server.wait_for_ping(200)
            yield server
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def server(trained: Path) -> Iterator[Server]:
    with running(trained / "model", "--workers", "2") as running_server:
        yield running_server


def test_answers_are_those_of_the_engine(server: Server, trained: Path) -> None:
    texts = [text for text, _ in sample_rows()[:40]]
    expected = [
        prediction.as_pipeline() for prediction in Engine(trained / "model").classify(texts)
    ]

    many = server.post({"inputs": texts})
    one = server.post({"inputs": texts[0]})
    as_boto3 = server.client.post("/endpoints/any/invocations", json={"inputs": texts[0]})

    assert many.json() == expected
    assert one.json() == as_boto3.json() == expected[0]
    scores = [entry["score"] for entry in one.json()]
    assert scores == sorted(scores, reverse=True)


def test_the_page_makes_the_public_api_s_call(server: Server, trained: Path) -> None:
    page = server.client.get("/", headers={"Sec-Fetch-Site": "cross-site"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]

    asked = {"headlines": ["Profit rose", "Loss"], "explain": True, "min_confidence": 1}
    answer = server.client.post("/classify", json=asked).json()

    engine = Engine(trained / "model")
    [whole, first, _] = engine.classify(["Profit rose", "rose", "Profit"])
    found, other = answer["predictions"]
    assert found["scores"] == whole.as_dict()["scores"]
    assert other["uncertain"]
    weight = found["explanation"][0]
    assert (weight["word"], weight["start"], weight["end"]) == ("Profit", 0, 6)
    assert weight["weight"] == pytest.approx(whole.score - first.scores[whole.label_id])
    assert answer["model"] == server.client.get("/ping").json()["model"]
    evil = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert server.client.post("/classify", json=asked, headers=evil).status_code == 403
    form = {"Content-Type": "text/plain"}
    assert server.client.post("/classify", content=b"{}", headers=form).status_code == 415


def test_a_server_without_a_page(trained: Path) -> None:
    with running(trained / "model", "--workers", "1", "--no-page") as server:
        assert server.client.get("/").status_code == 404
        assert server.client.post("/classify", json={"headline": "Profit"}).status_code == 404


def test_the_largest_request_is_answered(server: Server) -> None:
    assert len(server.post({"inputs": ["Profit rose"] * 512}).json()) == 512
    assert server.post({"inputs": "long " * 100_000}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"\xff\xfe", 400, "not UTF-8"),
        (b'{"inputs": NaN}', 400, "NaN is not a JSON value"),
        (b"[" * 100_000, 400, "not JSON"),
        ([], 400, "an object with 'inputs'"),
        ({"input": "x"}, 400, "an object with 'inputs'"),
        ({"inputs": None}, 400, "'inputs' must be a text, not null"),
        ({"inputs": 7}, 400, "'inputs' must be a text, not int"),
        ({"inputs": ["a", {}]}, 400, "'inputs[1]' must be a text, not dict"),
        ({"inputs": ["a", "\t"]}, 400, "'inputs[1]' is empty"),
        ({"inputs": []}, 400, "1 to 512 headlines, not 0"),
        ({"inputs": ["a"] * 513}, 400, "1 to 512 headlines, not 513"),
        (b'{"inputs": "\\ud800"}', 400, "half of a surrogate pair"),
        (b" " * (7 * 1024 * 1024), 413, "larger than 6291456 bytes"),
    ],
)
def test_what_is_not_of_the_contract_is_refused_with_what_is_wrong(
    server: Server, body: object, status: int, said: str
) -> None:
    answer = server.post(body)

    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]
    assert server.post({"inputs": "Profit rose\0"}).status_code == 200


def test_other_media_types_paths_and_methods_are_refused(server: Server) -> None:
    for named in ("text/csv", "", "application/json, text/plain"):
        assert server.post({"inputs": "x"}, **{"Content-Type": named}).status_code == 415
    assert server.client.post("/elsewhere", json={}).status_code == 404
    assert server.client.get("/invocations").status_code == 405


def test_metrics_count_what_was_answered(server: Server) -> None:
    def count(status: int) -> float:
        text = server.client.get("/metrics").text
        name = f'newsclf_requests_total{{status="{status}"}} '
        return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith(name))

    good, bad, nowhere = count(200), count(400), count(404)
    server.post({"inputs": ["a", "b"]})
    server.post({"inputs": 1})

    server.client.post("/nowhere", json={})

    assert (count(200) - good, count(400) - bad, count(404) - nowhere) == (1, 1, 1)
    text = server.client.get("/metrics").text
    for name in (
        "newsclf_request_seconds_bucket",
        "newsclf_waiting_headlines 0.0",
        "newsclf_workers_ready 2.0",
        'newsclf_model_info{digest="',
    ):
        assert name in text


def test_a_worker_that_is_killed_is_replaced_and_ping_says_so_meanwhile(tmp_path: Path) -> None:
    model = build_serving_model(tmp_path / "model")
    with running(model, "--workers", "2") as server:
        before = server.worker_pids()
        assert len(before) == 2

        (model / "model.onnx").rename(tmp_path / "kept")  # not replaced until it is back
        os.kill(min(before), signal.SIGKILL)
        server.wait_for_ping(503)
        assert server.post({"inputs": "Profit rose"}).status_code == 200  # by the other one
        (tmp_path / "kept").rename(model / "model.onnx")
        server.wait_for_ping(200)
        after = server.worker_pids()

    assert len(after) == 2
    assert len(before & after) == 1


def test_a_worker_is_not_replaced_by_one_of_another_model(tmp_path: Path) -> None:
    model = build_serving_model(tmp_path / "model")
    with running(model, "--workers", "1") as server:
        save_onnx(model / "model.onnx", np.ones((1500, 3), dtype=np.float32))
        list_files(model)  # as another training would, the card fits
        os.kill(server.worker_pids().pop(), signal.SIGKILL)
        server.wait_for_ping(503)
        problem = f"{model}: model.onnx has changed since the model was first loaded"
        deadline = time.monotonic() + READY_WITHIN_S
        while server.client.get("/ping").json()["problems"] != [problem]:
            assert time.monotonic() < deadline
        answer = server.post({"inputs": "Profit rose"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_ready")


def test_a_model_that_fails_is_not_served_and_the_reason_is_no_traceback(tmp_path: Path) -> None:
    model = build_serving_model(tmp_path / "model")
    save_onnx(model / "model.onnx", np.full((1500, 3), np.nan, dtype=np.float32))
    list_files(model)

    served = subprocess.run(
        [sys.executable, "-m", "newsclf", "serve", str(model), "--port", "0", "--workers", "1"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert served.returncode == 3
    assert f"{model}: the model cannot be served" in served.stderr
    assert "the model's scores are not finite numbers" in served.stderr
    assert "Traceback" not in served.stderr


def test_a_server_on_all_addresses_warns_that_it_has_no_authentication(tmp_path: Path) -> None:
    model = build_serving_model(tmp_path / "model")
    process = subprocess.Popen(
        [sys.executable, "-m", "newsclf", "serve", str(model), "--port", "0", "--host", "0.0.0.0"],  # noqa: S104 - that is the point
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(2)]
    finally:
        process.kill()
        process.communicate()

    assert any(line.startswith("warning:") and "no authentication" in line for line in said)


def test_more_than_it_can_do_is_refused_at_once_and_the_rest_is_answered(server: Server) -> None:
    large = {"inputs": [text for text, _ in sample_rows()[:512]]}

    def post(_: int) -> tuple[int, str | None]:
        with httpx.Client(base_url=server.client.base_url, timeout=60) as client:
            answer = client.post("/invocations", json=large)
            return answer.status_code, answer.headers.get("Retry-After")

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(post, range(24)))

    assert set(answers) == {(200, None), (503, "1")}
    assert server.post({"inputs": "Profit rose"}).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_finishes_what_was_begun_and_exits_0(
    trained: Path, number: signal.Signals
) -> None:
    with running(trained / "model", "--workers", "1") as server:
        workers = server.worker_pids()
        body = json.dumps({"inputs": [text for text, _ in sample_rows()[:512]]}).encode()
        head = (
            "POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        url = server.client.base_url
        with socket.create_connection((url.host, url.port or 80)) as connection:
            for pid in workers:
                os.kill(pid, signal.SIGSTOP)  # the answer cannot come before the signal
            connection.sendall(head + body)
            deadline = time.monotonic() + READY_WITHIN_S
            while "newsclf_waiting_headlines 512.0" not in server.client.get("/metrics").text:
                assert time.monotonic() < deadline
            server.process.send_signal(number)
            for pid in workers:
                os.kill(pid, signal.SIGCONT)
            answer = connection.recv(100)

        assert answer.startswith(b"HTTP/1.1 200")
        assert server.process.wait(timeout=30) == 0
        assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_workers_end_with_a_server_that_is_killed(trained: Path) -> None:
    with running(trained / "model", "--workers", "2") as server:
        workers = server.worker_pids()
        server.process.kill()
        server.process.wait()

        deadline = time.monotonic() + 20
        while any(_is_alive(pid) for pid in workers):
            assert time.monotonic() < deadline, "workers outlived their server"


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_port_in_use_is_an_error(server: Server, trained: Path) -> None:
    port = str(server.client.base_url.port)
    second = subprocess.run(
        [sys.executable, "-m", "newsclf", "serve", str(trained / "model"), "--port", port],
        capture_output=True,
        text=True,
        check=False,
    )

    assert second.returncode == 2
    assert f"127.0.0.1:{port}: the port cannot be opened (Address already in use)" in second.stderr
    assert "Traceback" not in second.stderr


# --- the Lambda handler in front of it


@pytest.fixture
def handler(server: Server, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The unmodified handler, whose boto3 client is told to find SageMaker here."""
    url = str(server.client.base_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", url)
    for name, value in LAMBDA_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    import lambda_src.handler

    return importlib.reload(lambda_src.handler)


def classify(handler: ModuleType, document: object) -> tuple[int, dict[str, Any]]:
    event = {
        "rawPath": "/classify",
        "requestContext": {"http": {"method": "POST"}, "requestId": "1"},
        "body": json.dumps(document),
    }
    answer = handler.handle(event, None)
    return answer["statusCode"], json.loads(answer["body"])


def test_the_handler_gives_the_engine_s_scores(handler: ModuleType, trained: Path) -> None:
    texts = [text for text, _ in sample_rows()[:20]]

    status, body = classify(handler, {"headlines": texts})

    assert status == 200
    expected = [prediction.as_dict() for prediction in Engine(trained / "model").classify(texts)]
    assert body["predictions"] == expected


def test_an_error_of_the_server_reaches_boto3_as_a_model_error(
    handler: ModuleType,
) -> None:
    with pytest.raises(handler._client.exceptions.ModelError) as caught:  # noqa: SLF001 - boto3
        handler._client.invoke_endpoint(EndpointName="news", Body=b'{"inputs": 7}')  # noqa: SLF001

    assert caught.value.response["OriginalStatusCode"] in (400, 415)


def test_an_endpoint_that_is_gone_is_unavailable(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "http://127.0.0.1:9")
    gone = importlib.reload(handler)

    status, body = classify(gone, {"headline": "Profit rose"})

    assert (status, body["error"]["code"]) == (503, "endpoint_unreachable")
