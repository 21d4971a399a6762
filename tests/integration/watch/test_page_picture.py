"""Pictures of a page: what the browser is told, and what is said when it makes none."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from newsclf.common.errors import NewsclfError
from newsclf.watch.page.picture import find_browser, take_picture

_BROWSER = """#!{python}
import json, os, pathlib, sys
told = {{"arguments": sys.argv[1:], "home": os.environ["HOME"]}}
pathlib.Path({told!r}).write_text(json.dumps(told))
"""


def browser(folder: Path) -> Path:
    """A program in Chromium's place, which writes down what it was told and ends."""
    program = folder / "chromium"
    told = str(folder / "told.json")
    text = _BROWSER.format(python=sys.executable, told=told)
    program.write_text(text, encoding="utf-8")
    program.chmod(0o700)
    return program


def told_by_a_try(folder: Path) -> tuple[list[str], Path]:
    """Arguments and home of a browser that ends at once, which is an error."""
    with pytest.raises(NewsclfError, match="ended with 0"):
        take_picture(str(browser(folder)), "http://127.0.0.1:1/", folder / "page.png")
    told = json.loads((folder / "told.json").read_text(encoding="utf-8"))
    return told["arguments"], Path(told["home"])


def test_the_browser_gets_a_profile_of_its_own_that_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "page.png").write_bytes(b"old")

    arguments, home = told_by_a_try(tmp_path)

    assert str(home) != os.environ.get("HOME")
    assert f"--user-data-dir={home / 'profile'}" in arguments
    assert not home.exists()
    assert not (tmp_path / "page.png").exists(), "an old picture would pass for this one"


@pytest.mark.parametrize(("user", "weakened"), [(0, True), (1000, False)])
def test_only_root_runs_it_without_its_sandbox(
    *, user: int, weakened: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)

    arguments, _ = told_by_a_try(tmp_path)

    assert ("--no-sandbox" in arguments) is weakened


def test_a_browser_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NewsclfError, match="can't be used"):
        take_picture(str(tmp_path / "missing"), "http://127.0.0.1:1/", tmp_path / "page.png")


def test_browsers_are_looked_for_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_browser() is None

    program = browser(tmp_path)

    assert find_browser() == str(program)
