"""Domain names in a text by twitter-text's rules, in time linear in the text's length.

A domain is one or more labels, each followed by a dot, and a top-level domain of twitter-text's
table. A label may have hyphens inside, and each label but the last underscores.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from common.text.spans import Span

# The parts of twitter-text's character classes. Its expressions ignore case.
INVALID = r"\ufffe\ufeff\uffff"
ACCENTED = (
    r"\xc0-\xd6\xd8-\xf6\xf8-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u026f\u0272"
    r"\u0289\u028b\u02bb\u0300-\u036f\u1e00-\u1eff"
)
_PUNCTUATION = r"!'#%&()*+,\\/:;<=>?@\[\]^{|}~$"
_SPACES = r"\x09-\x0d\x20\x85\xa0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_DIRECTIONAL = r"\u202a-\u202e\u061c\u200e\u200f\u2066-\u2069"
_SEPARATOR = f"{_PUNCTUATION}{_SPACES}{INVALID}{_DIRECTIONAL}"
_LETTER = f"[^{_SEPARATOR}._-]"

_RUN = re.compile(f"[^{_SEPARATOR}]+")
# A domain may begin after a Japanese character, but not inside an English word.
_START = re.compile(rf"(?<![a-z0-9@＠$#＃{INVALID}]){_LETTER}", re.IGNORECASE)  # noqa: RUF001
_DOT = re.compile(r"\.")
_LATIN_LABELS = re.compile(rf"(?:[-a-z0-9{ACCENTED}]+\.)+", re.IGNORECASE)
_NOT_CONTINUED = "(?![-+@0-9a-z])"
_LATIN_TOP_LEVEL = re.compile(f"[a-z]+{_NOT_CONTINUED}", re.IGNORECASE)

# IGNORECASE matches these letters with ASCII ones, which `str.lower` does not make of them.
_LIKE_ASCII = str.maketrans("İıſ", "iis")


class Run:
    """The characters between two separators, which may contain domains.

    It computes once, for each dot, where a domain ends that has the dot after its first label. All
    domains of the run are then found in one pass, whichever character they start at.
    """

    def __init__(self, text: str, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self._text = text
        self._dots = [dot.start() for dot in _DOT.finditer(text, start, end)]
        self._top_levels = [_match_top_level(text, dot + 1) for dot in self._dots]
        self._ends = self._find_ends()

    def find_domain(self, begin: int) -> Span | None:
        """The first domain that starts at `begin` or later, with as many labels as possible."""
        for index in range(bisect_left(self._dots, begin), len(self._dots)):
            dot = self._dots[index]
            end = self._ends[index]
            low = max(begin, self._label_start(index))
            if end is None:  # the label is the last one
                end = self._top_levels[index]
                low = max(low, self._text.rfind("_", low, dot) + 1)
            if end is not None and self._text[dot - 1] not in "-_":
                start = self._find_start(low, dot)
                if start is not None:
                    return start, end
        return None

    def _find_ends(self) -> list[int | None]:
        """For each dot, the end of the longest domain with at least one label after the dot."""
        ends: list[int | None] = [None] * len(self._dots)
        for index in range(len(self._dots) - 2, -1, -1):
            label = self._text[self._dots[index] + 1 : self._dots[index + 1]]
            if label and label[0] not in "-_" and label[-1] not in "-_":
                ends[index] = ends[index + 1]
                if ends[index] is None and "_" not in label:
                    ends[index] = self._top_levels[index + 1]
        return ends

    def _label_start(self, index: int) -> int:
        return self._dots[index - 1] + 1 if index else self.start

    def _find_start(self, low: int, dot: int) -> int | None:
        # At the start of a text, twitter-text tries the second character before the first.
        found = (low == 0 and _START.match(self._text, 1, dot)) or _START.search(
            self._text, low, dot
        )
        return found.start() if found else None


def find_runs(text: str) -> Iterator[Run]:
    """The runs that have a dot inside."""
    for run in _RUN.finditer(text):
        if "." in run[0].strip("."):
            yield Run(text, run.start(), run.end())


def find_latin_domains(text: str, start: int, end: int) -> Iterator[Span]:
    """The domains between `start` and `end` whose labels are Latin letters, digits and hyphens."""
    while labels := _LATIN_LABELS.search(text, start, end):
        start = labels.end()
        for dot in range(labels.end() - 1, labels.start(), -1):
            if text[dot] == "." and (top_level := _match_top_level(text, dot + 1)):
                yield labels.start(), top_level
                start = top_level
                break


def _match_top_level(text: str, start: int) -> int | None:
    """The end of the longest top-level domain that starts here."""
    latin_names, others = _read_top_levels()
    latin = _LATIN_TOP_LEVEL.match(text, start)
    if latin and latin[0].translate(_LIKE_ASCII).lower() in latin_names:
        return latin.end()
    other = others.match(text, start)
    return other.end() if other else None


@cache
def _read_top_levels() -> tuple[frozenset[str], re.Pattern[str]]:
    """The top-level domains of ASCII letters in lower case, and an expression for the others."""
    names = Path(__file__).with_name("top_level_domains.txt").read_text("utf-8").split()
    others = sorted((name for name in names if not name.isascii()), key=len, reverse=True)
    return frozenset(filter(str.isascii, names)), re.compile(
        rf"(?:{'|'.join(others)}){_NOT_CONTINUED}|xn--[-0-9a-z]+", re.IGNORECASE
    )
