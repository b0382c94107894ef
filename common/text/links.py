"""The URLs in a text, as twitter-text finds them, in linear time.

twitter-text's expression takes quadratic time in a run of letters or of (parentheses), and cubic
time in a chain of dots. It runs here only where a domain can be, and with a limit on each of them.
"""

import re
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

# The characters that twitter-text allows in the labels of a domain.
_CHARACTER = r"[^\s!#%&'()*+,./:;<=>?@\[\\\]^{|}~$]"
# A label has 63 characters at most, a domain 253 (RFC 1035).
_DOMAIN = re.compile(rf"(?:{_CHARACTER}{{1,63}}\.)+{_CHARACTER}{{1,63}}")
_NEXT_DOMAIN = re.compile(rf"(?<!{_CHARACTER}){_DOMAIN.pattern}")
_MAX_DOMAIN = 253

# A path ends at the next parenthesis.
_PARENTHESES = re.compile(r"(?:[^(]*\(){16}")

_PROTOCOL = re.compile(r"https?://$", re.IGNORECASE)
_LONGEST_PROTOCOL = len("https://")


def find_links(text: str) -> list[tuple[int, int]]:
    """The start and the end of each URL, with or without a protocol."""
    found: list[tuple[int, int]] = []
    linked = 0  # the end of the last link
    candidate = _NEXT_DOMAIN.search(text)
    while candidate:
        link = _find_link(text, candidate, linked)
        if link is None:
            candidate = _NEXT_DOMAIN.search(text, candidate.end())
            continue
        # The expression needs the character on either side.
        found += [
            (link.start() + start, link.start() + end)
            for start, end in _extract(text[link.start() : link.end() + 1])
        ]
        linked = link.end()
        # A letter that is allowed in no path ends a link: a domain may start right there.
        candidate = _DOMAIN.match(text, linked) or _NEXT_DOMAIN.search(text, linked)
    return found


def _find_link(text: str, candidate: re.Match[str], linked: int) -> re.Match[str] | None:
    if len(candidate[0]) > _MAX_DOMAIN:
        return None
    expression = _twitter_text()[0]
    before = text[max(candidate.start() - _LONGEST_PROTOCOL, 0) : candidate.start()]
    protocol = _PROTOCOL.search(before)
    start = candidate.start() - 1 - (len(protocol[0]) if protocol else 0)
    domain = expression.search(text, max(start, linked), candidate.end() + 1)
    if domain is None:
        return None
    last = _PARENTHESES.match(text, candidate.end())
    return expression.match(text, domain.start(), last.end() if last else len(text))


def _extract(text: str) -> list[tuple[int, int]]:
    return [tuple(url["indices"]) for url in _twitter_text()[1](text)]


@cache
def _twitter_text() -> tuple[re.Pattern[str], Callable[[str], list[dict[str, Any]]]]:
    """Imported for the first text with a dot: it takes longer than most processes to start."""
    with warnings.catch_warnings():
        # at import it reads its table of emoji by way of setuptools
        warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
        from twitter_text import extract_urls_with_indices
        from twitter_text.regexp.extract_url import extract_url
    return extract_url, extract_urls_with_indices
