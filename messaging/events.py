"""The events that services publish.

Events are facts in the past tense, and frozen. A field is never removed or renamed. A new field has
a default, which stands in for it in messages that older processes wrote. On the wire an event is
one flat JSON object, its ids as decimal strings or lists of these, its times in ISO 8601; its
routing key is its type. Events arrive late, twice and in any order: a handler that needs the
current state asks.
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from datetime import datetime
from typing import Any, ClassVar

import orjson

from common.ids import parse_id
from common.times import format_time, parse_time

# Characters of what is wrong that a complaint quotes.
_QUOTED = 100


class Poison(Exception):
    """A message that no number of attempts can make readable. Says why, in a line."""


@dataclass(frozen=True, kw_only=True)
class Event:
    routing_key: ClassVar[str]


@dataclass(frozen=True, kw_only=True)
class TweetCreated(Event):
    routing_key = "tweet.created"
    id: int
    user_id: int
    content: str
    parent_id: int | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class TweetDeleted(Event):
    routing_key = "tweet.deleted"
    id: int
    user_id: int
    deleted_at: datetime


@dataclass(frozen=True, kw_only=True)
class TweetLiked(Event):
    routing_key = "tweet.liked"
    tweet_id: int
    user_id: int
    author_id: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class TweetUnliked(Event):
    routing_key = "tweet.unliked"
    tweet_id: int
    user_id: int
    author_id: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class TweetReposted(Event):
    routing_key = "tweet.reposted"
    id: int  # the entry's
    tweet_id: int
    user_id: int
    author_id: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class TweetUnreposted(Event):
    routing_key = "tweet.unreposted"
    id: int  # the entry's
    tweet_id: int
    user_id: int
    author_id: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class UserRegistered(Event):
    routing_key = "user.registered"
    id: int
    username: str
    display_name: str


@dataclass(frozen=True, kw_only=True)
class UserUpdated(Event):
    routing_key = "user.updated"
    id: int
    username: str
    display_name: str


@dataclass(frozen=True, kw_only=True)
class UserSuspended(Event):
    routing_key = "user.suspended"
    id: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class UserRestored(Event):
    routing_key = "user.restored"
    id: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class UserDeleted(Event):
    routing_key = "user.deleted"
    id: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class FollowersRemoved(Event):
    """A batch of the follows that a deleted account left was deleted."""

    routing_key = "user.followers_removed"
    user_id: int  # whom they followed
    follower_ids: tuple[int, ...]
    at: datetime


@dataclass(frozen=True, kw_only=True)
class UserFollowed(Event):
    routing_key = "user.followed"
    follower_id: int
    following_id: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class UserUnfollowed(Event):
    routing_key = "user.unfollowed"
    follower_id: int
    following_id: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class RemovalSliced(Event):
    """Tweets' own: an account was deleted, and some of what it left may still be there."""

    routing_key = "tweets.removal_sliced"
    user_id: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class RemainsSliced(Event):
    """Tweets' own: a tweet was deleted, and more likes, reposts or replies are left to process."""

    routing_key = "tweets.remains_sliced"
    tweet_id: int
    user_id: int  # the deleted tweet's author
    replies_before: int  # the replies with an id from here on are done
    at: datetime


@dataclass(frozen=True, kw_only=True)
class FanOutSliced(Event):
    """Feed's own: an entry of an author with many followers has still to reach some of them."""

    routing_key = "feed.sliced"
    action: str  # push or remove
    entry_id: int
    author_id: int
    after_id: int  # the followers above this one
    at: datetime


@dataclass(frozen=True, kw_only=True)
class PullEnded(Event):
    """Feed's own: an author is pushed again, and some followers' timelines still lack entries."""

    routing_key = "feed.pull_ended"
    author_id: int
    number: int  # the ending's
    after_id: int | None  # the followers above this one; none in the first message
    at: datetime


@dataclass(frozen=True, kw_only=True)
class MergeSliced(Event):
    """Feed's own: some followers' timelines still lack the entries of a restored author."""

    routing_key = "feed.merge_sliced"
    author_id: int
    after_id: int  # the followers above this one
    at: datetime


@dataclass(frozen=True, kw_only=True)
class AuthorSliced(Event):
    """Search's own: some of an author's tweets are still to be hidden, or shown again."""

    routing_key = "search.sliced"
    user_id: int
    after_id: int  # the tweets that follow this one in the index's order
    at: datetime


EVENTS: dict[str, type[Event]] = {event.routing_key: event for event in Event.__subclasses__()}


def encode(event: Event) -> str:
    body = {field.name: _show(getattr(event, field.name)) for field in fields(event)}
    return orjson.dumps(body).decode()


def decode(routing_key: str, body: bytes) -> Event:
    """Raises `Poison` for an unknown type and for a body that doesn't fit the type.

    The writer may be newer or older than this process: unknown fields are ignored, and a missing
    field takes its default.
    """
    event = EVENTS.get(routing_key)
    if event is None:
        raise Poison(f"nobody knows the type {routing_key!r}")
    try:
        data = orjson.loads(body)
    except ValueError as error:
        raise Poison(f"no JSON: {error}") from None
    if not isinstance(data, dict):
        raise Poison(f"no JSON object: {_quote(data)}")
    return event(
        **{
            field.name: _read(field, data)
            for field in fields(event)
            if field.name in data or field.default is MISSING
        }
    )


def _read(field: Field[Any], data: dict[str, Any]) -> Any:
    read, wanted = _READ[field.type]
    try:
        return read(data[field.name])
    except KeyError:
        raise Poison(f"{field.name} is missing") from None
    except (ValueError, TypeError, OverflowError):
        raise Poison(f"{field.name} is not {wanted}: {_quote(data[field.name])}") from None


def _quote(value: Any) -> str:
    """Enough of it to be known again."""
    text = repr(value)
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def _show(value: Any) -> str | list[str] | None:
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, tuple):
        return list(map(str, value))
    return None if value is None else str(value)


def _read_id(value: Any) -> int:
    number = parse_id(value)
    if number is None:
        raise ValueError
    return number


def _read_ids(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(map(_read_id, value))


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


# By the annotation of the field: how its value is read, and what it must be.
_READ: dict[Any, tuple[Callable[[Any], Any], str]] = {
    int: (_read_id, "an id"),
    int | None: (lambda value: None if value is None else _read_id(value), "an id or null"),
    tuple[int, ...]: (_read_ids, "a list of ids"),
    str: (_read_text, "a text"),
    datetime: (parse_time, "a time with its zone"),
}
