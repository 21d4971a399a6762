"""Model directories on disk: find one, check its digests, replace it.

    config.json, model.safetensors, tokenizer.json, …   as Hugging Face writes them
    model.onnx                                          the int8 form, which serving runs
    seen-texts.txt                                      hashes of the texts that it was trained on
    card.json                                           its origin, and SHA-256 of each file
    README.md, training.svg                             generated from the card

`newsclf train --seeds N` writes a folder with `seeds.json` and one such directory per seed; opening
it opens the one that was best on validation data.
"""

from __future__ import annotations

import glob
import hashlib
import json
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from newsclf.common.errors import ModelError, reason_of
from newsclf.common.files import file_digest, read_regular, synced

CARD_FILE = "card.json"
SEEDS_FILE = "seeds.json"
ONNX_FILE = "model.onnx"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
"""The files that define a model's tokenizer."""
ENGINE_FILES = ("config.json", *TOKENIZER_FILES, ONNX_FILE)
"""The files that an engine reads. Named here, so that who checks them need not load an engine."""
GPU_FILES = ("config.json", *TOKENIZER_FILES, "model.safetensors")
"""The files that the engine for GPUs reads."""
_MAX_BYTES = 16 << 20
_AGAIN = "copy the directory again, or newsclf train"
FILES_PROBLEM = "not a table of the directory's files and their SHA-256"
_OLD = "old"
"""Name of a replaced directory until it is deleted."""
_SEED_NAME = re.compile(r"seed-\d+")


def find_model(path: Path) -> Path:
    """The model directory at a path; the best one, if the path holds several seeds.

    Raises:
        ModelError: there is no model directory.
    """
    if (path / SEEDS_FILE).is_file():
        path = path / _seed_names(path)[0]
    if not (path / CARD_FILE).is_file():
        known = f"it has no {CARD_FILE}" if path.is_dir() else "there is no such folder"
        known = "it is a file" if path.is_file() else known
        raise ModelError(
            f"{path}: not a model directory ({known})",
            hint="newsclf runs lists the models here, newsclf train"
            f"{'' if path.exists() else f' --out {shlex.quote(str(path))}'} makes one",
        )
    return path


def find_seeds(path: Path) -> list[Path]:
    """The model directories of all seeds at a path: one, unless it holds several."""
    if (path / SEEDS_FILE).is_file():
        return [path / name for name in _seed_names(path)[1:]]
    return [find_model(path)]


def check_files(folder: Path, digests: Mapping[str, str], names: Iterable[str]) -> None:
    """Compare files of a model directory with their digests.

    Args:
        folder: The model directory.
        digests: SHA-256 of each file, as in the card.
        names: The files to check.

    Raises:
        ModelError: a file is missing, has no digest, or has another one.
    """
    for name in names:
        hint = f"newsclf optimize --model {folder}" if name == ONNX_FILE else _AGAIN
        if not (folder / name).is_file() or name not in digests:
            why = _read_json(folder / CARD_FILE).get("int8_rejected") if name == ONNX_FILE else None
            if not isinstance(why, str):
                raise ModelError(f"{folder}: it has no {name}", hint=hint)
            raise ModelError(
                f"{folder}: it has no {name}: {why}",
                hint=f"{hint} with the --min-agreement and --max-accuracy-drop that you accept",
            )
        if digests[name] != file_digest(folder / name):
            raise ModelError(
                f"{folder}: {name} is not the file that its card describes (SHA-256 differs)",
                hint=hint,
            )


def read_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file of a model from its card, hexadecimal, without pydantic.

    Raises:
        ModelError: the card can't be read, or its `files` are not files of the directory.
    """
    files = _read_json(folder / CARD_FILE).get("files", {})
    if not isinstance(files, dict) or not are_digests(files):
        raise ModelError(f"{folder / CARD_FILE}: files: {FILES_PROBLEM}", hint=_AGAIN)
    return files


def are_digests(files: Mapping[str, object]) -> bool:
    """Whether all keys are plain file names, which lead nowhere else, and all values are ASCII."""
    return all(
        name.isprintable()
        and name not in ("", ".", "..")
        and not {"/", "\\"} & {*name}
        and isinstance(sha, str)
        and sha.isascii()
        for name, sha in files.items()
    )


def digest_of(files: Mapping[str, str]) -> str:
    """SHA-256 over the names and digests of a model's files, hexadecimal."""
    lines = "".join(f"{name} {sha}\n" for name, sha in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def replace_directory(new: Path, target: Path) -> None:
    """Move a finished directory to `target`, on the same disk, and then delete the old one.

    What an earlier call left aside that was killed is deleted, too.
    """
    for file in new.rglob("*"):
        if file.is_file():
            synced(file)  # or a power cut may leave neither the old model nor the new one
    prefix = f".{target.name}-"
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=prefix) as aside:
        old = Path(aside) / _OLD
        try:
            if target.exists():
                target.rename(old)
            new.rename(target)
        except BaseException:  # on Ctrl-C too
            if old.exists() and not target.exists():
                old.rename(target)
            raise
    _remove_stale(target.parent, prefix)


def _remove_stale(folder: Path, prefix: str) -> None:
    """Delete what `replace_directory` left aside when it was killed, and nothing else."""
    from newsclf.common.ownership import ownership_problem

    name = re.compile(re.escape(prefix) + "[a-z0-9_]{8}")  # as tempfile names it
    for stale in folder.glob(f"{glob.escape(prefix)}*"):
        is_ours = name.fullmatch(stale.name) and ownership_problem(stale, folder=True) is None
        if is_ours and {path.name for path in stale.iterdir()} <= {_OLD}:
            shutil.rmtree(stale)


def _seed_names(path: Path) -> list[str]:
    """Folder names in `seeds.json`: the best seed, then all seeds."""
    document = _read_json(path / SEEDS_FILE)
    seeds = document.get("seeds", [])
    names = [document.get("best"), *(seeds if isinstance(seeds, list) else [None])]
    if not all(isinstance(name, str) and _SEED_NAME.fullmatch(name) for name in names):
        raise ModelError(
            f"{path / SEEDS_FILE}: must name the seeds and the best of them, such as seed-0",
            hint=_AGAIN,
        )
    return names


def _read_json(path: Path) -> dict[str, Any]:
    try:  # in the cache of the Hugging Face Hub, files are links
        document = json.loads(read_regular(path, at_most_bytes=_MAX_BYTES, follow=True).decode())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({reason_of(error)})", hint=_AGAIN) from error
    if not isinstance(document, dict):
        raise ModelError(f"{path}: cannot be read (not a JSON object)", hint=_AGAIN)
    return document
