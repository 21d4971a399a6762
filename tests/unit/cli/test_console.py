"""What reaches the terminal: data on stdout, talk on stderr, and nothing that drives it."""

from __future__ import annotations

import json
import logging
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsclf.cli.console import NoteHandler, Output, json_text
from newsclf.common.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Wärtsilä's profit – up 5 %", "Wärtsilä's profit – up 5 %"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("tab\tand\nline", r"tab\tand\nline"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("a\u2028b\x7f\x9bm", r"a\u2028b\x7f\x9bm"),
    ],
)
def test_control_characters_become_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_no_text_can_drive_the_terminal(text: str) -> None:
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in visible(text))


def test_markup_in_data_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()

    output.show(output.table("[red]title", ["a", "b"], [["[bold]x[/bold]", "[/]"]]))

    assert "[bold]x[/bold]" in capsys.readouterr().out


def test_json_takes_the_place_of_tables(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)

    output.data({"headline": "Ä"})
    output.show("a table")
    output.note("talk")

    out, err = capsys.readouterr()
    assert json.loads(out) == {"headline": "Ä"}
    assert err == "talk\n"


def test_quiet_leaves_out_talk_but_not_errors(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(quiet=True)

    output.note("talk")
    output.show("result")
    output.error("failed [x]", "do this")

    out, err = capsys.readouterr()
    assert out == "result\n"
    assert err == "error: failed [x]\nhint: do this\n"


@pytest.mark.parametrize(
    ("quiet", "verbose", "shown"),
    [
        (False, False, ["progress", "caution", "failure", "theirs"]),
        (True, False, ["failure", "theirs"]),
        (False, True, ["detail", "progress", "caution", "failure", "library", "theirs"]),
    ],
)
def test_what_packages_log_is_shown_as_notes(
    capsys: pytest.CaptureFixture[str], *, quiet: bool, verbose: bool, shown: list[str]
) -> None:
    for installed in (Output(), Output(quiet=quiet)):  # the later one replaces the earlier
        NoteHandler(installed, verbose=verbose).install()
    ours, theirs = logging.getLogger("newsclf.deploy.anything"), logging.getLogger("botocore.x")

    ours.debug("detail")
    ours.info("progress")
    ours.warning("caution")
    ours.error("failure")
    theirs.info("library")
    theirs.error("theirs")

    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == ("", shown)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 60 columns."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()


@pytest.mark.usefixtures("narrow")
def test_a_narrow_terminal_gets_fewer_columns_and_no_broken_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = Output()
    heads = ["instance", "status", "USD/h", "USD/M", "break-even", "with API"]
    rows = [["local as ml.c5.2xlarge", "OK", "0.102", "0.07", "169.2 M/month", "1.52"]]

    output.show(output.table("Cost", heads, rows, optional=["break-even", "with API"]))

    lines = _lines(capsys)
    assert max(map(len, lines)) <= 60
    assert "local as ml.c5.2xlarge" in lines[2]
    assert "with API" in lines[1]
    assert "break-even" not in lines[1]
    assert lines[-1].rstrip() == "(a wider terminal or --json shows break-even)"


@pytest.mark.usefixtures("narrow")
def test_long_text_is_folded_where_nothing_can_be_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = Output()
    text = "Operating profit rose to EUR 13.1 mn from EUR 8.7 mn a year earlier, it said"

    output.show(
        output.table("Errors", ["headline", "true", "predicted"], [[text, "positive", "negative"]])
    )

    lines = _lines(capsys)
    assert max(map(len, lines)) <= 60
    assert re.search(r"positive +negative$", lines[2].rstrip())
    assert " ".join(line[:36].strip() for line in lines[2:]).startswith("Operating profit rose")


@settings(max_examples=40)
@given(st.recursive(st.text() | st.none() | st.floats(allow_nan=False), st.lists))
def test_no_json_can_drive_the_terminal_and_none_is_changed(document: object) -> None:
    for encoding in ("utf-8", "latin-1", "ascii"):
        text = json_text(document, encoding)

        assert json.loads(text) == document
        assert visible(text.replace("\n", "")) == text.replace("\n", "")
        text.encode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_json_escapes_what_json_itself_leaves_raw(encoding: str) -> None:
    text = json_text("\x7f\x9b31m\u202e\u2028\U000e0001", encoding)

    assert text == r'"\u007f\u009b31m\u202e\u2028\udb40\udc01"'


def test_json_keeps_letters_that_the_encoding_has() -> None:
    assert json_text("Wärtsilä €", "utf-8") == '"Wärtsilä €"'
    assert json_text("Wärtsilä", "latin-1") == '"Wärtsilä"'
    assert json_text("Wärtsilä €", "latin-1") == r'"W\u00e4rtsil\u00e4 \u20ac"'


def test_a_new_line_in_a_name_adds_no_line_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()

    output.error("x\nhint: do this: no such file", "name\nerror: another")
    output.note("wrote x\nhint: do this")
    output.note("\n$ newsclf train")

    assert capsys.readouterr().err == (
        "error: x\n  hint: do this: no such file\nhint: name\\nerror: another\n"
        "wrote x\n  hint: do this\n\n$ newsclf train\n"
    )


def test_no_shown_text_or_head_can_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()

    output.show("a\x1b[2J\nb\tc", output.table("t", ["", "head\x1b[31m"], [["x", "1"]]))

    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "a\\x1b[2J\nb" in out
