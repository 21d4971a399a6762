"""Pinned wheels: the file of pins, and finding and fetching what it names."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

import pytest

from newsclf.common.errors import ConfigError, DownloadError
from newsclf.common.settings import shipped_config
from newsclf.deploy.package import wheels
from newsclf.deploy.package.build import REQUIREMENTS_FILE
from newsclf.deploy.package.wheels import fetched_wheels, read_pins, unpacked, wheels_in
from tests.support.builders import build_wheels

ROOT = Path(__file__).parents[3]
SHA = "0123456789abcdef" * 4


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that is all that pip can reach."""
    requirements = build_wheels(tmp_path / "index", "onnxruntime==1.2.3", "helper==4")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return requirements


def test_the_shipped_pins_fit_the_project_s_and_name_no_registry() -> None:
    text = shipped_config(REQUIREMENTS_FILE).read_text(encoding="utf-8")
    pins = {pin.name: str(pin) for pin in read_pins(shipped_config(REQUIREMENTS_FILE))}
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()

    assert set(pins.values()) <= set(constraints)
    assert "onnxruntime" in pins
    # What transformers of the container is particular about must not be replaced.
    assert not pins.keys() & {"numpy", "tokenizers", "packaging"}
    assert not re.search(r"://|^-", text, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "line",
    [
        "onnxruntime",
        "onnxruntime==1",
        f"onnxruntime>=1 --hash=sha256:{SHA}",
        f"onnxruntime==1 --hash=md5:{SHA}",
        f"onnxruntime==1 --hash=sha256:{SHA[:-1]}",
        "--index-url elsewhere",
        "\N{SNOWMAN}",
    ],
)
def test_a_line_that_pins_nothing_is_an_error(tmp_path: Path, line: str) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(f"# pins\n{line}\n", encoding="utf-8")

    with pytest.raises(ConfigError, match="is not name==version"):
        read_pins(path)


def test_pins_may_have_several_hashes_and_lines(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    other = SHA[::-1]
    path.write_text(
        f"\n# one\na.b-c==1.0+cpu \\\n    --hash=sha256:{SHA} \\\n    --hash=sha256:{other}\n",
        encoding="utf-8",
    )

    assert [(str(pin), pin.digests) for pin in read_pins(path)] == [
        ("a.b-c==1.0+cpu", frozenset({SHA, other}))
    ]


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "requirements.txt"
    if content:
        path.write_bytes(content)

    with pytest.raises(ConfigError, match="cannot be read"):
        read_pins(path)


def test_wheels_are_known_by_their_digest_not_their_name(tmp_path: Path) -> None:
    pins = read_pins(build_wheels(tmp_path, "onnxruntime==1.2.3", "helper==4"))
    assert [path.name.partition("-")[0] for path in wheels_in(tmp_path, pins)] == [
        "onnxruntime",
        "helper",
    ]

    with next(tmp_path.glob("helper*.whl")).open("ab") as file:
        file.write(b"changed")
    with pytest.raises(ConfigError, match="no wheel of helper==4 with a pinned SHA-256"):
        wheels_in(tmp_path, pins)


def test_pip_fetches_once(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins, cache = read_pins(index), tmp_path / "cache"

    first = fetched_wheels(index, pins, cache)
    monkeypatch.delenv("PIP_FIND_LINKS")
    again = fetched_wheels(index, pins, cache)

    assert first == again
    assert sorted(cache.iterdir()) == sorted(first)


def test_what_pip_cannot_reach_is_an_error_with_a_way_out(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_FIND_LINKS")

    with pytest.raises(DownloadError, match=r"No matching distribution.*onnxruntime") as caught:
        fetched_wheels(index, read_pins(index), tmp_path / "cache")

    assert "--wheels DIR" in (caught.value.hint or "")
    assert list((tmp_path / "cache").iterdir()) == []


def test_pip_refuses_a_wheel_that_was_changed(index: Path, tmp_path: Path) -> None:
    with next(index.parent.glob("helper*.whl")).open("ab") as file:
        file.write(b"changed")

    with pytest.raises(DownloadError, match="HASH"):
        fetched_wheels(index, read_pins(index), tmp_path / "cache")

    assert list((tmp_path / "cache").iterdir()) == []


def test_without_pip_the_folder_is_asked_for(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "find_spec", lambda _: None)

    with pytest.raises(ConfigError, match="needs pip") as caught:
        fetched_wheels(index, read_pins(index), tmp_path / "cache")

    assert "--wheels DIR" in (caught.value.hint or "")


def test_a_wheel_is_unpacked_as_pip_lays_it_out(tmp_path: Path) -> None:
    wheel = tmp_path / "a-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.mkdir("a")
        for name in (
            "a/__init__.py",
            "a-1.dist-info/METADATA",
            "a-1.data/purelib/b.py",
            "a-1.data/platlib/c/d.so",
            "a-1.data/scripts/run",
        ):
            archive.writestr(name, name)

    assert {name: content.decode() for name, content in unpacked(wheel).items()} == {
        "a/__init__.py": "a/__init__.py",
        "a-1.dist-info/METADATA": "a-1.dist-info/METADATA",
        "b.py": "a-1.data/purelib/b.py",
        "c/d.so": "a-1.data/platlib/c/d.so",
    }


def test_what_is_no_wheel_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"nothing")

    with pytest.raises(ConfigError, match=r"a\.whl: it can't be read as a wheel"):
        unpacked(tmp_path / "a.whl")
