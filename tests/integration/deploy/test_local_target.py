"""The local target: a model is deployed, looked at, asked, and taken away, whatever happens."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from newsclf.common.errors import StateError
from newsclf.deploy.local import process
from newsclf.deploy.local.target import LocalTarget
from newsclf.deploy.records import LocalDeployment
from newsclf.deploy.store import Deployments
from tests.conftest import Cli
from tests.support.processes import has_ended


@pytest.fixture
def model(trained: Path) -> Iterator[Path]:
    """A copy of the trained model as `model`; whatever is deployed is removed at the end."""
    shutil.copytree(trained / "model", "model")
    yield Path("model")
    target = LocalTarget(Path(".newsclf"))
    for name in Deployments(Path(".newsclf")).names():
        target.teardown(name)


def deploy(newsclf: Cli, *options: object) -> dict[str, object]:
    result = newsclf("deploy", "--json", "--workers", 1, *options)
    assert result.exit_code == 0, result.err
    document: dict[str, object] = json.loads(result.out)
    return document


def server_of(name: str = "news") -> psutil.Process:
    deployment = Deployments(Path(".newsclf")).get_of(LocalDeployment, name)
    found = process.find(deployment.server, deployment.server_log)
    assert found is not None
    return found


def wait_for(happened: Callable[[], bool]) -> None:
    """Ask until something has happened."""
    deadline = time.monotonic() + 120  # a worker is started anew after up to 32 s
    while not happened():
        assert time.monotonic() < deadline


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def left_behind() -> list[str]:
    return [path.name for path in Path(".newsclf").rglob("*") if path.is_file()]


@pytest.mark.usefixtures("model")
def test_a_model_is_deployed_asked_and_removed(newsclf: Cli) -> None:
    deployment = deploy(newsclf)
    deployed = Deployments(Path(".newsclf")).get_of(LocalDeployment, "news")
    assert deployed.server.status == "ready"
    assert deployment["model_digest"] == httpx.get(f"{deployed.server.url}/ping").json()["model"]

    through_it = newsclf("predict", "--json", "Profit rose")
    assert f"deployment news at {deployed.server.url}/invocations" in through_it.err
    by_itself = newsclf("predict", "--json", "--model", "model", "Profit rose")
    assert "using the model in ./model" in by_itself.err
    assert json.loads(through_it.out)["predictions"] == json.loads(by_itself.out)["predictions"]

    status = json.loads(newsclf("status", "--json").out)
    assert (status[0]["running"], status[0]["healthy"]) == (True, True)
    assert status[0]["requests"] == 2  # the smoke test and the prediction
    assert status[0]["uptime_s"] > 0
    assert status[0]["url"] == f"{deployed.server.url}/invocations"
    assert "healthy" in newsclf("status").out
    assert "serving" in newsclf("logs").out

    processes = [server_of(), *server_of().children(recursive=True)]
    removed = newsclf("teardown")
    assert removed.exit_code == 0, removed.err
    assert all(has_ended(each) for each in processes)
    assert not is_open(deployed.server.port)
    assert left_behind() == []
    assert "nothing is deployed" in newsclf("status").err


@pytest.mark.usefixtures("model")
def test_deploying_again_changes_nothing_while_it_runs(newsclf: Cli) -> None:
    first = deploy(newsclf)
    again = newsclf("deploy", "--json")

    assert json.loads(again.out) == first
    assert "already running" in again.err

    assert "already running" in newsclf("deploy", "--workers", 1).err
    refused = newsclf("deploy", "--workers", 2, "--port", 9)
    assert refused.exit_code == 3
    port = Deployments(Path(".newsclf")).get_of(LocalDeployment, "news").server.port
    both = f"'news' is up with --port {port} --workers 1; --port 9 --workers 2 need a teardown"
    assert both in refused.err
    assert (
        "newsclf teardown --deployment news; newsclf deploy --deployment news --model "
        in refused.err
    )

    assert "--workers 1" in newsclf("deploy", "--port", 9).err.partition("newsclf deploy")[2]


@pytest.mark.parametrize("first_was_killed", [False, True])
@pytest.mark.usefixtures("model")
def test_what_runs_but_does_not_answer_is_left_alone(
    newsclf: Cli, *, first_was_killed: bool
) -> None:
    deploy(newsclf)
    if first_was_killed:  # before it had recorded that the server is ready
        deployments = Deployments(Path(".newsclf"))
        deployment = deployments.get_of(LocalDeployment, "news")
        creating = deployment.server.model_copy(update={"status": "creating"})
        deployments.save(deployment.model_copy(update={"server": creating}))
        assert "already running" in newsclf("deploy").err
    server = server_of()
    server.suspend()
    try:
        for command in ("deploy", "wire-api"):
            refused = newsclf(command)
            assert refused.exit_code == 3
            assert "the server of 'news' is running but does not answer" in refused.err
            assert "newsclf logs --deployment news" in refused.err
        assert "does not answer" in newsclf("status").out
    finally:
        server.resume()

    assert server_of() == server
    assert "already running" in newsclf("deploy").err


@pytest.mark.usefixtures("model")
def test_a_server_whose_model_is_gone_is_not_ready_until_it_is_back(newsclf: Cli) -> None:
    deploy(newsclf)
    target = LocalTarget(Path(".newsclf"))
    url = target.get("news").server.url
    Path("model/model.onnx").rename("elsewhere")
    server_of().children()[0].kill()
    wait_for(lambda: "model.onnx" in str(httpx.get(f"{url}/ping").json().get("problems")))

    assert "not ready" in newsclf("status").out
    assert "it has no model.onnx" in newsclf("deploy").err
    assert "the server of 'news' is not ready" in newsclf("wire-api").err
    assert "no worker is ready" in newsclf("predict", "Profit rose").err
    assert "model.onnx" in newsclf("logs").out

    Path("elsewhere").rename("model/model.onnx")
    wait_for(lambda: target.status(target.get("news")).healthy)


@pytest.mark.usefixtures("model")
def test_what_was_killed_is_down_and_can_be_started_again(newsclf: Cli) -> None:
    deploy(newsclf)
    server = server_of()
    server.send_signal(signal.SIGKILL)
    server.wait()

    assert "down; newsclf deploy starts it again" in newsclf("status").err
    asked = newsclf("predict", "Profit rose")
    assert asked.exit_code == 5
    assert "the model server of 'news' is down" in asked.err

    deploy(newsclf)
    assert newsclf("predict", "Profit rose").exit_code == 0


@pytest.mark.usefixtures("model")
def test_what_was_killed_can_be_removed(newsclf: Cli) -> None:
    deploy(newsclf)
    server = server_of()
    server.send_signal(signal.SIGKILL)
    server.wait()

    assert newsclf("teardown").exit_code == 0
    assert left_behind() == []


@pytest.mark.usefixtures("model")
def test_a_process_that_is_not_its_own_is_never_stopped(newsclf: Cli) -> None:
    """After a reboot the pid in the state may belong to anyone: here, to this test."""
    deploy(newsclf)
    deployments = Deployments(Path(".newsclf"))
    deployment = deployments.get_of(LocalDeployment, "news")
    real = server_of()
    someone = deployment.server.model_copy(update={"pid": os.getpid()})
    deployments.save(deployment.model_copy(update={"server": someone}))

    assert json.loads(newsclf("status", "--json").out)[0]["running"] is False
    assert newsclf("teardown").exit_code == 0

    # The one that was started for the deployment is known by its log and its port.
    assert has_ended(real)


@pytest.mark.usefixtures("model")
def test_a_copied_project_leaves_the_original_alone(
    newsclf: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deploy(newsclf)
    server = server_of()
    original = Path(".newsclf/run/news").resolve()
    shutil.copytree(".newsclf", "copy/.newsclf")
    with monkeypatch.context() as elsewhere:
        elsewhere.chdir("copy")

        shown = newsclf("status", "--json")
        assert json.loads(shown.out)[0]["running"] is False
        assert json.loads(shown.out)[0]["copied_from"] == str(original)
        assert newsclf("predict", "--deployment", "news", "Profit rose").exit_code == 5
        removed = newsclf("teardown")
        assert removed.exit_code == 0
        assert f"process {server.pid} was left running: it belongs to the" in removed.err
        assert str(original) in removed.err
        assert left_behind() == []

    assert newsclf("predict", "Profit rose").exit_code == 0
    assert (original / "server.log").exists()
    (tmp_path / ".newsclf").rename("moved")  # but one that is moved keeps its processes
    assert newsclf("teardown", "--state-dir", "moved").exit_code == 0
    assert has_ended(server)


@pytest.mark.usefixtures("model")
def test_teardown_works_from_a_half_built_state(newsclf: Cli) -> None:
    deploy(newsclf)
    deployments = Deployments(Path(".newsclf"))
    deployment = deployments.get_of(LocalDeployment, "news")
    server = server_of()
    creating = deployment.server.model_copy(update={"status": "creating"})
    deployments.save(deployment.model_copy(update={"server": creating}))

    assert newsclf("teardown", "--deployment", "news").exit_code == 0
    assert has_ended(server)

    before_the_process = creating.model_copy(update={"pid": None})
    deployments.save(deployment.model_copy(update={"server": before_the_process}))
    assert newsclf("teardown", "--deployment", "news").exit_code == 0
    assert left_behind() == []


@pytest.mark.usefixtures("model")
def test_a_port_in_use_is_an_error_that_says_whose(newsclf: Cli) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = newsclf("deploy", "--port", port)

    assert result.exit_code == 2
    assert f"port {port} cannot be opened: " in result.err
    assert f"({os.getpid()}) listens there" in result.err
    assert left_behind() == []


def test_a_server_that_does_not_come_up_leaves_nothing(model: Path, newsclf: Cli) -> None:
    """The file is whole, so the check passes, but ONNX Runtime cannot read it."""
    from newsclf.common.files import file_digest

    (model / "model.onnx").write_bytes(b"no model")
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    card["files"]["model.onnx"] = file_digest(model / "model.onnx")
    (model / "card.json").write_text(json.dumps(card), encoding="utf-8")

    result = newsclf("deploy", "--workers", 1)

    assert result.exit_code == 4
    assert "the model can't be loaded" in result.err
    assert left_behind() == []
    assert "nothing is deployed" in newsclf("status").err


# Runs a command, and dies the moment that it would write down the pid of what it has started.
_DYING = """
import os, signal
from newsclf.deploy.records import LocalDeployment
from newsclf.deploy.store import Deployments
from newsclf.cli.main import main
save = Deployments.save
def save_or_die(self, deployment):
    newest = deployment.api or deployment.server
    if newest.pid is not None and newest.status == "creating":
        os.kill(os.getpid(), signal.SIGKILL)
    save(self, deployment)
