"""The API on this machine: gateway, AWS's own Lambda client, the unmodified handler, the server."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from newsclf.common.state_dir import SETTINGS_FILE
from newsclf.deploy.local import process
from newsclf.deploy.local.credentials import auth_of
from newsclf.deploy.local.target import LocalTarget
from newsclf.deploy.records import ApiRequest, LocalDeployment
from newsclf.deploy.store import Deployments
from newsclf.serving.engines.onnx_runtime import Engine
from tests.conftest import Cli
from tests.support.builders import sample_rows
from tests.support.processes import has_ended, running_children
from tests.support.recorder import recorder

WITHIN_S = 60


@pytest.fixture(scope="module")
def state(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state directory with the deployment `news` and its API."""
    folder = tmp_path_factory.mktemp("state")
    target = LocalTarget(folder)
    target.deploy("news", trained / "model", port=0, workers=1)
    wire(target)
    yield folder
    for name in Deployments(folder).names():
        target.teardown(name)


def wire(target: LocalTarget) -> tuple[LocalDeployment, bool]:
    request = ApiRequest(auth="api-key", runtimes=2, rate_per_s=1000, burst=1000)
    return target.wire_api("news", request)


@pytest.fixture
def deployment(state: Path) -> LocalDeployment:
    return LocalTarget(state).get("news")


@pytest.fixture
def client(deployment: LocalDeployment) -> Iterator[httpx.Client]:
    """A client with the key."""
    assert deployment.api is not None
    auth = auth_of(deployment)
    with httpx.Client(base_url=deployment.api.url, auth=auth, timeout=40) as opened:
        yield opened


def gateway_of(deployment: LocalDeployment) -> psutil.Process:
    assert deployment.api is not None
    found = process.find(deployment.api, deployment.gateway_log)
    assert found is not None
    return found


def runtimes_of(deployment: LocalDeployment) -> list[psutil.Process]:
    return running_children(gateway_of(deployment), "awslambdaric")


def test_the_api_gives_the_engine_s_scores(client: httpx.Client, trained: Path) -> None:
    texts = [text for text, _ in sample_rows()[:20]]
    expected = [prediction.as_dict() for prediction in Engine(trained / "model").classify(texts)]

    many = client.post("/classify", json={"headlines": texts})
    one = client.post("/classify", json={"query": {"headline": texts[0]}})

    assert many.json()["predictions"] == expected
    assert one.json()["predictions"] == expected[:1]
    assert many.headers["apigw-requestid"]
    assert client.get("/health").json() == {"status": "ok", "model": many.json()["model"]}


def test_the_api_flags_uncertain_predictions_on_request(client: httpx.Client) -> None:
    texts = [text for text, _ in sample_rows()[:20]]
    plain = client.post("/classify", json={"headlines": texts}).json()["predictions"]
    least = sorted(prediction["score"] for prediction in plain)[10]

    flagged = client.post("/classify", json={"headlines": texts, "min_confidence": least}).json()

    assert flagged["predictions"] == [
        prediction | {"uncertain": prediction["score"] < least} for prediction in plain
    ]
    assert [each["uncertain"] for each in flagged["predictions"]].count(True) > 0


def test_the_api_explains_on_request(
    client: httpx.Client, deployment: LocalDeployment, trained: Path
) -> None:
    """Each text that an explanation takes counts as a headline of the server."""

    def classified() -> float:
        text = httpx.get(f"http://127.0.0.1:{deployment.server.port}/metrics").text
        name = "newsclf_request_headlines_sum "
        return float(next(each for each in text.splitlines() if each.startswith(name)).split()[1])

    before = classified()
    answer = client.post("/classify", json={"headline": "Profit – rose", "explain": True})
    [found] = answer.json()["predictions"]

    [whole, first, second] = Engine(trained / "model").classify(
        ["Profit – rose", "rose", "Profit –"]
    )
    assert {name: found[name] for name in ("label", "score", "scores")} == whole.as_dict()
    assert [(each["word"], each["start"], each["end"]) for each in found["explanation"]] == [
        ("Profit –", 0, 8),
        ("rose", 9, 13),
    ]
    expected = [whole.score - each.scores[whole.label_id] for each in (first, second)]
    assert [each["weight"] for each in found["explanation"]] == pytest.approx(expected)
    assert classified() - before == 3


