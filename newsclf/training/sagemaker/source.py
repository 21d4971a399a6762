"""Source archive of a training job: newsclf itself, and the requirements that pip installs."""

from __future__ import annotations

import io
import re
import tarfile
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

import newsclf

ARCHIVE: Final = "source.tar.gz"
REQUIREMENTS: Final = "requirements.txt"
_IN_THE_IMAGE: Final = "torch"
"""In the image, in the build for its hardware; another build would be gigabytes to download."""
_SHIPPED: Final = re.compile(r".*\.(py|csv|toml|txt|json|html|css|js|typed)")


def write_source(target: Path) -> None:
    """Write the archive that the container unpacks into its working folder."""
    package = Path(newsclf.__file__).parent
    with tarfile.open(target, "w:gz") as archive:
        for path in sorted(package.rglob("*")):
            if path.is_file() and _SHIPPED.fullmatch(path.name):
                name = f"newsclf/{path.relative_to(package).as_posix()}"
                archive.add(path, name, filter=_without_owner)
        text = "".join(f"{line}\n" for line in requirements()).encode()
        info = tarfile.TarInfo(REQUIREMENTS)
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))


def requirements() -> list[str]:
    """Requirements of training, pinned to the versions installed here.

    torch is left out, since the image has it. A package that is not installed here keeps its range.
    """
    lines = []
    for text in requires("newsclf") or []:
        wanted = Requirement(text)
        if wanted.name == _IN_THE_IMAGE or not _is_for_training(wanted):
            continue
        try:
            here, _, _build = version(wanted.name).partition("+")
            lines.append(f"{wanted.name}=={here}")
        except PackageNotFoundError:
            lines.append(f"{wanted.name}{wanted.specifier}")
    return sorted(set(lines))


def _is_for_training(wanted: Requirement) -> bool:
    return wanted.marker is None or wanted.marker.evaluate({"extra": "train"})


def _without_owner(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info
