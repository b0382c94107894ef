"""The hashtags in a text, as twitter-text finds them, in time linear in the text's length."""

import re
import unicodedata

from common.text.links import find_links
from common.text.spans import Span, drop_starting_in

_SIGN = re.compile("[#＃]")  # noqa: RUF001 a sign of East Asian keyboards
_SPECIAL = frozenset("_\u200c\u200d\ua67e\u05be\u05f3\u05f4～〜\u309b\u309c゠・〃\u0f0b\u0f0c·")  # noqa: RUF001
_VARIATIONS = "\ufe0e\ufe0f"  # they select the style of the emoji before them
_KEYCAP = "\ufe0f\u20e3"

# A URL with a path and any host. The hosts of links are under known top-level domains only.
_ADDRESS = re.compile(r"(?<!\w)\w+://[^\s/?#]+[/?]")
_HAS_PATH = re.compile(r"(?:\w+://)?[^/?]+[/?]")
# The rest of a URL after a letter that twitter-text allows in no path: a fragment may follow.
_REST = re.compile(r"[\w\-.~:/?#\[\]@!$&*+,;=%]*")


def find_hashtags(text: str) -> list[Span]:
    """The start, at the sign, and the end of each hashtag."""
    hashtags = [found for sign in _SIGN.finditer(text) if (found := _read(text, sign.start()))]
    return list(drop_starting_in(hashtags, _find_addresses(text))) if hashtags else []


def _read(text: str, sign: int) -> Span | None:
    before = text[sign - 1 : sign]
    if before == "&" or (_is_allowed(before) and before not in _VARIATIONS):
        return None
    start = end = sign + 1
    while end < len(text) and _is_allowed(text[end]):
        end += 1
    if text[start : start + 1] in _KEYCAP or text.startswith(("#", "＃", "://"), end):  # noqa: RUF001
        return None
    if not any(unicodedata.category(character)[0] in "LM" for character in text[start:end]):  # "#1"
        return None
    return sign, end


def _is_allowed(character: str) -> bool:
    if not character:
        return False
    category = unicodedata.category(character)
    return category[0] in "LM" or category == "Nd" or character in _SPECIAL


def _find_addresses(text: str) -> list[Span]:
    """The URLs with a path, with their fragments, in order."""
    spans = [match.span() for match in _ADDRESS.finditer(text)]
    spans += [
        (start, end) for start, end in find_links(text) if _HAS_PATH.match(text, start, end + 1)
    ]
    addresses: list[Span] = []
    for start, end in sorted(spans):
        if not addresses or end > addresses[-1][1]:
            rest = _REST.match(text, end)
            addresses.append((start, rest.end() if rest else end))
    return addresses