def test_predict_explains_through_a_deployment(state: Path, newsclf: Cli, trained: Path) -> None:
    texts = [text for text, _ in sample_rows()[:60]]  # more than one request
    asked = ["predict", "--json", "--explain", *texts]

    here = json.loads(newsclf(*asked, "--model", trained / "model").out)["predictions"]
    there = json.loads(newsclf(*asked, "--state-dir", state).out)["predictions"]

    assert there == here


def test_predict_flags_uncertain_predictions_of_a_deployment(state: Path, newsclf: Cli) -> None:
    asked = ["predict", "--json", "--state-dir", state, "Profit rose", "--min-confidence"]

    assert json.loads(newsclf(*asked, 1).out)["predictions"][0]["uncertain"] is True
    assert json.loads(newsclf(*asked, 0.01).out)["predictions"][0]["uncertain"] is False


def test_predict_goes_through_the_api(
    state: Path, deployment: LocalDeployment, newsclf: Cli, trained: Path
) -> None:
    result = newsclf("predict", "--json", "--state-dir", state, "Profit rose")

    assert deployment.api is not None
    assert f"deployment news at {deployment.api.url}/classify" in result.err
    scores = json.loads(result.out)["predictions"][0]["scores"]
    expected = Engine(trained / "model").classify(["Profit rose"])[0].as_dict()["scores"]
    assert scores == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "not JSON"),
        (b"\xff\xfe\x00", 400, "not UTF-8"),
        (b'{"headline": Infinity}', 400, "not a JSON value"),
        (b'{"headlines": []}', 400, "1 to 512"),
        (json.dumps({"headlines": ["a"] * 513}).encode(), 400, "513"),
        (b'{"headline": "\\ud800"}', 400, "surrogate"),
        (b'{"headline": "a", "min_confidence": "0.6"}', 400, "a number above 0 and at most 1"),
        (b'{"headline": "a", "explain": 1}', 400, "true or false"),
        (json.dumps({"headline": "a" * 1001, "explain": True}).encode(), 400, "1000 characters"),
        (b" " * (7 * 1024 * 1024), 413, "larger than"),
    ],
)
def test_what_is_not_of_the_contract_is_refused_and_the_next_is_answered(
    client: httpx.Client, body: bytes, status: int, said: str
) -> None:
    answer = client.post("/classify", content=body)

    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]
    assert answer.json()["request_id"]
    good = client.post("/classify", json={"headline": "Profit\0 rose " * 10_000})
    assert good.status_code == 200


def test_paths_and_methods_are_the_handler_s_to_judge(client: httpx.Client) -> None:
    assert client.get("/nothing").status_code == 404
    assert client.get("/classify").status_code == 405


def test_wiring_again_changes_nothing(
    state: Path, deployment: LocalDeployment, newsclf: Cli
) -> None:
    again, started = wire(LocalTarget(state))
    assert (again, started) == (deployment, False)

    otherwise = newsclf("wire-api", "--state-dir", state, "--auth", "none")
    assert otherwise.exit_code == 3
    assert "is up with --auth api-key; --auth none needs a teardown" in otherwise.err

    assert "already running" in newsclf("wire-api", "--state-dir", state, "--rate", 1000).err


@pytest.mark.usefixtures("deployment")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--rate", 10], "--rate 1000; --rate 10 needs"),
        (["--burst", 10], "--burst 1000; --burst 10 needs"),
        (["--runtimes", 3], "--runtimes 2; --runtimes 3 needs"),
        (["--rate", 10.5, "--burst", 5], "--rate 1000 --burst 1000; --rate 10.5 --burst 5 need"),
        (["--port", 9], "; --port 9 needs"),
        (
            ["--auth", "api-key", "--cors", "https://x.example"],
            "--cors none; --cors https://x.example needs",
        ),
    ],
)
def test_an_option_that_differs_from_what_runs_is_refused(
    state: Path, newsclf: Cli, given: list[object], said: str
) -> None:
    refused = newsclf("wire-api", "--state-dir", state, *given)

    assert refused.exit_code == 3
    error = " ".join(refused.err.split())
    assert "the API of 'news' is up with" in error
    assert f"{said} a teardown" in error
    assert shlex.join(map(str, given[-2:])) in error.partition("newsclf wire-api ")[2]


