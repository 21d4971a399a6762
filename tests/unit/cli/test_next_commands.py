"""What is to be typed next means the deployment and the state directory of this command."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsclf.cli.next_commands import after_deployment, with_state_dir
from tests.conftest import Cli


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "newsclf status; newsclf logs --api",
            ("newsclf status --state-dir 's d'; newsclf logs --state-dir 's d' --api"),
        ),
        (
            "newsclf teardown --deployment foo, then again",
            "newsclf teardown --state-dir 's d' --deployment foo, then again",
        ),
        (
            "newsclf prices refresh --region r; newsclf watch writes one",
            (
                "newsclf prices refresh --state-dir 's d' --region r;"
                " newsclf watch --state-dir 's d' writes one"
            ),
        ),
        ("newsclf watch replay", "newsclf watch replay --state-dir 's d'"),
        (
            "newsclf train --out m; newsclf status-page",
            ("newsclf train --out m; newsclf status-page"),
        ),
    ],
)
def test_commands_get_the_state_directory(text: str, shown: str) -> None:
    assert with_state_dir(text, Path("s d")) == shown
    assert with_state_dir(text, None) == text


def test_a_hint_looks_where_the_command_looked(newsclf: Cli) -> None:
    result = newsclf("logs", "--deployment", "news", "--state-dir", "elsewhere")

    assert result.exit_code == 3
    assert "hint: newsclf deploy --state-dir elsewhere" in result.err


@pytest.mark.parametrize("wired", [True, False])
def test_what_comes_next_is_about_this_deployment(wired: bool) -> None:  # noqa: FBT001
    text = after_deployment("foo", Path("state"), wired=wired)

    commands = text.removeprefix("next: ").splitlines()
    assert len(commands) == 3
    for command in commands:
        assert " foo" in command
        assert "--state-dir state" in command
    assert "state-dir" not in after_deployment("foo", Path(".newsclf"), wired=wired)
