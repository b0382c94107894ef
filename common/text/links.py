"""The links in a text, as twitter-text finds them, in time linear in the text's length."""

import re
from typing import NamedTuple

from common.text.domains import ACCENTED, INVALID, Run, find_latin_domains, find_runs
from common.text.spans import Span

# Allowed after any character but an ASCII letter, a digit or one of these signs.
_PROTOCOL = re.compile(
    rf"(?<![a-z0-9@＠$#＃{INVALID}])https?://\Z",  # noqa: RUF001
    re.IGNORECASE,
)
_LONGEST_PROTOCOL = len("https://")

# A path holds pairs of parentheses, with one more pair in each. A path and a query end in no
# punctuation, and a path ends in a pair only if that follows a letter or another pair.
_PATH_LETTER = rf"[-a-z\u0400-\u04ff0-9+=_#/{ACCENTED}]"
_PATH_PUNCTUATION = r"[!*';:,.$%\[\]\u2013~@|&]"
_IN_PARENTHESES = rf"[-a-z\u0400-\u04ff0-9+=_#/{ACCENTED}!*';:,.$%\[\]\u2013~@|&]"
_INNER_PAIR = rf"{_IN_PARENTHESES}*\({_IN_PARENTHESES}+\){_IN_PARENTHESES}*"
_PAIR = rf"\((?:{_IN_PARENTHESES}+|{_INNER_PAIR})\)"
_PATH = rf"/(?:(?:{_PATH_PUNCTUATION}|{_PAIR})*{_PATH_LETTER}+)*(?:{_PAIR})*"
_QUERY = r"\?(?:[!?*'@();:+$%\[\].,~|]*[-a-z0-9_&=#/]+)+"
_AFTER_DOMAIN = re.compile(rf"(?::[0-9]+)?(?P<path>{_PATH})?(?:{_QUERY})?", re.IGNORECASE)

# A short link of twitter-text's own ends after its slug and its query.
_SHORT_LINK = re.compile(rf"https?://t\.co/(?P<slug>[a-z0-9]+)(?:{_QUERY})?", re.IGNORECASE)
_MAX_SLUG = 40

_MAX_DOMAIN = 253  # RFC 1035
_MAX_URL = 4096


class _Url(NamedTuple):
    text: str
    protocol: int | None  # the start of "https://"
    domain: int
    domain_end: int
    has_path: bool
    end: int


def find_links(text: str) -> list[Span]:
    """The start and the end of each link, with or without a protocol."""
    links: list[Span] = []
    read = 0
    for run in find_runs(text):
        while url := _find_url(text, run, read):
            links += _links(url)
            read = url.end
    return links


def _find_url(text: str, run: Run, read: int) -> _Url | None:
    """The run's next URL after `read`, the end of the last one.

    Like twitter-text, it takes the character before a URL from the text after `read`.
    """
    domain = run.find_domain(run.start if run.start > read or not read else read + 1)
    if domain is None:
        return None
    start, end = domain
    protocol = None
    if start == run.start:
        earliest = max(start - _LONGEST_PROTOCOL, read + 1 if read else 0)
        protocol = _PROTOCOL.search(text, earliest, start)
    rest = _AFTER_DOMAIN.match(text, end)
    assert rest is not None  # each of its parts is optional
    return _Url(
        text, protocol.start() if protocol else None, start, end, bool(rest["path"]), rest.end()
    )


def _links(url: _Url) -> list[Span]:
    if not _is_valid(url):
        return []
    if url.protocol is not None:
        short = _SHORT_LINK.match(url.text, url.protocol, url.end)
        if short is None:
            return [(url.protocol, url.end)]
        return [short.span()] if len(short["slug"]) <= _MAX_SLUG else []
    if url.domain and url.text[url.domain - 1] in "-_./":
        return []
    links = list(find_latin_domains(url.text, url.domain, url.domain_end))
    if links and url.has_path:
        links[-1] = (links[-1][0], url.end)
    return links


def _is_valid(url: _Url) -> bool:
    domain = url.text[url.domain : url.domain_end]
    if len(domain) > _MAX_DOMAIN:
        return False
    try:
        encoded = domain.encode("idna")
    except UnicodeError:
        return False
    # twitter-text counts the protocol a second time.
    if url.protocol is None:
        length = _LONGEST_PROTOCOL + url.end - url.domain
    else:
        length = url.domain - url.protocol + url.end - url.protocol
    return length + len(encoded) - len(domain) <= _MAX_URL
