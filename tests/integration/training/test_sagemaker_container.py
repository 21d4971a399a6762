"""What a training job is sent, what it says when it fails, and what is taken from it."""

from __future__ import annotations

import io
import sys
import tarfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

import newsclf
from newsclf.common.errors import ModelError
from newsclf.common.settings import load_settings
from newsclf.model.card import read_card
from newsclf.training import rehearsal
from newsclf.training.devices import Compute
from newsclf.training.folder import TrainRequest
from newsclf.training.sagemaker import container, fetch
from newsclf.training.sagemaker.source import requirements, write_source
from tests.support.models import tiny_settings


def test_pip_is_asked_for_what_trains_here_but_torch() -> None:
    lines = requirements()

    assert f"transformers=={version('transformers')}" in lines
    assert f"pydantic=={version('pydantic')}" in lines
    assert not [line for line in lines if line.startswith(("torch", "boto3", "moto", "newsclf"))]


def test_the_whole_package_travels_and_nothing_of_this_machine(tmp_path: Path) -> None:
    write_source(tmp_path / "source.tar.gz")

    with tarfile.open(tmp_path / "source.tar.gz") as archive:
        names = archive.getnames()
        assert {info.uid for info in archive} == {0}
    modules = Path(newsclf.__file__).parent.rglob("*.py")
    assert {f"newsclf/{p.relative_to(Path(newsclf.__file__).parent)}" for p in modules} <= {*names}
    assert "newsclf/data/headlines.csv" in names
    assert not [name for name in names if name.endswith(".pyc") or name.startswith(("/", ".."))]


def test_a_job_that_can_not_train_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    flags = {"data": {"source": "sample"}, "train": {"base": str(tmp_path)}}
    request = TrainRequest(settings=load_settings(None, environ={}, flags=flags))
    inputs = tmp_path / "input/data/inputs"
    inputs.mkdir(parents=True)
    (inputs / "request.json").write_text(request.model_dump_json(), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["container", str(tmp_path)])

    with pytest.raises(SystemExit) as exited:
        container.main()

    assert exited.value.code == 1
    reason = (tmp_path / "output/failure").read_text(encoding="utf-8")
    assert "not a folder with a model" in reason
    assert f"newsclf: {reason}" in capfd.readouterr().out


def test_a_resumed_job_goes_on_in_the_precision_in_which_it_began(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tiny_settings(tiny_base, epochs=2).replace('"float32"', '"auto"')
    (tmp_path / "tiny.toml").write_text(text, encoding="utf-8")
    settings = load_settings(tmp_path / "tiny.toml", environ={})
    request = TrainRequest(settings=settings, optimize=False)
    inputs, checkpoints, model = (tmp_path / name for name in ("inputs", "checkpoints", "model"))
    inputs.mkdir()
    (inputs / "request.json").write_text(request.model_dump_json(), encoding="utf-8")
    # As where bfloat16 is the faster one.
    monkeypatch.setattr(rehearsal, "fastest_compute", lambda *_: Compute("cpu", "bfloat16"))

    def taken_away(work: Path, state: Path) -> None:
        keep_state(work, state)
        raise SystemExit

    keep_state = container.keep_state
    with monkeypatch.context() as first:
        first.setattr(container, "keep_state", taken_away)
        with pytest.raises(SystemExit):
            container.run(inputs, checkpoints, model)
    container.run(inputs, checkpoints, model)

    card = read_card(model)[1]
    assert (card.training.precision, card.epochs_run) == ("bfloat16", 2)


def test_the_state_of_a_job_is_written_behind_no_link(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/request.json").write_text("{}", encoding="utf-8")
    (tmp_path / "victim").write_text("mine", encoding="utf-8")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/state.tar.tmp").symlink_to(tmp_path / "victim")

    container.keep_state(tmp_path / "work", tmp_path / "checkpoints/state.tar")

    assert (tmp_path / "victim").read_text(encoding="utf-8") == "mine"
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["state.tar"]
    with tarfile.open(tmp_path / "checkpoints/state.tar") as archive:
        assert archive.getnames() == ["request.json"]


def packed(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info in members:
            info.size = 5 if info.isfile() else 0
            archive.addfile(info, io.BytesIO(b"bytes"))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("members", "spoil", "said"),
    [
        ([member("../outside")], None, "outside"),
        ([member("link", tarfile.SYMTYPE, "/etc/passwd")], None, "not a plain file"),
        ([member("link", tarfile.LNKTYPE, "card.json")], None, "not a plain file"),
        ([member("pipe", tarfile.FIFOTYPE)], None, "not a plain file"),
        ([member("a"), member("b")], cut, "can't be read through"),
    ],
    ids=["outside", "symbolic link", "hard link", "pipe", "cut short"],
)
def test_an_archive_that_no_job_of_ours_wrote_is_refused(
    tmp_path: Path, members: list[tarfile.TarInfo], spoil: Callable[[Path], None] | None, said: str
) -> None:
    archive = packed(tmp_path / "model.tar.gz", *members)
    if spoil is not None:
        spoil(archive)

    with pytest.raises(ModelError, match=said):
        fetch.unpack(archive, tmp_path / "folder")

    assert not (tmp_path / "outside").exists()


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MOST_BYTES", 8)
    archive = packed(tmp_path / "model.tar.gz", member("a"), member("b"))

    with pytest.raises(ModelError, match="unpacks to more"):
        fetch.unpack(archive, tmp_path / "folder")