def test_a_runtime_that_is_killed_is_replaced(
    deployment: LocalDeployment, client: httpx.Client
) -> None:
    before = {runtime.pid for runtime in runtimes_of(deployment)}
    assert len(before) == 2

    psutil.Process(min(before)).send_signal(signal.SIGKILL)

    deadline = time.monotonic() + WITHIN_S
    statuses = []
    while len({r.pid for r in runtimes_of(deployment)} - before) < 1:
        assert time.monotonic() < deadline, "no runtime took its place"
        statuses.append(client.post("/classify", json={"headline": "Profit rose"}).status_code)

    # One event may have gone to the dying process, which is a bad gateway, as in AWS.
    assert statuses.count(502) <= 1
    assert set(statuses) <= {200, 502}
    assert client.post("/classify", json={"headline": "Profit rose"}).status_code == 200


def test_a_gateway_that_hangs_is_told_from_one_that_runs(
    state: Path, deployment: LocalDeployment, newsclf: Cli
) -> None:
    gateway = gateway_of(deployment)
    gateway.suspend()
    try:
        assert "api-key, does not answer" in newsclf("status", "--state-dir", state).out
        refused = newsclf("wire-api", "--state-dir", state)
        assert refused.exit_code == 3
        assert "the API of 'news' is running but does not answer" in refused.err
        assert "newsclf logs" in refused.err
    finally:
        gateway.resume()

    status = json.loads(newsclf("status", "--json", "--state-dir", state).out)[0]
    assert (status["api_running"], status["api_answers"]) == (True, True)


def test_a_gateway_that_is_killed_is_down_and_can_be_wired_again(
    state: Path, deployment: LocalDeployment, newsclf: Cli
) -> None:
    runtimes = runtimes_of(deployment)
    gateway = gateway_of(deployment)
    gateway.send_signal(signal.SIGKILL)
    gateway.wait()

    assert (
        json.loads(newsclf("status", "--json", "--state-dir", state).out)[0]["api_running"] is False
    )
    _, left = psutil.wait_procs(runtimes, timeout=WITHIN_S)
    assert all(has_ended(runtime) for runtime in left)
    assert deployment.api is not None
    key = deployment.key_file.read_text(encoding="utf-8")
    with recorder(port=deployment.api.port) as somebody:
        taken = newsclf("wire-api", "--state-dir", state)
        assert (taken.exit_code, "name another with --port" in taken.err) == (2, True)
        asked = newsclf("predict", "--state-dir", state, "Profit rose")
    assert asked.exit_code == 5
    assert "the API of 'news' is down" in asked.err
    assert somebody.requests == []  # neither the key nor the headline

    again, started = wire(LocalTarget(state))
    assert started
    assert again.api is not None
    assert again.api.port == deployment.api.port
    assert again.key_file.read_text(encoding="utf-8") == key
    assert newsclf("predict", "--state-dir", state, "Profit rose").exit_code == 0


@pytest.mark.parametrize("changed", [("--runtimes", 3), ("--auth", "iam")])
def test_an_api_that_cannot_be_started_again_keeps_its_key(
    state: Path, deployment: LocalDeployment, newsclf: Cli, changed: tuple[object, ...]
) -> None:
    gateway = gateway_of(deployment)
    gateway.send_signal(signal.SIGKILL)
    gateway.wait()
    key = deployment.key_file.read_text(encoding="utf-8")
    settings = deployment.folder / SETTINGS_FILE
    settings.unlink()
    settings.mkdir()  # so that it can't be written

    failed = newsclf("wire-api", *changed, "--state-dir", state)
    settings.rmdir()

    assert (failed.exit_code, str(settings) in failed.err) == (3, True)
    assert deployment.key_file.read_text(encoding="utf-8") == key
    assert LocalTarget(state).get("news") == deployment
    assert newsclf("wire-api", "--state-dir", state).exit_code == 0
    assert deployment.key_file.read_text(encoding="utf-8") == key
    assert newsclf("predict", "--state-dir", state, "Profit rose").exit_code == 0


