"""Whether a folder or file is the user's alone, so that it may be believed, written or emptied."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Distrust:
    """Why a path is not to be trusted."""

    kind: Literal["link", "kind", "owner", "mode"]
    words: str
    """What it is, after its name: `is a link`."""


def distrust(path: Path, *, folder: bool) -> Distrust | None:
    """Why a path is not a plain folder, or file, that only its user can change; None if it is.

    A path at which there is nothing is no reason.

    Raises:
        OSError: It can't be looked at.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    mode = found.st_mode
    if stat.S_ISLNK(mode):
        return Distrust("link", "is a link")
    if not (stat.S_ISDIR(mode) if folder else stat.S_ISREG(mode)):
        return Distrust("kind", f"is not a {'folder' if folder else 'file'}")
    if found.st_uid != os.getuid():
        return Distrust("owner", f"belongs to another user (uid {found.st_uid})")
    if mode & _OTHERS_WRITE:
        said = f"can be written by other users (mode {stat.S_IMODE(mode):04o})"
        return Distrust("mode", said)
    return None
