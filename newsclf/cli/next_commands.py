"""Commands that a user is told to type next, with the state directory that they mean."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

_COMMANDS = (
    "deploy", "wire-api", "status", "logs", "teardown", "predict", "loadtest", "cost",
)  # fmt: skip
_COMMAND = re.compile(rf"\bnewsclf (?:{'|'.join(_COMMANDS)})(?![\w-])")


def with_state_dir(text: str, state_dir: Path | None) -> str:
    """Add --state-dir to each command in a text that would else look in another directory.

    Args:
        text: Such as `newsclf status; newsclf teardown foo`.
        state_dir: What the user gave as --state-dir; None if nothing was given.
    """
    if state_dir is None:
        return text
    option = f" --state-dir {shlex.quote(str(state_dir))}"
    return _COMMAND.sub(lambda found: found[0] + option, text)
