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
options = dict(each.partition("=")[::2] for each in sys.argv[1:])
pathlib.Path(options["--user-data-dir"]).mkdir()
told = {{"arguments": sys.argv[1:], "home": os.environ["HOME"]}}
pathlib.Path({told!r}).write_text(json.dumps(told))
if {works}:
    pathlib.Path(options["--screenshot"]).write_bytes(b"picture")
"""


def browser(folder: Path, *, works: bool = True) -> Path:
    """A program that stands for Chromium and writes down what it was told."""
    program = folder / "chromium"
    told = str(folder / "told.json")
    text = _BROWSER.format(python=sys.executable, told=told, works=works)
    program.write_text(text, encoding="utf-8")
    program.chmod(0o700)
    return program


def test_the_browser_gets_a_profile_of_its_own_that_is_deleted(tmp_path: Path) -> None:
    program = browser(tmp_path)

    take_picture(str(program), "http://127.0.0.1:1/", tmp_path / "page.png")

    told = json.loads((tmp_path / "told.json").read_text(encoding="utf-8"))
    options = dict(each.partition("=")[::2] for each in told["arguments"])
    assert (tmp_path / "page.png").read_bytes() == b"picture"
    assert told["arguments"][-1] == "http://127.0.0.1:1/"
    assert told["home"] != os.environ.get("HOME")
    assert options["--user-data-dir"].startswith(told["home"])
    assert not Path(told["home"]).exists()


@pytest.mark.parametrize(("user", "weakened"), [(0, True), (1000, False)])
def test_only_root_runs_it_without_its_sandbox(
    *, user: int, weakened: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = browser(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: user)

    take_picture(str(program), "http://127.0.0.1:1/", tmp_path / "page.png")

    told = json.loads((tmp_path / "told.json").read_text(encoding="utf-8"))
    assert ("--no-sandbox" in told["arguments"]) is weakened


def test_a_browser_that_makes_no_picture_is_an_error_and_leaves_no_old_one(tmp_path: Path) -> None:
    file = tmp_path / "page.png"
    file.write_bytes(b"old")

    with pytest.raises(NewsclfError, match="made no picture"):
        take_picture(str(browser(tmp_path, works=False)), "http://127.0.0.1:1/", file)

    assert not file.exists()


def test_a_browser_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NewsclfError, match="can't be started"):
        take_picture(str(tmp_path / "missing"), "http://127.0.0.1:1/", tmp_path / "page.png")


def test_browsers_are_looked_for_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_browser() is None

    program = browser(tmp_path)

    assert find_browser() == str(program)
