"""What --help says of each command: examples that parse, full phrases, nothing cut."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from newsclf.cli.app import app
from tests.conftest import Cli

ROOT: Any = typer.main.get_command(app)
# Phrases that only somebody who knows the code can complete.
RIDDLES = re.compile(r"^(Of|To|Whose|For|As|Since|That) |^Counted |\bare none\b")


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name, subcommands included."""
    for name, command in ROOT.commands.items():
        below = getattr(command, "commands", None)
        if below is None:
            yield name, command
        else:
            yield from ((f"{name} {sub}", each) for sub, each in below.items())


COMMANDS = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_examples_and_they_parse(name: str) -> None:
    lines = (COMMANDS[name].epilog or "").splitlines()[1:]
    examples = [line.strip().rpartition(" | ")[2] for line in lines]

    assert examples, "no example"
    for example in examples:
        program, *arguments = shlex.split(example)
        words = name.split()
        assert [program, *arguments[: len(words)]] == ["newsclf", *words]
        COMMANDS[name].make_context(name, arguments[len(words) :])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained_in_a_phrase(name: str) -> None:
    for param in COMMANDS[name].params:
        if getattr(param, "hidden", False):
            continue
        text = param.help or ""
        assert len(text) > 8, f"{param.name}: {text!r}"
        assert not RIDDLES.search(text), f"{param.name}: {text!r}"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_a_terminal_of_80_columns(
    name: str, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")

    result = newsclf(*name.split(), "-h")

    assert result.exit_code == 0
    shown = [param for param in COMMANDS[name].params if not getattr(param, "hidden", False)]
    for option in (o for param in shown for o in param.opts if o.startswith("--")):
        assert option in result.out
    assert "<bool>" not in result.out
    assert f"  newsclf {name}" in result.out


def test_the_list_of_commands_is_grouped(newsclf: Cli) -> None:
    out = newsclf("--help").out

    places = [
        out.index(f" {group}")
        for group in ("Build a", "Classify ─", "Deploy ─", "Measure ─", "Set up ─")
    ]
    assert places == sorted(places)


def test_the_version_has_a_short_option(newsclf: Cli) -> None:
    assert newsclf("-V").out == newsclf("--version").out
