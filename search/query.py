"""What a reader asks for, taken apart in one position for both back ends.

The whole language: every word must occur, "words in quotes" must stand side by side, and #a_tag
must be among the hashtags. All else (brackets, stars, AND, an open quote) is a word or nothing.

A query is split by the same functions as a tweet. So each phrase of a query that is the text of a
tweet stands in that tweet, and each hashtag is one of its hashtags: a tweet is found by its text.
"""

import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from search import analysis
from search.hashtags import Hashtag, find_hashtags

# A quote within a word is Hebrew's sign of an abbreviation.
_QUOTED = re.compile(r'(?<!\w)"([^"]*)"(?!\w)')
_QUOTES = str.maketrans("“”„«»", '"""""')
_SPACES = re.compile(r"\s+")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stand side by side."""

    tokens: tuple[str, ...]
    text: str  # as typed


@dataclass(frozen=True, slots=True)
class Query:
    # Of words in quotes, and of what stands between spaces: "state-of-the-art" is four words.
    phrases: tuple[Phrase, ...]
    hashtags: tuple[str, ...]  # folded, without their signs

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self.phrases or self.hashtags)


def parse(text: str) -> Query:
    """Takes any text; one without a word gives an empty query."""
    text = analysis.normalise(text)
    quoted = [match.span(1) for match in _QUOTED.finditer(text.translate(_QUOTES))]
    hashtags = [tag for tag in find_hashtags(text) if not _is_within(tag.start, tag.end, quoted)]
    phrases = {phrase.tokens: phrase for phrase in _find_phrases(text, quoted, hashtags)}
    return Query(tuple(phrases.values()), tuple(dict.fromkeys(tag.name for tag in hashtags)))


def _find_phrases(
    text: str, quoted: list[tuple[int, int]], hashtags: list[Hashtag]
) -> Iterator[Phrase]:
    tags = [(tag.start, tag.end) for tag in hashtags]
    spaces = [match.start() for match in _SPACES.finditer(text)]

    def position(word: analysis.Word) -> tuple[int, int] | int | None:
        """The quotes around a word, or the number of spaces before it."""
        if _is_within(word.start, word.end, tags):
            return None
        return _find_span(word.start, word.end, quoted) or bisect(spaces, word.start)

    for where, group in groupby(analysis.find_words(text), key=position):
        if where is not None:
            words = _without_scheme(list(group), text)
            tokens = tuple(token for word in words for token in word.tokens)
            yield Phrase(tokens, text[words[0].start : words[-1].end])


def _without_scheme(words: list[analysis.Word], text: str) -> list[analysis.Word]:
    """A pasted URL also finds the same URL written without its scheme."""
    if len(words) > 1 and _SCHEME.fullmatch(text[words[0].start : words[1].start]):
        return words[1:]
    return words


def _is_within(start: int, end: int, spans: list[tuple[int, int]]) -> bool:
    return _find_span(start, end, spans) is not None


def _find_span(start: int, end: int, spans: list[tuple[int, int]]) -> tuple[int, int] | None:
    return next((span for span in spans if span[0] <= start and end <= span[1]), None)
