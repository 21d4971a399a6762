"""Mojibake: restored where that is certain, and nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.evaluation.unseen.mojibake import repaired

_USUAL = "£€éöüñçåø–—\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}“”…™š½"


def misread(text: str) -> str:
    """UTF-8 read as Windows-1252, with the five bytes that mean nothing there kept."""
    characters = []
    for byte in text.encode():
        try:
            characters.append(bytes([byte]).decode("cp1252"))
        except UnicodeDecodeError:
            characters.append(chr(byte))
    return "".join(characters)


@given(st.text(alphabet=[*_USUAL, *"aZ 0.'"]))
def test_what_was_misread_is_restored(text: str) -> None:
    assert repaired(misread(text)) == text


@given(st.text(alphabet=st.characters(max_codepoint=0x7F)))
def test_ascii_stays(text: str) -> None:
    assert repaired(text) == text


@given(st.text(alphabet=[*_USUAL, *"aZ 0.'"]))
def test_sound_text_stays_unless_its_characters_form_a_sequence(text: str) -> None:
    # Only a letter such as Â or Ã begins one, and none of these characters does.
    assert repaired(text) == text


@pytest.mark.parametrize("text", ["CAFÉ»", "driveâ€\ud000", "Â", "naïve €5", "中文"])
def test_uncertain_text_stays(text: str) -> None:
    assert repaired(text) == text