Deployments.save = save_or_die
main()
"""


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("command", ["deploy", "wire-api"])
@pytest.mark.parametrize("again", [False, True])
def test_what_a_killed_command_had_just_started_is_found(
    newsclf: Cli, command: str, *, again: bool
) -> None:
    if command == "wire-api":
        deploy(newsclf)
    died = subprocess.run(
        [sys.executable, "-c", _DYING, command],
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert died.returncode == -signal.SIGKILL
    deployment = Deployments(Path(".newsclf")).get_of(LocalDeployment, "news")
    started = deployment.api or deployment.server
    assert started.pid is None
    log = deployment.gateway_log if deployment.api else deployment.server_log
    unrecorded = process.find_unrecorded(started.port, log)
    assert unrecorded is not None

    if again:
        assert newsclf(command).exit_code == 0
        assert has_ended(unrecorded)
    assert newsclf("teardown").exit_code == 0

    assert not is_open(started.port)
    assert not is_open(deployment.server.port)
    assert left_behind() == []


@pytest.mark.usefixtures("model")
def test_a_stranger_on_the_port_of_a_half_built_deployment_is_left_alone(newsclf: Cli) -> None:
    deploy(newsclf)
    deployments = Deployments(Path(".newsclf"))
    deployment = deployments.get_of(LocalDeployment, "news")
    process.stop(server_of())
    unrecorded = {"status": "creating", "pid": None}
    with process.listen(0) as mine:
        port = mine.getsockname()[1]
        server = deployment.server.model_copy(update=unrecorded | {"port": port})
        deployments.save(deployment.model_copy(update={"server": server}))

        assert newsclf("teardown").exit_code == 0

        assert is_open(port)  # this test's own process, still there


@pytest.mark.usefixtures("model")
def test_several_deployments_live_side_by_side(newsclf: Cli) -> None:
    deploy(newsclf, "--deployment", "one")
    deploy(newsclf, "--deployment", "two")
    assert [s["deployment"]["name"] for s in json.loads(newsclf("status", "--json").out)] == [
        "one",
        "two",
    ]
    assert newsclf("predict", "--deployment", "two", "Profit rose").exit_code == 0
    only = json.loads(newsclf("status", "-d", "two", "--json").out)
    assert [s["deployment"]["name"] for s in only] == ["two"]
    missing = newsclf("status", "--deployment", "twoo")
    assert missing.exit_code == 3
    assert "did you mean two?" in missing.err

    assert newsclf("teardown", "one").exit_code == 2  # a name takes --deployment

    assert newsclf("teardown", "--deployment", "one", "--all").exit_code == 2
    removed = newsclf("teardown", "--all", "--json")
    assert json.loads(removed.out) == {"removed": ["one", "two"]}


def test_another_model_under_the_same_name_is_an_error(model: Path, newsclf: Cli) -> None:
    deploy(newsclf)
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    card["files"]["extra"] = "0"
    (model / "card.json").write_text(json.dumps(card), encoding="utf-8")

    result = newsclf("deploy")

    assert result.exit_code == 3
    assert "another model is deployed as 'news'" in result.err


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["logs", "--deployment", "other"], 3, "there is no deployment 'other'"),
        (["deploy"], 3, "model: not a model directory"),
    ],
)
def test_what_is_not_there_is_an_error(
    newsclf: Cli, arguments: list[str], exit_code: int, said: str
) -> None:
    result = newsclf(*arguments)

    assert result.exit_code == exit_code
    assert said in result.err


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("name", ["../x", "Ä", "UPPER", "-", "a" * 41, ""])
def test_a_name_that_is_none_is_an_error(newsclf: Cli, name: str) -> None:
    result = newsclf("deploy", "--deployment", name)

    assert result.exit_code == 2
    assert f"'{name}' is not a valid deployment name" in result.err


@pytest.mark.parametrize(
    "command",
    [
        ("deploy", "--instance", "ml.c5.large", "--region", "us-east-1", "--dry-run"),
        ("wire-api",),
        ("predict", "Profit rose"),
        ("status",),
        ("logs",),
        ("teardown",),
        ("loadtest", "--url", "http://127.0.0.1:9"),
    ],
    ids=lambda command: command[0],
)
def test_a_name_is_checked_before_anything_else(newsclf: Cli, command: tuple[str, ...]) -> None:
    result = newsclf(*command, "--deployment", "my news")

    assert result.exit_code == 2
    assert "'my news' is not a valid deployment name" in result.err
    assert not Path(".newsclf").exists()


def test_state_of_another_version_is_an_error(newsclf: Cli) -> None:
    folder = Path(".newsclf/deployments")
    folder.mkdir(parents=True)
    (folder / "news.json").write_text('{"schema_version": 9, "target": "local"}', encoding="utf-8")

    result = newsclf("status")

    assert result.exit_code == 3
    assert "not a record of a deployment of this version (local.schema_version:" in result.err


def test_two_commands_do_not_work_on_one_deployment_at_once(tmp_path: Path) -> None:
    with (
        Deployments(tmp_path).locked("news"),
        pytest.raises(StateError, match="another command is working on 'news'"),
        Deployments(tmp_path).locked("news"),
    ):
        time.monotonic()
