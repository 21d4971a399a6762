"""`model.tar.gz` for SageMaker's stock container: writing it, and checking one.

    config.json, tokenizer.json, tokenizer_config.json, model.onnx   what the engine reads
    card.json                                      the model's card, with SHA-256 of those files
    code/inference.py                              the hooks that the container calls
    code/newsclf/…                                 the modules that they need
    code/packages/…                                the wheels that the container lacks, unpacked
    code/SHA256SUMS                                SHA-256 of everything under code/

All at the root of the archive: in a folder of their own the container does not find them. There is
no code/requirements.txt, so the container's toolkit does not run pip: the user of a serverless
endpoint's container may have no right to write where pip installs.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from newsclf.common import tar
from newsclf.common.errors import ModelError
from newsclf.common.files import file_digest
from newsclf.model.directory import CARD_FILE, digest_of
from newsclf.serving.engine import FILES

CODE = "code/"
HOOKS = f"{CODE}inference.py"
PACKAGES = f"{CODE}packages/"
RUNTIME = f"{PACKAGES}onnxruntime/__init__.py"
SUMS = f"{CODE}SHA256SUMS"
MODULES = (
    "newsclf/__init__.py",
    "newsclf/common/__init__.py",
    "newsclf/common/errors.py",
    "newsclf/common/files.py",
    "newsclf/contract/__init__.py",
    "newsclf/contract/answers.py",
    "newsclf/contract/labels.py",
    "newsclf/contract/limits.py",
    "newsclf/contract/requests.py",
    "newsclf/model/__init__.py",
    "newsclf/model/directory.py",
    "newsclf/serving/__init__.py",
    "newsclf/serving/engine.py",
    "newsclf/serving/tokens.py",
)
"""What the hooks import of this package, and nothing else of it; a test compares."""
_REQUIRED = (*FILES, CARD_FILE, HOOKS, RUNTIME, SUMS)
_LIST_LIMIT_BYTES = 1024 * 1024
"""Card and sums are read into memory; larger ones were not written by newsclf."""
_BLOCK_BYTES = 1024 * 1024
_UNPACKED_LIMIT_BYTES = 8 * 1024**3
"""Of a whole archive, headers and all; the largest bases have float weights of 3 GB."""
_AGAIN = "newsclf package makes one"


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a checked archive holds."""

    model_digest: str
    members: tuple[Member, ...]
    """In the archive's order."""


