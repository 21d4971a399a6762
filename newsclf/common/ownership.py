"""Check that a folder or file can be changed by its user only, before it is read or emptied."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Literal, NamedTuple

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class OwnershipProblem(NamedTuple):
    """Reason not to trust a path."""

    kind: Literal["link", "kind", "owner", "mode"]
    words: str
    """The end of a sentence that begins with the path: `is a link`."""


def ownership_problem(path: Path, *, folder: bool) -> OwnershipProblem | None:
    """Find why a path is unsafe to trust; None if it is safe or does not exist.

    Args:
        folder: Whether the path must be a folder, otherwise a regular file.

    Raises:
        OSError: The path can't be inspected.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    mode = found.st_mode
    if stat.S_ISLNK(mode):
        return OwnershipProblem("link", "is a link")
    if not (stat.S_ISDIR(mode) if folder else stat.S_ISREG(mode)):
        return OwnershipProblem("kind", f"is not a {'folder' if folder else 'file'}")
    if found.st_uid != os.getuid():
        return OwnershipProblem("owner", f"belongs to another user (uid {found.st_uid})")
    if mode & _OTHERS_WRITE:
        said = f"can be written by other users (mode {stat.S_IMODE(mode):04o})"
        return OwnershipProblem("mode", said)
    return None
