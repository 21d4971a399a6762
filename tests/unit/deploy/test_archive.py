"""`model.tar.gz`: what is written, and what a check finds."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsclf.common.errors import ModelError
from newsclf.common.files import file_digest
from newsclf.deploy.package.archive import ENGINE, SUMS, check_archive, write_archive
from newsclf.model.directory import CARD_FILE, ENGINE_FILES

Members = dict[str, bytes | tarfile.TarInfo]
CODE: dict[str, Path | bytes] = {
    "inference.py": b"",
    ENGINE: b"",
    "packages/onnxruntime/__init__.py": b"",
    "packages/a.py": b"a",
}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A small archive of the right form."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ENGINE_FILES:
        (folder / name).write_text(f"content of {name}", encoding="utf-8")
    files = {name: file_digest(folder / name) for name in ENGINE_FILES} | {
        "model.safetensors": "0" * 64
    }
    (folder / CARD_FILE).write_text(json.dumps({"files": files}), encoding="utf-8")
    path = tmp_path / "model.tar.gz"
    write_archive(path, {name: folder / name for name in (*ENGINE_FILES, CARD_FILE)}, CODE)
    return path


def rewrite(path: Path, change: Callable[[Members], None]) -> Path:
    """The archive with changed members, as any other program would write it."""
    members: Members = {}
    with tarfile.open(path) as archive:
        for info in archive:
            source = archive.extractfile(info)
            members[info.name] = source.read() if source else info
    change(members)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path


def link(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def in_folder(members: Members) -> None:
    for name in list(members):
        members[f"news/{name}"] = members.pop(name)


def add(name: str, content: bytes | tarfile.TarInfo) -> Callable[[Members], None]:
    return lambda members: members.update({name: content})


def drop(name: str) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        del members[name]

    return change


def test_an_archive_is_what_was_written(archive: Path) -> None:
    contents = check_archive(archive)

    names = [member.name for member in contents.members]
    assert names == sorted(names)
    assert {*ENGINE_FILES, CARD_FILE, SUMS, "code/packages/a.py"} <= set(names)
    sizes = {member.name: member.size_bytes for member in contents.members}
    assert sizes["model.onnx"] == len("content of model.onnx")
    with tarfile.open(archive) as members:
        assert {(m.uid, m.gid, m.uname, m.mtime, m.mode) for m in members} == {(0, 0, "", 0, 0o644)}


def test_the_same_contents_are_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    source = tmp_path / "elsewhere"
    (tmp_path / "model").rename(source)
    before = os.umask(0o077)
    try:
        for name in reversed(ENGINE_FILES):
            (source / name).chmod(0o600)
            os.utime(source / name, (1, 1))
        again = tmp_path / "again.tar.gz"
        code = dict(reversed(CODE.items()))
        write_archive(again, {name: source / name for name in (CARD_FILE, *ENGINE_FILES)}, code)
    finally:
        os.umask(before)

    assert again.read_bytes() == archive.read_bytes()


def test_what_tar_itself_makes_of_the_folder_is_accepted(archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    with tarfile.open(archive) as members:
        members.extractall(folder, filter="data")
    with tarfile.open(archive, "w:gz") as members:
        members.add(folder, ".")  # with folders, and names that begin with ./

    assert len(check_archive(archive).members) == len((*ENGINE_FILES, CARD_FILE, *CODE, SUMS))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (in_folder, "must be at the root of the archive, not in news/"),
        (drop("model.onnx"), "it has no model.onnx"),
        (drop("code/inference.py"), "it has no code/inference.py"),
        (drop(f"code/{ENGINE}"), f"it has no code/{ENGINE}"),
        (drop("code/packages/onnxruntime/__init__.py"), "it has no code/packages/onnxruntime"),
        (drop("code/packages/a.py"), "which code/SHA256SUMS lists"),
        (add("model.onnx", b"other"), "model.onnx is not the file that card.json describes"),
        (add("code/inference.py", b"x"), "inference.py is not the file that code/SHA256SUMS"),
        (add("model.safetensors", b"x"), "model.safetensors is not the file that card.json"),
        (add("code/__pycache__/a.pyc", b""), "a.pyc is in neither card.json nor code/SHA256SUMS"),
        (add("/etc/cron.d/job", b""), "/etc/cron.d/job leads out of the archive"),
        (add("code/../../x", b""), "code/../../x leads out of the archive"),
        (add("./config.json", b"x"), "it has config.json twice"),
        (add("link", link("link", tarfile.SYMTYPE)), "link is a link or a device"),
        (add("link", link("link", tarfile.LNKTYPE)), "link is a link or a device"),
        (add("pipe", link("pipe", tarfile.FIFOTYPE)), "pipe is a link or a device"),
        (add(CARD_FILE, b"{"), "its card.json is not a model's card"),
        (add(CARD_FILE, b'{"files": []}'), "its card.json is not a model's card"),
        (add(CARD_FILE, b" " * 2_000_000), "its card.json is not a model's card"),
        (add(SUMS, b"abc"), "its code/SHA256SUMS is not a list of sums"),
        (add(SUMS, b"\xff"), "its code/SHA256SUMS is not a list of sums"),
        (dict.clear, "it has no config.json"),
    ],
)
def test_a_check_says_what_is_wrong(
    archive: Path, change: Callable[[Members], None], said: str
) -> None:
    with pytest.raises(ModelError) as caught:
        check_archive(rewrite(archive, change))

    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00 damaged"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(content)

    with pytest.raises(ModelError, match="can't be read through"):
        check_archive(path)
    with pytest.raises(ModelError, match="can't be read through"):
        check_archive(tmp_path)
    with pytest.raises(ModelError, match="no such archive"):
        check_archive(tmp_path / "none")


def header(kind: bytes, size: int, name: str = "x") -> bytes:
    """A member's header of 512 bytes; sizes that octal digits can't hold are in base 256."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def pax(**fields: str) -> bytes:
    """A PAX header with its contents."""
    lines = b""
    for key, value in fields.items():
        line = f" {key.replace('_', '.')}={value}\n".encode()
        length = len(line) + 1
        while len(str(length)) + len(line) != length:
            length += 1
        lines += str(length).encode() + line
    return header(tarfile.XHDTYPE, len(lines)) + lines.ljust(-(-len(lines) // 512) * 512, b"\0")


FILE = header(tarfile.REGTYPE, 0, "model.onnx")
HUGE = 10**15


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (header(tarfile.GNUTYPE_SPARSE, HUGE), "x is a sparse file"),
        (pax(GNU_sparse_map="0,1", GNU_sparse_size=str(HUGE)) + FILE, "is a sparse file"),
        (header(tarfile.REGTYPE, HUGE, "model.onnx"), "claims to have 1,000,000,000,000,000 bytes"),
        (pax(size=str(HUGE)) + FILE, "claims to have 1,000,000,000,000,000 bytes"),
        (pax(size="-1024") + FILE, "claims to have -1,024 bytes"),
        (header(tarfile.XHDTYPE, 3 * 10**9), "its headers are too long"),
        (header(tarfile.XGLTYPE, 3 * 10**9), "its headers are too long"),
        (header(tarfile.GNUTYPE_LONGNAME, 3 * 10**9), "its headers are too long"),
        (header(tarfile.GNUTYPE_LONGLINK, HUGE), "its headers are too long"),
        (pax(comment="x" * 10_000) * 150 + FILE, "its headers are too long"),
        (pax() * 1_000 + FILE, "can't be read through"),  # each is read inside the one before
        (pax(GNU_sparse_map="x") + FILE, "can't be read through"),
        (pax(GNU_sparse_size="9" * 5_000, GNU_sparse_map="0") + FILE, "can't be read through"),
        (FILE * 10_002, "it has model.onnx twice"),
        (b"".join(header(tarfile.DIRTYPE, 0) for _ in range(10_002)), "more than 10,000 members"),
    ],
)
def test_what_claims_to_be_huge_is_refused_unread(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(gzip.compress(content + bytes(1024), 1))

    with pytest.raises(ModelError) as caught:
        check_archive(path)

    assert said in caught.value.message


def test_an_archive_that_unpacks_to_more_than_any_model_is_refused(archive: Path) -> None:
    with pytest.raises(ModelError, match="it unpacks to more than 8,000 bytes"):
        check_archive(archive, limit_bytes=8_000)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ModelError, match="it is no file"):
        check_archive(tmp_path / "pipe")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_damaged_headers_are_refused_or_read_the_same(archive: Path, data: st.DataObject) -> None:
    expected = check_archive(archive)
    whole = bytearray(pax(size="16", GNU_sparse_size="1") + gzip.decompress(archive.read_bytes()))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, 2_048))] = data.draw(st.integers(0, 255))
    path = archive.with_name("damaged.tar.gz")
    path.write_bytes(gzip.compress(whole, 1))

    try:
        assert check_archive(path) == expected
    except ModelError:
        return


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_damaged_archive_is_refused_or_reads_the_same(archive: Path, data: st.DataObject) -> None:
    whole = archive.read_bytes()
    expected = check_archive(archive)
    damaged = bytearray(whole)
    damaged[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    shortened = whole[: data.draw(st.integers(0, len(whole) - 1))]

    for content in (bytes(damaged), shortened):
        path = archive.with_name("damaged.tar.gz")
        path.write_bytes(content)
        try:
            assert check_archive(path) == expected
        except ModelError:
            continue
