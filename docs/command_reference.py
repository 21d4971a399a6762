"""Write docs/commands.md, the reference of all commands, from their own help."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from newsclf.cli.app import app

FILE = Path(__file__).with_name("commands.md")
_HEAD = """# Commands

What `newsclf COMMAND --help` prints. This page is made by `make docs`.
"""
_PLAIN = {"COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1", "TERM": "dumb"}


def reference() -> str:
    """The page, in Markdown: a heading and the help of each command at 80 columns."""
    runner = CliRunner(env=_PLAIN)
    parts = [_HEAD]
    for words in _commands(typer.main.get_command(app)):
        shown = runner.invoke(app, [*words, "--help"], prog_name="newsclf").stdout
        text = "\n".join(line.rstrip() for line in shown.strip("\n").splitlines())
        parts.append(f"## {' '.join(['newsclf', *words])}\n\n```text\n{text.rstrip()}\n```\n")
    return "\n".join(parts)


def _commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, (*words, name))


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
