"""The hashtags of a text, folded."""

from typing import NamedTuple

from common.text import hashtags as text_hashtags
from search import folding


class Hashtag(NamedTuple):
    name: str  # folded, without its sign
    start: int  # at its sign
    end: int


def hashtags(text: str) -> list[str]:
    """Folded, without their signs, each once."""
    return list(dict.fromkeys(hashtag.name for hashtag in find_hashtags(text)))


def find_hashtags(text: str) -> list[Hashtag]:
    """A hashtag of characters that folding drops is none."""
    return [
        Hashtag(name, start, end)
        for start, end in text_hashtags.find_hashtags(text)
        if (name := folding.fold(text[start + 1 : end]))
    ]
