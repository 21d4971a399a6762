"""The live view: what it shows at each size, and that no text from a feed can disturb it."""

from __future__ import annotations

import io
import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from newsclf.cli.watch.screen import render
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.page.hub import Change
from newsclf.watch.page.view import AlertEvidence, SourceHealth, State
from tests.support.watch_page import (
    NOON,
    alert,
    classification,
    headline,
    hub_with,
    morning,
    signal,
)

SIZES = [(60, 24), (80, 24), (100, 30), (100, 50), (120, 40), (140, 36), (200, 60)]
SMALL = [(60, 1), (80, 2), (80, 5), (30, 8), (12, 4), (60, 12), (140, 9)]
HOSTILE = [
    "[bold]loud[/bold] [link=https://x.example]here[/] [/]",
    "\x1b[2J\x1b[31mred \x1b]0;title\x07\x9b1m",
    "\u202egnp.exe \u2066isolated \u200b\u200d",
    "トヨタ自動車、通期純利益予想を上方修正" * 4,
    "Z" + "\u0301\u0336" * 40 + "algo",
    "\u0301 begins with a mark",
    "two\nlines\r\nand\ttabs\u2028and\u0085more",
    "👩‍👩‍👧 🇩🇪 ❤️ ﷽",
    "",
]


def state_of(changes: list[Change]) -> State:
    return hub_with(changes).state()


def printed(state: State, width: int, height: int, *, colours: bool = False, **view: object) -> str:
    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        height=height,
        force_terminal=colours,
        color_system="standard" if colours else None,
        _environ={},
    )
    console.print(render(state, width=width, height=height, **view))  # type: ignore[arg-type]
    return file.getvalue()


def lines_of(state: State, width: int, height: int, **view: object) -> list[str]:
    return printed(state, width, height, **view).removesuffix("\n").split("\n")  # type: ignore[arg-type]


@pytest.mark.parametrize(("width", "height"), SIZES + SMALL)
@pytest.mark.parametrize("note", ["", "webhook refused (503)"])
def test_it_fits_at_every_size(width: int, height: int, note: str) -> None:
    for state in (state_of(morning()), state_of([])):
        lines = lines_of(state, width, height, note=note)

        assert len(lines) <= height
        assert max(map(cell_len, lines)) <= width
        assert "newsclf watch"[:width] in lines[0] or width < 14


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_full_morning_fills_the_screen_and_shows_each_part(width: int, height: int) -> None:
    shown = "\n".join(lines := lines_of(state_of(morning()), width, height))

    assert len(lines) == height
    for part in ("Signals", "all headlines", "Alerts", "▼ raised Nimbus Air", "Headlines"):
        assert part in shown
    assert "1 of 3 sources live" in lines[0]
    assert "✕ Example vendor" in shown
    assert "quota" in shown


def test_columns_and_parts_are_left_out_as_room_shrinks() -> None:
    state = state_of(morning())
    wide, usual, narrow, low = (
        "\n".join(lines_of(state, *size)) for size in ((140, 40), (80, 24), (60, 24), (80, 6))
    )

    assert [head in wide for head in ("95 % interval", "because of", "last read", "source")] == [
        True
    ] * 4
    assert "▲ positive 92 %" in usual
    assert "because of" in usual
    assert "▲ 92 %" in narrow
    assert "because of" not in narrow
    assert "Signals" not in low
    assert "Headlines" in low


def test_a_signal_has_a_signed_bar_and_silence_has_words() -> None:
    changes: list[Change] = [
        signal(None, signal=0.5, events=1200),
        signal("Korvath Bank", signal=-1.0),
        signal("Nimbus Air", signal=None),
    ]
    lines = lines_of(state_of(changes), 80, 24)
    [overall] = [line for line in lines if line.startswith("all headlines")]
    [bank] = [line for line in lines if line.startswith("Korvath Bank")]
    [quiet] = [line for line in lines if line.startswith("Nimbus Air")]

    assert "+0.50        │━━━" in overall
    assert " 1,200 " in overall
    assert "−1.00  ━━━━━━│  " in bank
    assert "no news        │  " in quiet


def test_the_strongest_signals_are_kept_in_the_order_of_the_watch_list() -> None:
    names = [f"Entity {number:02}" for number in range(30)]
    changes: list[Change] = [signal(None, signal=0.0)]
    changes += [signal(name, signal=number / 100) for number, name in enumerate(names)]
    changes += [headline(number) for number in range(30)]
    shown = "\n".join(lines_of(state_of(changes), 80, 24))

    assert "Signals (7 of 31)" in shown
    assert "all headlines" in shown
    assert re.findall(r"Entity \d\d", shown) == names[-6:]


