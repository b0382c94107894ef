"""Invisible characters, and characters that change the line that shows them."""

import unicodedata

import pytest

from common.text.invisible import is_invisible, leaves_its_line
from tests.support.invisible_text import BREAKING, INVISIBLE, VISIBLE


@pytest.mark.parametrize("text", INVISIBLE)
def test_nobody_sees_it(text: str) -> None:
    assert is_invisible(text)
    assert not is_invisible(f"{text}a{text}")


@pytest.mark.parametrize("text", [*VISIBLE, ""])
def test_it_is_seen_and_stays_in_its_line(text: str) -> None:
    assert not is_invisible(text)
    assert not leaves_its_line(text)


@pytest.mark.parametrize("mark", BREAKING)
def test_it_leaves_its_line(mark: str) -> None:
    assert leaves_its_line(f"Al{mark}ice")


def test_all_that_python_knows_to_be_space_or_control_is_invisible() -> None:
    """Format characters that are drawn (category Cf) are the Arabic and other signs of numbers."""
    for character in map(chr, range(0x110000)):
        if character.isspace() or unicodedata.category(character) in ("Cc", "Zs", "Zl", "Zp"):
            assert is_invisible(character)
        if unicodedata.category(character)[0] in "LNPS" and is_invisible(character):
            assert "FILLER" in unicodedata.name(character) or character in "\u2800\U0001d159\ufffc"
