"""The syntax of usernames, and the reserved ones."""

import re

from common.ids import MAX_USERNAME_DIGITS

_USERNAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,28}[A-Za-z0-9_])?", re.ASCII)

MAX_LENGTH = 30

# Words in the API's routes: `/users/me` must never mean a user.
RESERVED = frozenset(
    {
        "admin",
        "docs",
        "feed",
        "follow",
        "followers",
        "following",
        "health",
        "hello",
        "like",
        "login",
        "logout",
        "me",
        "password",
        "ready",
        "refresh",
        "register",
        "reply",
        "repost",
        "schema",
        "search",
        "static",
        "tweet",
        "tweets",
        "users",
        "ws",
    }
)


def is_username(text: str) -> bool:
    """Whether an account may have this name. A longer run of digits would read as an id."""
    return (
        _USERNAME.fullmatch(text) is not None
        and not (text.isdigit() and len(text) > MAX_USERNAME_DIGITS)
        and text.lower() not in RESERVED
    )
