"""What a reader asks for, taken apart in one place for both back ends.

The whole language: every word must occur, "words in quotes" must stand side by side, and #a_tag
must be among the hashtags. All else (brackets, stars, AND, an open quote) is a word or nothing.
"""

import re
from dataclasses import dataclass

from search import analysis

# A quote within a word is Hebrew's sign of an abbreviation.
_QUOTED = re.compile(r'(?<!\w)"([^"]*)"(?!\w)')
_QUOTES = str.maketrans("“”„«»", '"""""')


@dataclass(frozen=True, slots=True)
class Query:
    # Words, and runs of words that stand side by side; what the analysis splits, such as
    # "state-of-the-art" or 東京, is such a run, too.
    phrases: tuple[str, ...]
    hashtags: tuple[str, ...]  # folded, without their signs

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self.phrases or self.hashtags)


def parse(text: str) -> Query:
    """Takes any text; one without a word gives an empty query."""
    text = analysis.normalise(text).translate(_QUOTES)
    plain = _QUOTED.sub(" ", text)
    phrases = [*_without_hashtags(plain).split(), *_QUOTED.findall(text)]
    searchable = [phrase for phrase in phrases if analysis.tokens(phrase)]
    return Query(tuple(dict.fromkeys(searchable)), tuple(analysis.hashtags(plain)))


def _without_hashtags(text: str) -> str:
    for _, start, end in reversed(analysis.find_hashtags(text)):
        text = f"{text[:start]} {text[end:]}"
    return text
