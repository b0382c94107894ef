"""Splits text into tokens. All spellings of a word give the same token.

Both back ends index these tokens, so they find the same tweets. Only the order of hits differs,
because FTS5 computes BM25 a little differently. Foreign documents, which other programs write to
Elasticsearch, have no such tokens; Elasticsearch analyses them itself.
"""

import re
import threading
import unicodedata
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import snowballstemmer  # type: ignore[import-untyped]

from search import folding, segmentation

# It knows exceptions: "news" and "new" have different stems, as have "university" and "universe".
_stemmer = snowballstemmer.stemmer("english")
_stemmer_lock = threading.Lock()  # the stemmer keeps the current word in its state

# The same articles as Lucene's French elision filter.
_ELISION = re.compile(r"^(?:[cdjlmnst]|qu|jusqu|quoiqu|lorsqu|puisqu)'(?=.)")


class Word(NamedTuple):
    tokens: tuple[str, ...]
    start: int
    end: int


def normalise(text: str) -> str:
    """Composes letters and accents."""
    return unicodedata.normalize("NFC", text)


def tokens(text: str) -> list[str]:
    return [token for piece in segmentation.split(text) for token in _read(piece)]


def find_words(text: str) -> list[Word]:
    """The words and runs that have tokens."""
    words = (Word(_read(piece), piece.start, piece.end) for piece in segmentation.split(text))
    return [word for word in words if word.tokens]


def _read(piece: segmentation.Piece) -> tuple[str, ...]:
    return _split_run(piece.text) if piece.is_run else _read_word(piece.text)


@lru_cache(maxsize=50_000)
def _read_word(text: str) -> tuple[str, ...]:
    word = folding.fold(text).strip("_").removesuffix("'s")
    word = _ELISION.sub("", word)
    return (_stem(word),) if word else ()


def _split_run(text: str) -> tuple[str, ...]:
    """Characters and bigrams in turns: 東京都 gives 東 東京 京 京都 都.

    The tokens of a part of the run are next to each other in the tokens of the run, so a phrase
    finds every part. Bigrams are rare and make phrases fast.
    """
    units = _split_units(folding.fold(text))
    pairs = (first + second for first, second in pairwise(units))
    return tuple(token for both in zip(units, [*pairs, ""], strict=True) for token in both if token)


def _split_units(run: str) -> list[str]:
    """Characters, each with the marks that follow it."""
    units: list[str] = []
    for character in run:
        if units and unicodedata.category(character) in {"Mn", "Mc", "Me", "Cf"}:
            units[-1] += character
        else:
            units.append(character)
    return units


def _stem(word: str) -> str:
    if not word.isascii():
        return word
    with _stemmer_lock:
        return str(_stemmer.stemWord(word))
