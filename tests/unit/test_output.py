"""What reaches the terminal: data on stdout, talk on stderr, and nothing that drives it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.cli.output import Output, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Wärtsilä's profit – up 5 %", "Wärtsilä's profit – up 5 %"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("tab\tand\nline", r"tab\tand\nline"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
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
