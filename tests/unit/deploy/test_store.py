"""The records of deployments: private, never behind a link, and believed only as far as checked."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from newsclf.common import state_dir
from newsclf.common.errors import StateError
from newsclf.common.state_dir import RUN_FILES, private_folder
from newsclf.deploy.credentials import kept_key
from newsclf.deploy.local.gateway.app import rotate
from newsclf.deploy.local.gateway.settings import GatewaySettings
from newsclf.deploy.local.target import LocalTarget
from newsclf.deploy.records import AwsDeployment, LocalDeployment
from newsclf.deploy.store import Deployments
from tests.conftest import Cli

STATE = Path(".newsclf")
LOCAL = {
    "name": "news",
    "target": "local",
    "schema_version": 1,
    "created": "2026-11-22T00:00:00+00:00",
    "model": "model",
    "model_digest": "0123456789ab",
    "server": {"status": "ready", "port": 9, "pid": None},
    "workers": 1,
    "api": {
        "status": "ready",
        "port": 9,
        "pid": None,
        "auth": "api-key",
        "runtimes": 1,
        "rate_per_s": 1.0,
        "burst": 1,
    },
}
AWS = {
    "name": "news",
    "target": "aws",
    "schema_version": 1,
    "created": "2026-11-22T00:00:00+00:00",
    "region": "us-east-1",
    "account": "123456789012",
    "model": "model",
    "model_digest": "0",
    "spec": {"image": "i"},
    "api": {"url": "https://x", "auth": "api-key", "key_file": "/etc/passwd"},
}


def plant(document: object, name: str = "news") -> Path:
    """Write a record, as a cloned repository might bring it along."""
    path = STATE / "deployments" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = document if isinstance(document, str) else json.dumps(document)
    path.write_text(text, encoding="utf-8")
    return path


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder of the user's with a file that nobody may touch."""
    folder = tmp_path / "victim"
    folder.mkdir()
    for name in ("thesis.txt", *RUN_FILES):
        (folder / name).write_text("mine", encoding="utf-8")
    return folder


def untouched(victim: Path) -> bool:
    return all(
        (victim / name).read_text(encoding="utf-8") == "mine" for name in ("thesis.txt", *RUN_FILES)
    )


@pytest.mark.parametrize("document", [LOCAL, AWS], ids=["local", "aws"])
def test_the_folder_of_a_deployment_follows_from_its_name(
    document: dict[str, object], victim: Path
) -> None:
    plant(document | {"folder": str(victim)})

    found = Deployments(STATE).get("news")

    assert found.folder == STATE.resolve() / "run" / "news"
    assert found.key_file == found.folder / "api.key"
    Deployments(STATE).save(found)
    assert "folder" not in json.loads(Deployments(STATE).path("news").read_text(encoding="utf-8"))


