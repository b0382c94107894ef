"""Invisible characters, and characters that change the line that shows them."""

import unicodedata

import pytest

from common.text.invisible import breaks_line, is_invisible
from tests.support.invisible_text import BREAKING, INVISIBLE, VISIBLE


@pytest.mark.parametrize("text", INVISIBLE)
def test_the_text_is_invisible_and_a_letter_makes_it_visible(text: str) -> None:
    assert is_invisible(text)
    assert not is_invisible(f"{text}a{text}")


@pytest.mark.parametrize("text", [*VISIBLE, ""])
def test_the_text_is_visible_and_does_not_break_its_line(text: str) -> None:
    assert not is_invisible(text)
    assert not breaks_line(text)


@pytest.mark.parametrize("mark", BREAKING)
def test_the_mark_breaks_the_line(mark: str) -> None:
    assert breaks_line(f"Al{mark}ice")


def test_every_space_and_control_character_is_invisible() -> None:
    for character in map(chr, range(0x110000)):
        if character.isspace() or unicodedata.category(character) in ("Cc", "Zs", "Zl", "Zp"):
            assert is_invisible(character)
        if unicodedata.category(character)[0] in "LNPS" and is_invisible(character):
            assert "FILLER" in unicodedata.name(character) or character in "\u2800\U0001d159\ufffc"