def test_a_trend_is_as_long_ago_as_its_points() -> None:
    changes: list[Change] = [
        signal("Korvath Bank", signal=-0.9, at=NOON.replace(hour=9)),
        signal("Korvath Bank", signal=-0.5, at=NOON.replace(hour=10, minute=2)),
        signal("Korvath Bank", signal=0.5, at=NOON.replace(hour=11, minute=59)),
    ]
    [line] = [each for each in lines_of(state_of(changes), 118, 24) if "Korvath" in each]

    assert line.rstrip().endswith(f"▁{' ' * 22}█")


def test_marks_of_a_headline() -> None:
    changes: list[Change] = [
        headline(1, edited=True),
        headline(2, event="event-1"),
        headline(3, retracted=True),
        headline(5),
        headline(6, classification=None),
    ]
    shown = "\n".join(lines_of(state_of(changes), 110, 24))

    assert "edited · Orvane Motors recalls" in shown
    assert "told before · Tessaly Foods" in shown
    assert "retracted · Profit at Nimbus Air" in shown
    assert "several names · Nimbus Air and Korvath Bank" in shown
    assert "unclassified     Orvane Motors wins" in shown


def test_words_that_matter_are_marked_also_without_colours() -> None:
    title = "Profit soars despite costs"
    state = state_of([headline(1, title=title, classification=classification("positive", title))])

    assert "\x1b[1;4;32msoars\x1b[0m \x1b[4;35mdespite\x1b[0m \x1b[1;4;32mcosts" in printed(
        state, 100, 20, colours=True
    )
    file = io.StringIO()
    console = Console(file=file, width=100, force_terminal=True, no_color=True, _environ={})
    console.print(render(state, width=100, height=20))
    assert "\x1b[1;4msoars\x1b[0m \x1b[4mdespite\x1b[0m" in file.getvalue()
    assert not re.search(r"\x1b\[[\d;]*3[0-7]m", file.getvalue())


def test_a_terminal_of_ascii_gets_nothing_else() -> None:
    changes = [*morning(), headline(99, title="Wärtsilä hebt Prognose an", source="Börse")]
    shown = printed(state_of(changes), 100, 40, ascii_only=True, note="– a note")

    assert shown.isascii()
    assert r"W\xe4rtsil\xe4 hebt" in shown
    assert "+0.31        |==" in shown
    assert "▲".encode("ascii", "backslashreplace").decode() not in shown


def hostile_state(text: str) -> State:
    found = classification("negative", text) if text.strip() else None
    return state_of(
        [
            signal(text, signal=-0.4),
            headline(1, title=text, source=text, classification=found, entities=(text,)),
            headline(2, title=f"{text} {text}", retracted=True, edited=True),
            SourceHealth(name=text, verdict=Outcome.BLOCKED, words=text),
            alert(
                entity=text,
                evidence=[AlertEvidence(headline="x", title=text, source=text, score=-0.4)],
            ),
        ]
    )


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(("width", "height"), [(60, 24), (80, 40), (120, 40), (140, 9)])
def test_texts_of_feeds_neither_drive_the_terminal_nor_break_the_lines(
    text: str, width: int, height: int
) -> None:
    lines = lines_of(hostile_state(text), width, height, note=text)

    assert len(lines) <= height
    for line in lines:
        assert cell_len(line) <= width
        assert not {unicodedata.category(c) for c in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert not re.search(r"[\u0300-\u036f]{4}", line)


def test_markup_is_shown_as_it_was_written() -> None:
    assert "[bold]loud[/bold] [link=https://x.example]here[/]" in printed(
        hostile_state(HOSTILE[0]), 140, 40, colours=True
    ).replace("\x1b[1;4;31m", "").replace("\x1b[4;35m", "").replace("\x1b[0m", "")


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.integers(1, 160),
    st.integers(1, 50),
)
@example("漢", 13, 10)
@settings(max_examples=60, deadline=None)
def test_any_text_fits_at_any_size(text: str, width: int, height: int) -> None:
    lines = lines_of(hostile_state(text), width, height, note=text)

    assert len(lines) <= height
    assert all(cell_len(line) <= width for line in lines)
