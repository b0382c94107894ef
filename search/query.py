"""Parses queries for both back ends.

The language: a tweet must contain every word, "words in quotes" next to each other, and #a_tag as
a hashtag. There are no operators: AND is a word, and brackets, stars and open quotes are ignored.

The functions that split tweets split queries, too. A tweet is therefore found by its own text.
"""

import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from search import analysis
from search.hashtags import Hashtag, find_hashtags

# A quote inside a word marks a Hebrew abbreviation.
_QUOTED = re.compile(r'(?<!\w)"([^"]*)"(?!\w)')
_QUOTES = str.maketrans("“”„«»", '"""""')
_SPACES = re.compile(r"\s+")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that must be next to each other."""

    tokens: tuple[str, ...]
    text: str  # as typed


@dataclass(frozen=True, slots=True)
class Query:
    # Quoted text, or the words between two spaces: "state-of-the-art" is one phrase of four words.
    phrases: tuple[Phrase, ...]
    hashtags: tuple[str, ...]  # folded, without #

    def __bool__(self) -> bool:
        return bool(self.phrases or self.hashtags)


def parse(text: str) -> Query:
    """Accepts any text. A text without words gives an empty query."""
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

    def group_of(word: analysis.Word) -> tuple[int, int] | int | None:
        """The quotes around the word, or the number of spaces before it. None in a hashtag."""
        if _is_within(word.start, word.end, tags):
            return None
        return _find_span(word.start, word.end, quoted) or bisect(spaces, word.start)

    for key, group in groupby(analysis.find_words(text), key=group_of):
        if key is not None:
            words = _without_scheme(list(group), text)
            tokens = tuple(token for word in words for token in word.tokens)
            yield Phrase(tokens, text[words[0].start : words[-1].end])


def _without_scheme(words: list[analysis.Word], text: str) -> list[analysis.Word]:
    """A pasted URL also finds the URL written without its scheme."""
    if len(words) > 1 and _SCHEME.fullmatch(text[words[0].start : words[1].start]):
        return words[1:]
    return words


def _is_within(start: int, end: int, spans: list[tuple[int, int]]) -> bool:
    return _find_span(start, end, spans) is not None


def _find_span(start: int, end: int, spans: list[tuple[int, int]]) -> tuple[int, int] | None:
    return next((span for span in spans if span[0] <= start and end <= span[1]), None)