def test_a_throttled_open_api_is_wired_called_and_removed(trained: Path, newsclf: Cli) -> None:
    """The commands themselves, with an API that asks for no key and lets two through."""
    shutil.copytree(trained / "model", "model")
    assert newsclf("deploy", "--workers", 1).exit_code == 0
    before_s = time.monotonic()
    wired = newsclf(
        "wire-api",
        "--json",
        "--auth",
        "none",
        "--rate",
        "0.1",
        "--burst",
        20,
        "--runtimes",
        1,
        "--cors",
        "https://a.example",
    )
    assert wired.exit_code == 0, wired.err
    assert "credential" not in wired.err
    assert "curl -s http://127.0.0.1:" in wired.err
    api = json.loads(wired.out)["api"]
    url = f"http://127.0.0.1:{api['port']}/classify"

    assert json.loads(wired.out)["api"]["cors_origins"] == ["https://a.example"]
    page = httpx.options(url, headers={"Origin": "https://a.example"}, timeout=WITHIN_S)
    assert page.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "already running" in newsclf("wire-api").err
    otherwise = newsclf("wire-api", "--cors", "https://b.example")
    both = "is up with --cors https://a.example; --cors https://b.example needs a teardown"
    assert both in otherwise.err
    wire_again = "--auth none --cors https://b.example --runtimes 1 --rate 0.1 --burst 20"
    assert f"newsclf wire-api --deployment news {wire_again}" in " ".join(otherwise.err.split())
    assert newsclf("wire-api", "--cors", "b.example").exit_code == 2

    passed = 0
    with httpx.Client(timeout=WITHIN_S) as caller:
        while (answer := caller.post(url, json={"headline": "Profit rose"})).status_code == 200:
            passed += 1
            assert passed <= 20 + 0.1 * (time.monotonic() - before_s)
    assert passed > 0
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")

    assert "POST /classify 200" in newsclf("logs", "--api").out
    assert "request_id" in newsclf("logs", "--api", "--raw").out
    gateway = psutil.Process(api["pid"])
    assert newsclf("teardown").exit_code == 0
    assert has_ended(gateway)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", api["port"])) != 0
    assert [p for p in Path(".newsclf").rglob("*") if p.is_file()] == []


def test_a_proxy_of_the_environment_sees_nothing_of_this_machine(
    trained: Path, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained / "model", "model")
    with recorder(502) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        commands: list[list[object]] = [
            ["deploy", "--workers", 1],
            ["wire-api", "--runtimes", 1],
            ["deploy"],
            ["wire-api"],
            ["predict", "Profit rose"],
            ["loadtest", "--concurrency", 1, "--max-requests", 5, "--warmup", 0, "--duration", 1],
        ]
        done = [newsclf(*command) for command in commands]
        status = json.loads(newsclf("status", "--json").out)[0]
        assert newsclf("teardown").exit_code == 0

    assert [result.exit_code for result in done[:-1]] == [0] * 5
    assert "no answer" not in done[-1].err
    assert (status["healthy"], status["api_running"]) == (True, True)
    assert proxy.requests == []


def test_there_must_be_something_to_wire(trained: Path, newsclf: Cli) -> None:
    nothing = newsclf("wire-api")
    assert nothing.exit_code == 3
    assert "there is no deployment 'news'" in nothing.err

    shutil.copytree(trained / "model", "model")
    assert newsclf("deploy", "--workers", 1).exit_code == 0
    deployed = LocalTarget(Path(".newsclf")).get("news")
    found = process.find(deployed.server, deployed.server_log)
    assert found is not None
    process.stop(found)
    down = newsclf("wire-api")
    assert down.exit_code == 3
    assert "'news' is down" in down.err
    assert newsclf("wire-api", "--auth", "open").exit_code == 2
    assert newsclf("teardown").exit_code == 0
