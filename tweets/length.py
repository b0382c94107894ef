"""How long a tweet is, as the platform counts: twitter-text's weights.

A URL counts 23, an emoji 2, a character of most scripts 1 and a Chinese, Japanese or Korean one 2.
"""

import re
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from common.errors import Invalid

MAX_LENGTH = 280

# The parser's time grows with the square of the length, so what is longer than this is refused
# unread. There is room for a URL of some 3,700 characters, and for 140 flags or families, which
# are the longest emoji (7 code points each).
_MAX_CHARACTERS = 4000
_MAX_BEYOND_ASCII = 1000

# ... and with the cube of the labels in a chain like "a.b.c.", which no domain has so many of.
_MAX_DOTS = 16
_BETWEEN_WORDS = re.compile(r"([\s/:]+)")

# ASCII without this holds neither a URL nor an emoji: each character counts 1. Most tweets are so,
# and the parser takes as long for one as all the rest of posting it.
_MAY_BE_URL = re.compile(r"\.\w")

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def check_content(content: str) -> str:
    """The content as it is kept, without white space around it. Raises `Invalid`."""
    content = content.strip()
    if not content:
        raise _invalid("must not be empty")
    if _UNSTORABLE.search(content):
        raise _invalid("contains characters that are not allowed")
    beyond_ascii = sum(not character.isascii() for character in content)
    if len(content) > _MAX_CHARACTERS or beyond_ascii > _MAX_BEYOND_ASCII:
        raise _invalid(f"must count {MAX_LENGTH} characters or less")
    length, is_valid = _measure(content)
    if length > MAX_LENGTH:
        raise _invalid(f"must count {MAX_LENGTH} characters or less: it counts {length}")
    if not is_valid:
        raise _invalid("contains characters that are not allowed")
    return content


def _measure(content: str) -> tuple[int, bool]:
    """What the content counts, and whether all its characters may stand in a tweet."""
    if content.isascii() and not _MAY_BE_URL.search(content):
        return len(content.replace("\r\n", "\n")), True
    parsed = _parser()(_without_long_chains(content))
    return parsed.weightedLength, parsed.valid


@cache
def _parser() -> Callable[[str], Any]:
    """Imported when the first tweet is posted: it takes longer than most processes to start."""
    with warnings.catch_warnings():
        # at import it reads its table of emoji by way of setuptools
        warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
        from twitter_text import parse_tweet
    parse: Callable[[str], Any] = parse_tweet
    return parse


def _without_long_chains(content: str) -> str:
    """The same length, since a comma weighs what a dot does."""
    words = _BETWEEN_WORDS.split(content)
    return "".join(
        word.replace(".", ",") if word.count(".") > _MAX_DOTS else word for word in words
    )


def _invalid(message: str) -> Invalid:
    return Invalid(f"content: {message}", fields={"content": [message]})
