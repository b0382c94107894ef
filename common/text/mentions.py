"""The mentions of accounts in a text, such as "@alice", in time linear in the text's length.

They are twitter-text's, but for names: ours have up to 30 characters, with "." and "-" inside.
"""

import re

from common.text.domains import ACCENTED
from common.text.links import find_links
from common.text.spans import Span, drop_starting_in

_SIGN = "[@＠]"  # noqa: RUF001 a sign of East Asian keyboards
_MENTION = re.compile(
    rf"{_SIGN}[a-z0-9_](?:[a-z0-9_.-]{{0,28}}[a-z0-9_])?(?![a-z0-9_{ACCENTED}]|{_SIGN}|://)",
    re.IGNORECASE | re.ASCII,
)
_MAY_PRECEDE = re.compile(rf"(?<![a-z0-9_!#$%&*])(?<!{_SIGN})", re.IGNORECASE | re.ASCII)
_RETWEET = re.compile(r"(?<![a-z0-9_+~.-])RT", re.IGNORECASE | re.ASCII)  # "RT@alice"


def find_mentions(text: str) -> list[Span]:
    """The start, at the sign, and the end of each mention outside links."""
    mentions = [
        match.span() for match in _MENTION.finditer(text) if _may_start(text, match.start())
    ]
    return list(drop_starting_in(mentions, find_links(text))) if mentions else []


def _may_start(text: str, sign: int) -> bool:
    if _MAY_PRECEDE.match(text, sign):
        return True
    return sign >= 2 and _RETWEET.match(text, sign - 2) is not None
