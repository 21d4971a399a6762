"""What the shell offers on <TAB>."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def offered(words: str, folder: Path) -> list[str]:
    """What bash is told for a line that ends where the cursor is."""
    line = f"newsclf {words}"
    environment = os.environ | {
        "_NEWSCLF_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    code = "from newsclf.cli.main import main; import sys; sys.argv = ['newsclf']; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("teardown --deployment ne", ["news"]),
        ("logs --deployment ", ["news", "staging"]),
        ("predict --deployment st", ["staging"]),
        ("wire-api --auth i", ["iam"]),
        ("train --device c", ["cpu", "cuda"]),
        ("deploy --region eu-west-", ["eu-west-1", "eu-west-2", "eu-west-3"]),
        ("deploy --instance ml.c5.xl", ["ml.c5.xlarge"]),
    ],
)
def test_names_and_values_are_offered(tmp_path: Path, words: str, expected: list[str]) -> None:
    for name in ("news", "staging"):
        path = tmp_path / ".newsclf" / "deployments" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    assert offered(words, tmp_path) == expected


def test_a_file_of_prices_that_cannot_be_used_offers_nothing(tmp_path: Path) -> None:
    (tmp_path / ".newsclf").mkdir()
    (tmp_path / ".newsclf/prices.toml").write_text("damaged")

    assert offered("deploy --instance ml.c5.xl", tmp_path) == []
