"""Splits text at Unicode's word boundaries (UAX #29), with these changes for tweets:

- A dot or a colon joins only digits, so the parts of a domain are words.
- A run of Chinese, Japanese, Korean, Thai, Lao, Khmer or Burmese is one piece: these scripts do not
  separate all words, so search/analysis.py finds words inside the run.
- An emoji with all its modifiers is one word.

Each character is replaced by a letter for its class. One regular expression over these letters
finds the words.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from common.text.emoji import PICTOGRAPHS

# A longer word is cut, because Lucene cuts it, too.
MAX_LENGTH = 255

_SINGLES = {
    ":": "·\u0387\u055f\u05f4\u2027",  # inside a word between letters
    "U": "'",  # as ":", and at the end of a Hebrew word
    "'": "\u2018\u2019\uff07",  # inside a word between letters or digits
    # inside a number
    ",": (
        ".\u2024\ufe52\uff0e"
        ",;\u037e\u0589\u060c\u060d\u066c\u07f8\u2044\ufe10\ufe14\ufe50\ufe54\uff0c\uff1b"
    ),
    "Z": "\u200d",  # joins emoji
    "#": "#*",  # emoji when a keycap follows
    "H": '"',  # inside a Hebrew word
    " ": "\u200b\u3006",
    "M": "\uff9e\uff9f",
    "A": "\u055b\u055c\u055e\u05f3\ua789\ua78a\uab5b",
}
_RANGES = {
    "J": [(0x05D0, 0x05EA), (0x05EF, 0x05F2), (0xFB1D, 0xFB1D), (0xFB1F, 0xFB28), (0xFB2A, 0xFB4F)],
    "R": [(0x1F1E6, 0x1F1FF)],  # two of them are a flag
    "F": [(0x1F3FB, 0x1F3FF)],  # skin tones
    # scripts without spaces between all words
    "S": [
        # Thai, Lao, Burmese, Khmer, Tai
        (0x0E01, 0x0E3A), (0x0E40, 0x0E4E), (0x0E81, 0x0EA3), (0x0EA5, 0x0ECD), (0x0EDC, 0x0EDF),
        (0x1000, 0x103F), (0x1050, 0x108F), (0x109A, 0x109F), (0x1780, 0x17D3), (0x17D7, 0x17D7),
        (0x17DC, 0x17DD), (0x1950, 0x1974), (0x1980, 0x19C9), (0x19DA, 0x19DA), (0x19DE, 0x19DF),
        (0x1A20, 0x1A7C), (0x1AA0, 0x1AAD), (0xA9E0, 0xA9EF), (0xA9FA, 0xA9FE), (0xAA60, 0xAAC2),
        (0xAADB, 0xAADF), (0x11700, 0x1172B), (0x1173A, 0x1173F),
        # katakana
        (0x3031, 0x3035), (0x309B, 0x309C), (0x30A0, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF),
        (0x32D0, 0x32FE), (0x3300, 0x3357), (0xFF66, 0xFF9D), (0x1B000, 0x1B000),
        (0x1B164, 0x1B167),
        # Chinese characters, hiragana
        (0x2E80, 0x2FD5), (0x3005, 0x3005), (0x3007, 0x3007), (0x3021, 0x3029), (0x3038, 0x303B),
        (0x3041, 0x3096),
        (0x309D, 0x309F), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAD9),
        (0x1B001, 0x1B11E), (0x1B150, 0x1B152), (0x1F200, 0x1F200), (0x20000, 0x323AF),
        # Korean
        (0x1100, 0x11FF), (0x3131, 0x318E), (0xA960, 0xA97C), (0xAC00, 0xD7A3), (0xD7B0, 0xD7FB),
        (0xFFA0, 0xFFDC),
    ],
    "E": PICTOGRAPHS,
    "A": [(0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F172, 0x1F189)],
}  # fmt: skip
# A is a letter, N a digit, M a mark, a space any character outside words.
_BY_CATEGORY = {"Pc": "_", "Nd": "N", "Nl": "A", "Cf": "M"}
_MARKS = {"\ufe0f": "V", "\u20e3": "Q"}  # *show as emoji* and the keycap

_EXTEND = "[MVQFZ]*"  # belongs to the character before it; written x below
_LETTER = "(?:Ax|Jx(?:HxJx|Ux)?)"
_LETTERS = f"{_LETTER}(?:(?:(?:_x)*|[:'U]x){_LETTER})*"
_NUMBER = "Nx(?:(?:(?:_x)*|[,'U]x)Nx)*"
_PART = f"(?:{_NUMBER}|{_LETTERS})+"
_EMOJI = "E[MFQZ]*(?:V(?:Z(?=E))?)?"
_WORD = re.compile(
    "|".join(
        [
            "#V?Qx",
            "RxRx",
            f"Z?{_EMOJI}(?:(?<=Z){_EMOJI})*",
            "F[MFQZ]*",
            f"(?:_x)*{_PART}(?:(?:_x)+{_PART})*(?:_x)*",
            "(?P<run>(?:Sx)+)",
        ]
    ).replace("x", _EXTEND)
)

# The same for ASCII text, without classes, for speed.
_ASCII_PART = "(?:[0-9](?:(?:_*|[.,;'])[0-9])*|[A-Za-z](?:(?:_*|')[A-Za-z])*)+"
_ASCII_WORD = re.compile(f"_*{_ASCII_PART}(?:_+{_ASCII_PART})*_*")


class Piece(NamedTuple):
    text: str
    start: int
    end: int
    is_run: bool  # of a script that does not separate all words


def split(text: str) -> Iterator[Piece]:
    matches = _ASCII_WORD.finditer(text) if text.isascii() else _find_by_class(text)
    for match in matches:
        start, end = match.span()
        is_run = match.lastgroup == "run"
        while end - start > MAX_LENGTH and not is_run:
            yield Piece(text[start : start + MAX_LENGTH], start, start + MAX_LENGTH, False)
            start += MAX_LENGTH
        yield Piece(text[start:end], start, end, is_run)


def _find_by_class(text: str) -> Iterator[re.Match[str]]:
    return _WORD.finditer("".join(map(_class, text)))


@lru_cache(maxsize=10_000)
def _class(character: str) -> str:
    for name, singles in _SINGLES.items():
        if character in singles:
            return name
    code = ord(character)
    for name, ranges in _RANGES.items():
        if any(first <= code <= last for first, last in ranges):
            return name
    category = unicodedata.category(character)
    if category[0] == "L":
        return "A"
    if category[0] == "M":
        return _MARKS.get(character, "M")
    return _BY_CATEGORY.get(category, " ")