def test_a_planted_folder_survives_a_teardown(newsclf: Cli, victim: Path) -> None:
    plant(LOCAL | {"folder": str(victim)})

    assert newsclf("teardown").exit_code == 0

    assert untouched(victim)
    assert [p for p in STATE.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize(
    "place", [".newsclf", ".newsclf/deployments", ".newsclf/run", ".newsclf/run/news"]
)
@pytest.mark.parametrize("command", ["teardown", "status"])
def test_a_folder_that_is_a_link_is_refused(
    newsclf: Cli, victim: Path, place: str, command: str
) -> None:
    plant(LOCAL)
    (STATE / "run" / "news").mkdir(parents=True)
    real = Path("elsewhere")
    Path(place).rename(real)
    if place == ".newsclf/run/news":
        real = victim
    Path(place).symlink_to(real.resolve())

    result = newsclf(command)

    assert result.exit_code == 3
    assert f"{place} is a link" in result.err
    assert untouched(victim)
    assert Path(place).is_symlink()


@pytest.mark.parametrize("name", ["news.json", ".news.lock", *RUN_FILES])
def test_a_file_that_is_a_link_is_refused(newsclf: Cli, victim: Path, name: str) -> None:
    record = plant(LOCAL)
    folder = STATE / "run" / "news"
    folder.mkdir(parents=True)
    path = folder / name if name in RUN_FILES else record.parent / name
    path.unlink(missing_ok=True)
    path.symlink_to(victim / "thesis.txt")

    result = newsclf("teardown")

    assert result.exit_code == 3
    assert f"{path} is a link" in result.err
    assert f"rm {path}" in result.err
    assert untouched(victim)


def test_planted_links_of_temporary_files_lead_nowhere(victim: Path) -> None:
    deployments = Deployments(STATE)
    plant(LOCAL)
    for name in ("news.json.tmp", ".news.json.partial", "news.json.partial"):
        (STATE / "deployments" / name).symlink_to(victim / "thesis.txt")

    deployments.save(deployments.get("news"))

    assert untouched(victim)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
def test_everything_is_private_whatever_the_umask(mask: int) -> None:
    with umask(mask):
        deployments = Deployments(STATE)
        deployment = LocalDeployment.model_validate(LOCAL | {"folder": deployments.folder("news")})
        with deployments.locked("news"):
            deployments.save(deployment)
            deployments.files.create("run", "news")
            os.close(state_dir.open_log(deployment.server_log))
            os.close(state_dir.open_log(deployment.gateway_log))
            assert deployment.api is not None
            api = deployment.api.model_copy(update={"runtimes": 1, "rate_per_s": 1, "burst": 1})
            GatewaySettings.create(deployment, api).write(deployment.folder)
            deployment.gateway_log.write_text("a line\n", encoding="utf-8")
            rotate(deployment.gateway_log, at_most_bytes=0)
            paths = [STATE, *STATE.rglob("*")]
            modes = {p.name: stat.S_IMODE(p.lstat().st_mode) for p in paths}

    folders = {".newsclf", "deployments", "run", "news"}
    assert modes == dict.fromkeys(folders, 0o700) | dict.fromkeys(
        ["news.json", ".news.lock", *RUN_FILES], 0o600
    )
    assert deployments.get("news") == deployment


def test_whatever_makes_the_state_directory_makes_it_private() -> None:
    with umask(0):
        private_folder(STATE / "runs")

    assert {stat.S_IMODE(path.stat().st_mode) for path in (STATE, STATE / "runs")} == {0o700}


@pytest.mark.parametrize(
    "place", [".newsclf", ".newsclf/deployments", ".newsclf/deployments/news.json", ".newsclf/run"]
)
def test_what_others_can_write_is_refused_with_the_way_out(newsclf: Cli, place: str) -> None:
    plant(LOCAL)
    (STATE / "run").mkdir()
    Path(place).chmod(Path(place).stat().st_mode | 0o020)

    result = newsclf("teardown")

    assert result.exit_code == 3
    assert f"{place} can be written by other users" in result.err
    assert f"chmod -R go-w {STATE}" in result.err


def test_the_state_directory_of_another_user_is_refused(
    newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(LOCAL)
    monkeypatch.setattr(os, "getuid", lambda: 12345)

    result = newsclf("status")

    assert result.exit_code == 3
    assert ".newsclf belongs to another user" in result.err


def damage(**changes: object) -> dict[str, object]:
    return LOCAL | changes


@pytest.mark.parametrize(
    "document",
    [
        "",
        "x",
        "[]",
        "null",
        "\x00",
        "[" * 100_000,
        '{"schema_version": 9}',
        "\u200b{}",
        damage(created="yesterday"),
        damage(created=7),
        damage(name="other"),
        damage(name=None),
        damage(target="mars"),
        damage(model=None),
        damage(server=None),
        damage(server=[]),
        *(
            damage(server={"status": "ready", "port": 9} | changed)
            for changed in (
                {"pid": -1},
                {"pid": 1},
                {"pid": 2**80},
                {"pid": "x"},
                {"port": 99999999},
                {"port": 0},
                {"port": None},
                {"status": "?"},
            )
        ),
    ],
)
def test_a_damaged_record_hides_no_other(document: object) -> None:
    bad = plant(document)
    plant(LOCAL | {"name": "good"}, "good")

    recorded = Deployments(STATE).load()

    assert [each.name for each in recorded.local] == ["good"]
    assert list(recorded.damaged) == ["news"]
    damaged = recorded.damaged["news"]
    assert damaged.message.startswith(f"{bad}: ")
    assert damaged.hint is not None
    assert f"rm {bad}; newsclf teardown --deployment news" in damaged.hint


def test_the_healthy_are_shown_and_removed_and_the_damaged_named(newsclf: Cli) -> None:
    bad = plant(damage(created="yesterday"))
    good = plant(LOCAL | {"name": "good"}, "good")

    shown = newsclf("status", "--json")
    assert shown.exit_code == 3
    assert [each["deployment"]["name"] for each in json.loads(shown.out)] == ["good"]
    assert f"error: {bad}: " in shown.err
    assert "good" in newsclf("status").out

    removed = newsclf("teardown", "--all", "--json")
    assert removed.exit_code == 3
    assert json.loads(removed.out) == {"removed": ["good"]}
    assert f"error: {bad}: " in removed.err
    assert not good.exists()
    assert bad.exists()


def test_one_of_several_deployments_must_be_named(newsclf: Cli) -> None:
    plant(LOCAL)
    plant(LOCAL | {"name": "other"}, "other")

    result = newsclf("teardown")

    assert result.exit_code == 2
    assert "there are several deployments: news, other; nothing was removed" in result.err
    assert newsclf("teardown", "--yes").exit_code == 0
    assert Deployments(STATE).names() == ["other"]


def test_a_file_that_no_deployment_can_be_called_is_passed_over(newsclf: Cli) -> None:
    plant(LOCAL)
    stray = plant("x", "Bad Name")

    shown = newsclf("status")
    assert shown.exit_code == 0
    assert "news" in shown.out
    assert f"warning: {stray}: not the record of a deployment" in shown.err

    removed = newsclf("teardown", "--all", "--json")
    assert (removed.exit_code, json.loads(removed.out)) == (0, {"removed": ["news"]})
    assert stray.exists()


@pytest.mark.parametrize("name", ["news.json", "api.key"])
def test_a_pipe_is_not_waited_for(newsclf: Cli, name: str) -> None:
    record = plant(LOCAL)
    (STATE / "run" / "news").mkdir(parents=True)
    pipe = record if name == "news.json" else STATE / "run" / "news" / name
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)

    result = newsclf("status")

    assert result.exit_code == 3
    assert f"{pipe} is not a file" in result.err


def test_what_newsclf_did_not_write_is_named_and_left(newsclf: Cli) -> None:
    plant(LOCAL)
    folder = STATE / "run" / "news"
    (folder / "notes").mkdir(parents=True)
    for name in (*RUN_FILES, "mine.txt", ".api.key.0123456789abcdef.partial"):
        (folder / name).write_text("x", encoding="utf-8")
    (STATE / "deployments" / ".news.json.0123456789abcdef.partial").touch()

    result = newsclf("teardown")

    assert result.exit_code == 0
    assert {p.name for p in STATE.rglob("*") if p.is_file()} == {"mine.txt"}
    assert (
        f"{folder / 'mine.txt'} was left in place, because newsclf did not write it" in result.err
    )
    assert f"{folder / 'notes'} was left in place" in result.err


@pytest.mark.parametrize("arguments", [["teardown"], ["teardown", "--deployment", "gone"]])
def test_nothing_to_remove_is_no_error(newsclf: Cli, arguments: list[str]) -> None:
    for _ in range(2):
        result = newsclf(*arguments, "--json")
        assert result.exit_code == 0
        assert json.loads(result.out) == {"removed": []}
        assert "nothing to remove" in result.err
    assert not STATE.exists()


def a_gateway() -> GatewaySettings:
    return GatewaySettings(runtimes=1, rate_per_s=1, burst=1)


def full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    "act",
    [
        lambda deployments, deployment: deployments.save(deployment),
        lambda _, deployment: kept_key(deployment.key_file),
        lambda _, deployment: a_gateway().write(deployment.folder),
        lambda _, deployment: state_dir.open_log(deployment.server_log),
    ],
    ids=["record", "key", "settings", "log"],
)
def test_a_full_disk_is_an_error_that_names_the_path_and_leaves_nothing(
    act: Callable[[Deployments, LocalDeployment], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployments = Deployments(STATE)
    deployment = LocalDeployment.model_validate(LOCAL | {"folder": deployments.folder("news")})
    deployments.files.create("run", "news")
    deployments.files.create("deployments")
    monkeypatch.setattr(os, "fchmod", full)  # what comes right after a file was created

    with pytest.raises(StateError, match=r"(?i)no space left on device") as raised:
        act(deployments, deployment)

    assert "--state-dir DIR" in (raised.value.hint or "")
    assert [p.name for p in STATE.rglob("*.partial")] == []
    assert [p for p in STATE.rglob("*") if p.is_file() and p.stat().st_size] == []


@pytest.mark.parametrize("command", ["status", "teardown"])
def test_a_state_directory_that_is_a_file_is_an_error(newsclf: Cli, command: str) -> None:
    STATE.write_text("mine", encoding="utf-8")

    result = newsclf(command)

    assert result.exit_code == 3
    assert ".newsclf is not a folder" in result.err


@pytest.mark.parametrize(
    ("state", "said"), [("/proc/newsclf/state", "/proc/newsclf"), ("file/state", "file")]
)
def test_a_state_directory_that_cannot_be_made_is_an_error(state: str, said: str) -> None:
    Path("file").write_text("mine", encoding="utf-8")

    with pytest.raises(StateError, match=said) as raised, Deployments(Path(state)).locked("news"):
        pass

    assert "--state-dir" in (raised.value.hint or "")


def test_a_record_from_before_is_read() -> None:
    """With the folder, the start of the process in seconds, and the key file of an API on AWS."""
    server = {"status": "ready", "port": 9, "pid": os.getpid(), "process_started": 3.5}
    plant(LOCAL | {"folder": "/somewhere", "server": server})
    plant(AWS | {"name": "aws"}, "aws")
    deployments = Deployments(STATE)

    found = deployments.get_of(LocalDeployment, "news")
    assert found.server.pid == os.getpid()
    assert not LocalTarget(STATE).status(found).running  # the test itself, not its server
    assert deployments.get_of(AwsDeployment, "aws").key_file.name == "api.key"


def test_a_name_that_is_nearly_one_is_not_taken_for_removed(newsclf: Cli) -> None:
    plant(LOCAL)

    result = newsclf("teardown", "--deployment", "nwes")

    assert result.exit_code == 3
    assert "did you mean news?" in result.err
    assert Deployments(STATE).names() == ["news"]
    assert "did you mean news?" in newsclf("logs", "--deployment", "nwes").err


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ('{"schema_version": 1}', "'target' is missing"),
        (damage(target="mars"), "'target' is not one of 'local', 'aws'"),
    ],
)
def test_a_record_without_a_known_target_is_not_of_this_version(
    document: object, problem: str
) -> None:
    plant(document)

    error = Deployments(STATE).load().damaged["news"]

    assert str(error).endswith(f": not a record of a deployment of this version ({problem})")
    assert "\n" not in str(error)
