"""What the guides print below a command, compared with what the command prints.

Numbers, times, and the widths of columns and bars may differ; a `…` in a guide stands for anything.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import Result

DOCS = Path(__file__).parents[2] / "docs"
_NUMBER = r"[\d.,:TZ+e-]*\d[\d.,:TZ+e-]*"
_PARTS = re.compile(
    rf"(?P<gap>…)|(?P<bar>[█▉▊▋▌▍▎▏]+)|(?P<number>{_NUMBER})|(?P<space>\s+)|(?P<text>.)"
)


def documented(page: str, command: str) -> list[str]:
    """Lines that a guide prints below a command.

    Args:
        page: Name of a file in docs/.
        command: The command line, in one line.
    """
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    shown = [block for language, block in blocks if language in ("", "console")]
    parts = [part for block in shown for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    printed = dict(re.sub(r" \\\n *", " ", part).split("\n", 1) for part in parts)
    assert command in printed, f"{page} has no $ {command}"
    lines = [line for line in printed[command].splitlines() if line.strip("… ")]
    assert lines, f"{page}: nothing is printed below $ {command}"
    return lines


def assert_printed(page: str, command: str, printed: Result | str, *, skip: str = "^$") -> None:
    """Fail if a guide prints a line below a command that the command does not print.

    Args:
        page: Name of a file in docs/.
        command: The command line, in one line.
        printed: What it prints; the working folder may be in front of paths.
        skip: Regular expression of lines that depend on the model or on luck.
    """
    text = printed if isinstance(printed, str) else f"{printed.out}\n{printed.err}"
    text = text.replace(f"{Path.cwd()}/", "")
    for line in documented(page, command):
        if re.search(skip, line):
            continue
        assert re.search(_pattern(line), text, flags=re.MULTILINE), f"{line!r} is not in\n{text}"


def _pattern(line: str) -> str:
    kinds = {"gap": ".*", "bar": "[█▉▊▋▌▍▎▏]*", "number": _NUMBER, "space": r"\s+"}
    parts = (
        kinds.get(found.lastgroup or "", re.escape(found.group()))
        for found in _PARTS.finditer(line.strip())
    )
    return rf"^\s*{''.join(parts)}\s*$"
