"""Processes that tests start, and what of them runs or has ended."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psutil


@contextmanager
def started(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Run a command, which does not outlive the block, however that ends."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def running_children(parent: psutil.Process, word: str) -> list[psutil.Process]:
    """The children with a word in their command, without those that have ended."""
    found = []
    for child in parent.children():
        try:
            command = child.cmdline()
        except psutil.NoSuchProcess:  # ended, or not yet waited for by its parent
            continue
        if word in " ".join(command):
            found.append(child)
    return found


def has_ended(process: psutil.Process) -> bool:
    """Whether nothing of it runs, even if its parent has not waited for it."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
