"""Suggested next commands, with --state-dir where needed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from newsclf.common.state_dir import DEFAULT_STATE_DIR

_COMMANDS = (
    "deploy",
    "wire-api",
    "status",
    "logs",
    "pause",
    "resume",
    "teardown",
    "predict",
    "open",
    "loadtest",
    "cost",
    "report",
    "runs",
    "frontier",
    "prices refresh",
    "prices show",
    "watch replay",  # before the command that it begins with
    "watch study",
    "watch",
)
_COMMAND = re.compile(rf"\bnewsclf (?:{'|'.join(_COMMANDS)})(?![\w-])")


def with_state_dir(text: str, state_dir: Path | None) -> str:
    """Add --state-dir to each command in a text that would otherwise use another directory.

    Args:
        text: Such as `newsclf status; newsclf teardown --deployment foo`.
        state_dir: Where this command looked; None or the default adds nothing.
    """
    if state_dir in (None, DEFAULT_STATE_DIR):
        return text
    option = f" --state-dir {shlex.quote(str(state_dir))}"
    return _COMMAND.sub(lambda found: found[0] + option, text)


def after_deployment(name: str, state_dir: Path, *, wired: bool = False, page: bool = False) -> str:
    """Suggest the next commands for this deployment.

    Args:
        name: The deployment.
        state_dir: Where it is recorded.
        wired: Whether it has an API.
        page: Whether its API shows a page.
    """
    commands = [] if wired else [f"newsclf wire-api --deployment {name}"]
    commands += [f'newsclf predict --deployment {name} "headline"']
    commands += [f"newsclf open --deployment {name}"] if page else []
    commands += [f"newsclf loadtest --deployment {name}"] if wired else []
    commands += [f"newsclf teardown --deployment {name}"]
    return with_state_dir("next: " + "\n      ".join(commands), state_dir)