def write_archive(
    target: Path, model: Mapping[str, Path], code: Mapping[str, Path | bytes]
) -> None:
    """Write an archive; the same contents give the same bytes, wherever and whenever.

    Args:
        model: The files at the root, by name.
        code: The files under `code/`, by their path there.
    """
    sums = "".join(f"{_digest(code[name])}  {name}\n" for name in sorted(code))
    members: dict[str, Path | bytes] = {f"{CODE}{name}": given for name, given in code.items()}
    members |= {**model, SUMS: sums.encode()}
    with (
        target.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in sorted(members):
            given = members[name]
            # Of the file only its name, size and bytes: no owner, no mode, no time.
            info = tarfile.TarInfo(name)
            info.size = len(given) if isinstance(given, bytes) else given.stat().st_size
            with io.BytesIO(given) if isinstance(given, bytes) else given.open("rb") as source:
                archive.addfile(info, source)


def check_archive(path: Path) -> Contents:
    """Read an archive through and compare it with its own card and sums. Unpacks nothing.

    It finds what went wrong on the way, not what someone made wrong on purpose: whoever can change
    a file can change its digest too. Against that, compare the archive's own SHA-256.

    Raises:
        ModelError: it is no archive, cut short, has a member that must not be there or lacks one
            that must, or a file is not what its digest says.
    """
    members: dict[str, Member] = {}
    lists: dict[str, bytes] = {}
    try:
        for archive, info in tar.members(path, limit_bytes=_UNPACKED_LIMIT_BYTES):
            member = _read_member(path, archive, info, lists)
            if member is None:
                continue
            if member.name in members:
                raise ModelError(f"{path}: it has {member.name} twice", hint=_AGAIN)
            members[member.name] = member
    except FileNotFoundError:
        raise ModelError(f"{path}: no such archive", hint=_AGAIN) from None
    except (*tar.DAMAGED, OSError) as error:
        raise ModelError(
            f"{path}: it can't be read through as a .tar.gz ({error})",
            hint=f"copy it again, or {_AGAIN}",
        ) from error
    _check_layout(path, members)
    card = _card_digests(path, lists.get(CARD_FILE, b""))
    sums = _sums_digests(path, lists.get(SUMS, b""))
    _check_digests(path, members, card, sums)
    return Contents(digest_of(card), tuple(members.values()))


def _read_member(
    path: Path, archive: tarfile.TarFile, info: tarfile.TarInfo, lists: dict[str, bytes]
) -> Member | None:
    """Digest a file, and keep it if it is the card or the sums; None for a folder."""
    name = _safe_name(path, info)
    if info.isdir():
        return None
    source = archive.extractfile(info)
    assert source is not None  # noqa: S101 - it is a plain file
    digest = hashlib.sha256()
    if name in (CARD_FILE, SUMS) and info.size <= _LIST_LIMIT_BYTES:
        lists[name] = source.read()
        digest.update(lists[name])
    while block := source.read(_BLOCK_BYTES):
        digest.update(block)
    return Member(name, info.size, digest.hexdigest())


def _safe_name(path: Path, info: tarfile.TarInfo) -> str:
    name = PurePosixPath(info.name)
    if name.is_absolute() or ".." in name.parts:
        raise ModelError(f"{path}: the name {info.name} leads out of the archive", hint=_AGAIN)
    if not (info.isfile() or info.isdir()):
        raise ModelError(
            f"{path}: {info.name} is a link or a device; SageMaker takes plain files only",
            hint=_AGAIN,
        )
    return str(name)


def _check_layout(path: Path, members: Mapping[str, Member]) -> None:
    missing = [name for name in _REQUIRED if name not in members]
    if not missing:
        return
    folders = {PurePosixPath(name).parts[0] for name in members}
    for folder in sorted(folders):
        if f"{folder}/{missing[0]}" in members and folder != CODE.rstrip("/"):
            raise ModelError(
                f"{path}: the files must be at the root of the archive, not in {folder}/",
                hint=_AGAIN,
            )
    raise ModelError(f"{path}: it has no {missing[0]}", hint=_AGAIN)


def _check_digests(
    path: Path, members: Mapping[str, Member], card: Mapping[str, str], sums: Mapping[str, str]
) -> None:
    for name, said in sums.items():
        if name not in members:
            raise ModelError(f"{path}: it has no {name}, which {SUMS} lists", hint=_AGAIN)
        _compare(path, members[name], said, SUMS)
    for member in members.values():
        if member.name in (CARD_FILE, SUMS) or member.name in sums:
            continue
        if member.name not in card:
            raise ModelError(
                f"{path}: {member.name} is in neither {CARD_FILE} nor {SUMS}", hint=_AGAIN
            )
        _compare(path, member, card[member.name], CARD_FILE)


def _compare(path: Path, member: Member, said: str, where: str) -> None:
    if member.sha256 != said:
        raise ModelError(
            f"{path}: {member.name} is not the file that {where} describes (SHA-256 differs)",
            hint=f"copy it again, or {_AGAIN}",
        )


def _card_digests(path: Path, text: bytes) -> dict[str, str]:
    try:
        files = json.loads(text)["files"]
        return {str(name): str(sha) for name, sha in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ModelError(f"{path}: its {CARD_FILE} is not a model's card", hint=_AGAIN) from None


def _sums_digests(path: Path, text: bytes) -> dict[str, str]:
    try:
        pairs = [line.split("  ", 1) for line in text.decode().splitlines()]
        return {f"{CODE}{name}": sha for sha, name in pairs}
    except ValueError:
        raise ModelError(f"{path}: its {SUMS} is not a list of sums", hint=_AGAIN) from None


def _digest(given: Path | bytes) -> str:
    return file_digest(given) if isinstance(given, Path) else hashlib.sha256(given).hexdigest()
