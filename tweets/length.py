"""The length of a tweet by twitter-text's weights.

A link counts 23, an emoji 2, a character of most scripts 1 and a Chinese, Japanese or Korean one 2.
"""

import re
import unicodedata

from common.errors import Invalid
from common.text import emoji
from common.text.invisible import is_invisible
from common.text.links import find_links

MAX_LENGTH = 280

_LINK_WEIGHT = 23
_EMOJI_WEIGHT = 2
# All other characters weigh 2.
_LIGHT = re.compile("[\0-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")

# The longest content that is parsed. 140 of the longest emoji (11 code points each) fit, and so
# does a URL of some 3,700 characters.
_MAX_CHARACTERS = 4000

# Most tweets are ASCII without a match: they have neither links nor emoji, and each character
# counts 1.
_MAY_BE_LINK = re.compile(r"\.\w")

_UNSTORABLE = re.compile("[\x00\ud800-\udfff\ufeff\ufffe\uffff]")


def check_content(content: str) -> str:
    """The content without white space around it. Raises `Invalid`."""
    content = content.strip()
    if not content or is_invisible(content):
        raise _invalid("must not be empty")
    if _UNSTORABLE.search(content):
        raise _invalid(
            "contains a character that cannot be stored; "
            "remove NUL, surrogates, U+FEFF, U+FFFE and U+FFFF"
        )
    if len(content) > _MAX_CHARACTERS:
        raise _invalid(f"must be at most {MAX_LENGTH} characters long")
    length = measure(content)
    if length > MAX_LENGTH:
        raise _invalid(f"must be at most {MAX_LENGTH} characters long; it counts {length}")
    return content


def measure(content: str) -> int:
    """The sum of the weights.

    Takes time linear in the length, and quadratic in the length of a run of combining marks.
    """
    content = content.replace("\r\n", "\n")
    if content.isascii() and not _MAY_BE_LINK.search(content):
        return len(content)
    content = unicodedata.normalize("NFC", content)
    length = position = 0
    for start, end in find_links(content):
        length += _measure_words(content[position:start]) + _LINK_WEIGHT
        position = end
    return length + _measure_words(content[position:])


def _measure_words(text: str) -> int:
    rest, emojis = emoji.SEQUENCE.subn("", text)
    light = len(_LIGHT.findall(rest))
    return _EMOJI_WEIGHT * emojis + light + 2 * (len(rest) - light)


def _invalid(message: str) -> Invalid:
    return Invalid(f"content: {message}", fields={"content": [message]})
