"""Write and check `model.tar.gz`, the archive for SageMaker's stock container.

    config.json, tokenizer.json, tokenizer_config.json, model.onnx   what the engine reads
    card.json                                      the model's card, with SHA-256 of those files
    code/inference.py                              the hooks that the container calls
    code/newsclf/…                                 the modules that they import
    code/packages/…                                unpacked wheels that the container lacks
    code/SHA256SUMS                                SHA-256 of everything under code/

An archive for GPUs has model.safetensors instead of model.onnx, and no packages: the container for
GPUs has PyTorch.

The container only finds them at the root of the archive. There is no code/requirements.txt, so the
container's toolkit does not run pip: in a serverless endpoint its user may lack the right to write
where pip installs.
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
from typing import TYPE_CHECKING, cast

from newsclf.common import tar
from newsclf.common.errors import ModelError
from newsclf.common.files import file_digest
from newsclf.model.directory import CARD_FILE, ENGINE_FILES, GPU_FILES, digest_of

if TYPE_CHECKING:
    from io import BufferedReader

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
    "newsclf/serving/engines/__init__.py",
    "newsclf/serving/engines/logits.py",
    "newsclf/serving/engines/tokens.py",
)
"""The modules of this package that the hooks import, with either engine; a test compares."""
ENGINE = "newsclf/serving/engines/onnx_runtime.py"
GPU_ENGINE = "newsclf/serving/engines/torch_gpu.py"
"""The module of the engine for GPUs, by which an archive for them is known."""
_REQUIRED = (*ENGINE_FILES, CARD_FILE, HOOKS, f"{CODE}{ENGINE}", RUNTIME, SUMS)
_REQUIRED_ON_GPU = (*GPU_FILES, CARD_FILE, HOOKS, SUMS)
_LIST_LIMIT_BYTES = 1024 * 1024
"""Size up to which the card and the sums are read into memory; newsclf writes smaller ones."""
UNPACKED_LIMIT_BYTES = 8 * 1024**3
"""Unpacked size of an archive; the largest bases have float weights of 3 GB."""
_AGAIN = "newsclf package makes one"


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    """Contents of a checked archive."""

    model_digest: str
    members: tuple[Member, ...]
    """In the archive's order."""

    @property
    def is_for_gpu(self) -> bool:
        """Whether it is for instances with a GPU, and for no others."""
        return any(member.name == f"{CODE}{GPU_ENGINE}" for member in self.members)


def write_archive(
    target: Path, model: Mapping[str, Path], code: Mapping[str, Path | bytes]
) -> None:
    """Write a reproducible archive: the same contents always give the same bytes.

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
            # Only name, size and bytes: owner, mode and time would change the archive.
            info = tarfile.TarInfo(name)
            info.size = len(given) if isinstance(given, bytes) else given.stat().st_size
            with io.BytesIO(given) if isinstance(given, bytes) else given.open("rb") as source:
                archive.addfile(info, source)


def check_archive(path: Path, *, limit_bytes: int = UNPACKED_LIMIT_BYTES) -> Contents:
    """Compare the members of an archive with its own card and sums, without unpacking it.

    This detects damage, not manipulation: whoever can change a file can change its digest too.
    Against that, compare the SHA-256 of the archive itself.

    Args:
        path: The archive.
        limit_bytes: Unpacked size above which it is refused.

    Raises:
        ModelError: it is not an archive, is cut short, has a forbidden member or lacks a required
            one, or a file does not match its digest.
    """
    members: dict[str, Member] = {}
    lists: dict[str, bytes] = {}
    try:
        for archive, info in tar.members(path, limit_bytes=limit_bytes):
            name = _safe_name(path, info)
            if info.isdir():
                continue
            if name in members:
                raise ModelError(f"{path}: it has {name} twice", hint=_AGAIN)
            with cast("BufferedReader", archive.extractfile(info)) as source:
                if name in (CARD_FILE, SUMS) and info.size <= _LIST_LIMIT_BYTES:
                    lists[name] = source.read()
                    digest = hashlib.sha256(lists[name])
                else:
                    digest = hashlib.file_digest(source, "sha256")
            members[name] = Member(name, info.size, digest.hexdigest())
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
    if missing := next((name for name in sums if name not in members), None):
        raise ModelError(f"{path}: it has no {missing}, which {SUMS} lists", hint=_AGAIN)
    for name, member in members.items():
        if name not in (CARD_FILE, SUMS):
            _check_digest(path, member, card, sums)
    return Contents(digest_of(card), tuple(members.values()))


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
    required = _REQUIRED_ON_GPU if f"{CODE}{GPU_ENGINE}" in members else _REQUIRED
    missing = [name for name in required if name not in members]
    if not missing:
        return
    folders = sorted({name.partition("/")[0] for name in members} - {CODE.rstrip("/")})
    for folder in folders:
        if f"{folder}/{missing[0]}" in members:
            raise ModelError(
                f"{path}: the files must be at the root of the archive, not in {folder}/",
                hint=_AGAIN,
            )
    raise ModelError(f"{path}: it has no {missing[0]}", hint=_AGAIN)


def _check_digest(
    path: Path, member: Member, card: Mapping[str, str], sums: Mapping[str, str]
) -> None:
    where, listed = (SUMS, sums) if member.name in sums else (CARD_FILE, card)
    if member.name not in listed:
        raise ModelError(f"{path}: {member.name} is in neither {CARD_FILE} nor {SUMS}", hint=_AGAIN)
    if member.sha256 != listed[member.name]:
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
