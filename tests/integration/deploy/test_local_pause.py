"""Local deployments: paused and resumed, and their model replaced, on the same addresses."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from newsclf.deploy.local.target import LocalTarget
from newsclf.deploy.records import LocalDeployment, Process
from newsclf.deploy.store import Deployments
from newsclf.model.card import read_card
from tests.conftest import Cli, Result
from tests.support.documented import assert_printed

STATE = Path(".newsclf")


def ran(result: Result) -> Result:
    assert result.exit_code == 0, result.err
    return result


@pytest.fixture
def deployed(trained: Path, newsclf: Cli) -> Iterator[str]:
    """The URL of the open API of the trained model, copied to `model`."""
    shutil.copytree(trained / "model", "model")
    ran(newsclf("deploy", "--workers", 1))
    ran(newsclf("wire-api", "--auth", "none", "--runtimes", 1))
    api = recorded().api
    assert api is not None
    yield api.url
    LocalTarget(STATE).teardown("news")


def recorded() -> LocalDeployment:
    return Deployments(STATE).get_of(LocalDeployment, "news")


def kill(recorded: Process) -> None:
    process = psutil.Process(recorded.pid)
    process.kill()
    process.wait()


def killed() -> LocalDeployment:
    """The deployment, whose server and gateway have been killed."""
    found = recorded()
    assert found.api is not None
    for each in (found.server, found.api):
        kill(each)
    return found


def classify(url: str) -> httpx.Response:
    return httpx.post(f"{url}/classify", json={"headline": "Profit rose"}, timeout=30)


def status(newsclf: Cli) -> dict[str, Any]:
    (found,) = json.loads(ran(newsclf("status", "--json")).out)
    return dict(found)


def test_a_server_that_has_died_is_started_again_on_its_port_behind_its_api(
    newsclf: Cli, deployed: str
) -> None:
    before = recorded()
    kill(before.server)
    assert classify(deployed).is_server_error

    other = newsclf("deploy", "--port", 9)
    assert (other.exit_code, "--port 9 needs a teardown" in other.err) == (3, True)
    ran(newsclf("deploy"))

    after = recorded()
    assert after.api == before.api
    assert (after.server.port, after.workers) == (before.server.port, before.workers)
    assert classify(deployed).status_code == 200


def test_a_pause_stops_the_server_and_a_resume_starts_it_on_its_port(
    newsclf: Cli, deployed: str
) -> None:
    port = recorded().server.port
    assert "is not paused; nothing changed" in ran(newsclf("resume")).err

    assert "news: paused" in ran(newsclf("pause")).err
    assert status(newsclf)["running"] is False
    assert "paused; newsclf resume" in ran(newsclf("status")).err
    assert classify(deployed).status_code == 503
    assert "paused" in classify(deployed).json()["error"]["message"]
    assert "already paused" in ran(newsclf("pause")).err
    refused = newsclf("predict", "Profit rose")
    assert refused.exit_code == 5
    assert "is paused\nhint: newsclf resume --deployment news" in refused.err
    direct = newsclf("wire-api", "--auth", "none")
    assert direct.exit_code == 3
    assert "newsclf resume" in direct.err

    ran(newsclf("resume"))
    assert recorded().server.port == port
    assert classify(deployed).status_code == 200
    assert status(newsclf)["healthy"] is True

    ran(newsclf("pause"))
    ran(newsclf("deploy"))
    assert classify(deployed).status_code == 200
    ran(newsclf("pause"))
    ran(newsclf("teardown"))
    assert not [path for path in STATE.rglob("*") if path.is_file()]


def test_another_model_takes_the_place_and_the_address_stays(
    newsclf: Cli, deployed: str, other_model: Path
) -> None:
    before = recorded()
    refused = newsclf("deploy", "--model", other_model)
    assert refused.exit_code == 3
    assert "add --replace" in refused.err

    ran(newsclf("deploy", "--model", other_model, "--replace"))

    after = recorded()
    digest = read_card(other_model)[1].digest
    assert after.model_digest == digest != before.model_digest
    assert (after.server.port, after.workers) == (before.server.port, before.workers)
    assert httpx.get(f"{after.server.url}/ping").json()["model"] == digest
    assert classify(deployed).json()["model"] == digest
    assert httpx.get(f"{deployed}/health").json()["model"] == digest
    assert "already running" in ran(newsclf("deploy", "--model", other_model, "--replace")).err


def test_the_guide_prints_what_the_commands_print(
    newsclf: Cli, trained: Path, other_model: Path
) -> None:
    shutil.copytree(trained / "model", "models/news")
    shutil.copytree(other_model, "models/news2")
    ran(newsclf("deploy", "--model", "models/news", "--workers", 1))
    try:
        for command in (
            "newsclf wire-api",
            "newsclf status",
            "newsclf deploy --model models/news2",
            "newsclf deploy --model models/news2 --replace",
            "newsclf pause",
            'newsclf predict "Profit fell"',
            "newsclf resume",
            "newsclf teardown",
        ):
            assert_printed("serving.md", command, newsclf(*shlex.split(command)[1:]))
    finally:
        LocalTarget(STATE).teardown("news")


def test_a_model_that_does_not_work_leaves_the_old_one(
    newsclf: Cli, deployed: str, other_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = recorded()
    answers = iter([False, True])  # the new model's, then the old one's
    monkeypatch.setattr("newsclf.deploy.local.target.is_classified", lambda _: next(answers))

    failed = newsclf("deploy", "--model", other_model, "--replace")

    assert failed.exit_code == 4
    assert "the new model does not work, so 'news' is back on the old one" in failed.err
    assert recorded().model_digest == before.model_digest
    assert classify(deployed).json()["model"] == before.model_digest


def test_a_replacement_that_was_cut_off_is_finished_by_the_same_command(
    newsclf: Cli, deployed: str, other_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> LocalDeployment:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(LocalTarget, "_with_its_digest", killed)
        assert newsclf("deploy", "--model", other_model, "--replace").exit_code == 130

    ran(newsclf("deploy", "--model", other_model, "--replace"))

    digest = read_card(other_model)[1].digest
    assert recorded().model_digest == digest
    assert classify(deployed).json()["model"] == digest


def test_another_model_does_not_remove_the_api_of_a_deployment_that_is_down(
    newsclf: Cli, deployed: str, other_model: Path
) -> None:
    before = killed()

    refused = newsclf("deploy", "--model", other_model)
    assert (refused.exit_code, "add --replace" in refused.err) == (3, True)
    assert recorded() == before

    ran(newsclf("deploy", "--model", other_model, "--replace"))
    ran(newsclf("wire-api", "--auth", "none", "--runtimes", 1))
    assert classify(deployed).json()["model"] == read_card(other_model)[1].digest


@pytest.mark.usefixtures("deployed")
def test_no_child_of_a_server_or_gateway_keeps_its_port_open() -> None:
    """Else the port is taken for as long as the child lives on, and its connections hang."""
    found = recorded()
    assert found.api is not None
    for each in (found.server, found.api):
        children = psutil.Process(each.pid).children(recursive=True)
        assert children
        for child in children:
            assert psutil.CONN_LISTEN not in [one.status for one in child.net_connections("tcp")]


def test_a_teardown_without_record_and_processes_leaves_no_key(newsclf: Cli, trained: Path) -> None:
    shutil.copytree(trained / "model", "model")
    ran(newsclf("deploy", "--workers", 1))
    ran(newsclf("wire-api", "--runtimes", 1))
    before = killed()
    (STATE / "deployments" / "news.json").unlink()
    assert before.key_file.exists()

    ran(newsclf("teardown", "--deployment", "news"))

    assert not [path for path in STATE.rglob("*") if path.is_file()]


@pytest.fixture
def other_model(trained: Path) -> Path:
    """The trained model under another digest: its card names one more file."""
    shutil.copytree(trained / "model", "other")
    card = Path("other", "card.json")
    document = json.loads(card.read_text(encoding="utf-8"))
    document["files"]["extra"] = "0" * 64
    card.write_text(json.dumps(document), encoding="utf-8")
    return Path("other")
