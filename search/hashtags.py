"""The hashtags of a text, as twitter-text finds them."""

import re
import unicodedata
from typing import NamedTuple

from common.text.links import find_links
from search import folding

_SIGN = re.compile("[#＃]")  # noqa: RUF001 a sign of East Asian keyboards
_SPECIAL = frozenset("_\u200c\u200d\ua67e\u05be\u05f3\u05f4～〜\u309b\u309c゠・〃\u0f0b\u0f0c·")  # noqa: RUF001
_VARIATIONS = "\ufe0e\ufe0f"  # how the emoji before them looks
_KEYCAP = "\ufe0f\u20e3"

# A URL of any host, with a path. twitter-text knows top-level domains only.
_ADDRESS = re.compile(r"(?<!\w)\w+://[^\s/?#]+[/?]")
_HAS_PATH = re.compile(r"(?:\w+://)?[^/?]+[/?]")
# The rest of a URL, whose anchor may follow a letter that twitter-text allows in no path.
_PATH = re.compile(r"[\w\-.~:/?#\[\]@!$&*+,;=%]*")


class Hashtag(NamedTuple):
    name: str  # folded, without its sign
    start: int  # at its sign
    end: int


def hashtags(text: str) -> list[str]:
    """Folded, without their signs, each once."""
    return list(dict.fromkeys(hashtag.name for hashtag in find_hashtags(text)))


def find_hashtags(text: str) -> list[Hashtag]:
    found = [hashtag for sign in _SIGN.finditer(text) if (hashtag := _read(text, sign.start()))]
    addresses = _find_addresses(text) if found else []
    return [
        hashtag
        for hashtag in found
        if not any(start <= hashtag.start < end for start, end in addresses)
    ]


def _read(text: str, sign: int) -> Hashtag | None:
    before = text[sign - 1 : sign]
    if before == "&" or (_may_stand_in_hashtag(before) and before not in _VARIATIONS):
        return None
    start = end = sign + 1
    while end < len(text) and _may_stand_in_hashtag(text[end]):
        end += 1
    if text[start : start + 1] in _KEYCAP or text.startswith(("#", "＃", "://"), end):  # noqa: RUF001
        return None
    name = text[start:end]
    if not any(unicodedata.category(character)[0] in "LM" for character in name):  # "#1"
        return None
    folded = folding.fold(name)
    return Hashtag(folded, sign, end) if folded else None


def _may_stand_in_hashtag(character: str) -> bool:
    if not character:
        return False
    category = unicodedata.category(character)
    return category[0] in "LM" or category == "Nd" or character in _SPECIAL


def _find_addresses(text: str) -> list[tuple[int, int]]:
    spans = [match.span() for match in _ADDRESS.finditer(text)]
    spans += [
        (start, end) for start, end in find_links(text) if _HAS_PATH.match(text, start, end + 1)
    ]
    return [(start, _PATH.match(text, end).end()) for start, end in spans]  # type: ignore[union-attr]
