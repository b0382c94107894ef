"""Invisible characters, and characters that change the line that shows them."""

import unicodedata

import pytest

from common.text.invisible import is_invisible, leaves_its_line

INVISIBLE = [
    "\u200b",  # zero width space
    "\u200c\u200d",
    "\u2060",
    "\u00ad",  # soft hyphen
    "\u034f",
    "\u115f\u1160",  # Hangul fillers
    "\u3164",
    "\uffa0",
    "\u2800",  # a braille pattern without dots
    "\ufffc",  # the place of an object
    "\U00016fe4",  # Khitan's filler
    "\ufe0f",
    "\U000e0020",  # a tag
    "\u200e\u202e",
    "\u200b \u3164\n\u2800",
]
VISIBLE = [
    "Alice",
    "می\u200cرود",  # a joiner inside a word
    "👩\u200d👩\u200d👧",
    "❤\ufe0f",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # a flag with tags
    "アリス\u3000花子",
    "אליס",
    "\u0301",  # an accent without a letter
    "⠁",
    "ᅟᅡ",  # a vowel after a filler
    "-",
]
BREAKING = ["\u202e", "\u202b", "\u2066", "\u2069", "\u200f", "\u200e", "\u061c", "\n", "\r", "\t",
            "\x1b", "\x7f", "\x85", "\u2028", "\u2029"]  # fmt: skip


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
