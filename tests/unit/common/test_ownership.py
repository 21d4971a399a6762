"""Folders that lie behind a link, or that others can write: nothing there is emptied or written."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsclf.common.errors import ConfigError, ModelError
from newsclf.common.settings import Settings
from newsclf.training.folder import (
    TrainRequest,
    check_target,
    empty,
    interrupted_request,
    locked,
    remove,
    work_folder,
)
from newsclf.training.sagemaker.job import read_job
from tests.conftest import Cli
from tests.support.builders import build_card

WORK = Path("model.partial")


def request_of(*, overwrite: bool = True) -> TrainRequest:
    settings = Settings.model_validate({"data": {"source": "sample"}, "model": "model"})
    return TrainRequest(settings=settings, overwrite=overwrite)


def check(*, resume: bool = False) -> None:
    model = Path("model")
    check_target(request_of(), model.resolve(), work_folder(model), resume=resume)


def fill(folder: Path) -> None:
    """What a run leaves that was killed, and one precious file."""
    folder.mkdir()
    (folder / ".lock").touch()
    (folder / "request.json").write_text(request_of().model_dump_json(), encoding="utf-8")
    (folder / "thesis.txt").write_text("mine", encoding="utf-8")


@pytest.mark.parametrize("resume", [False, True])
def test_a_link_in_place_of_the_folder_of_a_training_is_refused(*, resume: bool) -> None:
    fill(Path("mine"))
    WORK.symlink_to("mine")

    with pytest.raises(ConfigError, match=r"model\.partial is a link"):
        check(resume=resume)
    with pytest.raises(ConfigError, match="is a link"), locked(work_folder(Path("model"))):
        pass
    with pytest.raises(ConfigError, match="is a link"):
        interrupted_request(Path("model"))
    remove(WORK)
    assert Path("mine/thesis.txt").is_file()


def test_train_overwrite_leaves_what_a_link_leads_to(newsclf: Cli) -> None:
    fill(Path("mine"))
    WORK.symlink_to("mine")

    result = newsclf("train", "--data", "sample", "--overwrite")

    assert result.exit_code == 2
    assert "model.partial is a link" in result.err
    assert "hint: move it" in result.err
    assert Path("mine/thesis.txt").is_file()


@pytest.mark.parametrize("name", ["thesis.txt", "seed-0", "fetched", "photos"])
def test_files_that_no_training_writes_are_named_and_nothing_is_deleted(name: str) -> None:
    """Also a file where a training has a folder, and a link."""
    fill(WORK)
    (WORK / "thesis.txt").unlink()
    (WORK / "seed-1.checkpoint").mkdir()
    (WORK / "seed-1.checkpoint" / "last.pt").touch()
    if name == "photos":
        (WORK / name).mkdir()
    elif name == "fetched":
        Path("elsewhere").mkdir()
        (WORK / name).symlink_to(Path("elsewhere").resolve())
    else:
        (WORK / name).touch()

    for resume in (False, True):
        with pytest.raises(ConfigError, match=f"did not write: {name}"):
            check(resume=resume)
    with pytest.raises(ConfigError, match=name), locked(WORK):
        empty(WORK)
    assert (WORK / "seed-1.checkpoint" / "last.pt").is_file()

    remove(WORK)
    assert [path.name for path in WORK.iterdir()] == [name]


def test_all_that_a_training_writes_goes() -> None:
    WORK.mkdir()
    for name in ("seed-0", "seed-1.new", "seed-1.checkpoint", ".seed-0-ab_4defg", "fetched.new"):
        (WORK / name).mkdir()
        (WORK / name / "some.file").touch()
    for name in (".lock", "request.json", ".request.json.0123456789abcdef.partial", "model.tar.gz"):
        (WORK / name).touch()

    check()
    empty(WORK)
    assert [path.name for path in WORK.iterdir()] == [".lock"]
    remove(WORK)
    assert not WORK.exists()


def test_a_folder_that_others_can_write_is_refused() -> None:
    WORK.mkdir()
    WORK.chmod(0o775)

    with pytest.raises(ConfigError, match=r"can be written by other users \(mode 0775\)") as error:
        check(resume=True)
    assert "chmod -R go-w" in (error.value.hint or "")


def test_a_request_or_record_that_is_a_link_is_not_read() -> None:
    WORK.mkdir()
    Path("other.json").write_text("{}", encoding="utf-8")
    for name in ("request.json", "job.json"):
        (WORK / name).symlink_to(Path("other.json").resolve())

    with pytest.raises(ModelError, match="it is a link"):
        interrupted_request(Path("model"))
    with pytest.raises(ModelError, match="it is a link"):
        read_job(WORK / "job.json")


def test_a_model_behind_a_link_is_not_replaced() -> None:
    Path("theirs").mkdir()
    Path("theirs/card.json").write_text(build_card().model_dump_json(), encoding="utf-8")
    Path("model").symlink_to("theirs")

    with pytest.raises(
        ConfigError, match="model is a link, and will not be used or replaced"
    ) as error:
        check()
    assert "with --out" in (error.value.hint or "")


def test_the_demo_does_not_follow_a_link_to_its_folder(newsclf: Cli) -> None:
    Path("mine").mkdir()
    Path(".newsclf").mkdir(mode=0o700)
    Path(".newsclf/demo").symlink_to(Path("mine").resolve())

    result = newsclf("demo")

    assert result.exit_code == 3
    assert "demo is a link" in result.err
    assert list(Path("mine").iterdir()) == []
