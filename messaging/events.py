"""The events that services publish.

Events are facts in the past tense. A field is never removed or renamed. A new field needs a default
for messages of older processes. A message body is one flat JSON object with ids as decimal strings
and times in ISO 8601; the routing key is the event's type. Events may arrive late, twice and in any
order, so a handler that needs the current state queries it.
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from datetime import datetime
from typing import Any, ClassVar

import orjson

from common.ids import parse_id
from common.times import format_time, parse_time

# Characters of a bad value that an error quotes.
_QUOTED = 100


class Poison(Exception):
    """A message that can never be read. Its text is the reason, in one line."""


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
    id: int  # the repost's entry id
    tweet_id: int
    user_id: int
    author_id: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class TweetUnreposted(Event):
    routing_key = "tweet.unreposted"
    id: int  # the repost's entry id
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
    """A batch of a deleted account's follows was deleted."""

    routing_key = "user.followers_removed"
    user_id: int  # the account that they followed
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
    """For tweets only: a deleted account may have more tweets, likes and reposts to delete."""

    routing_key = "tweets.removal_sliced"
    user_id: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class RemainsSliced(Event):
    """For tweets only: a deleted tweet has more likes, reposts or replies to process."""

    routing_key = "tweets.remains_sliced"
    tweet_id: int
    user_id: int  # the deleted tweet's author
    replies_before: int  # replies with this id or a greater one are done
    at: datetime


@dataclass(frozen=True, kw_only=True)
class FanOutSliced(Event):
    """For feed only: the next slice of a large author's followers must get an entry."""

    routing_key = "feed.sliced"
    action: str  # push or remove
    entry_id: int
    author_id: int
    after_id: int  # followers up to this id are done
    at: datetime


@dataclass(frozen=True, kw_only=True)
class PullEnded(Event):
    """For feed only: a pulled author is pushed again, and more timelines need the entries."""

    routing_key = "feed.pull_ended"
    author_id: int
    number: int  # identifies this end of pulling
    after_id: int | None  # followers up to this id are done; None in the first message
    at: datetime


@dataclass(frozen=True, kw_only=True)
class MergeSliced(Event):
    """For feed only: more timelines need the entries of a restored author."""

    routing_key = "feed.merge_sliced"
    author_id: int
    after_id: int  # followers up to this id are done
    at: datetime


@dataclass(frozen=True, kw_only=True)
class AuthorSliced(Event):
    """For search only: more of an author's tweets must be hidden or shown again."""

    routing_key = "search.sliced"
    user_id: int
    after_id: int  # tweets up to this one, in the index's order, are done
    at: datetime


EVENTS: dict[str, type[Event]] = {event.routing_key: event for event in Event.__subclasses__()}


def encode(event: Event) -> str:
    body = {field.name: _show(getattr(event, field.name)) for field in fields(event)}
    return orjson.dumps(body).decode()


def decode(routing_key: str, body: bytes) -> Event:
    """Raises `Poison` for an unknown type and for a body that doesn't fit its type.

    The publisher may be newer or older than this process, so unknown fields are ignored and missing
    ones take their default.
    """
    event = EVENTS.get(routing_key)
    if event is None:
        raise Poison(f"unknown type {routing_key!r}")
    try:
        data = orjson.loads(body)
    except ValueError as error:
        raise Poison(f"not JSON: {error}") from None
    if not isinstance(data, dict):
        raise Poison(f"not a JSON object: {_quote(data)}")
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


# By the annotation of a field: the function that reads its value, and a description of the value.
_READ: dict[Any, tuple[Callable[[Any], Any], str]] = {
    int: (_read_id, "an id"),
    int | None: (lambda value: None if value is None else _read_id(value), "an id or null"),
    tuple[int, ...]: (_read_ids, "a list of ids"),
    str: (_read_text, "a string"),
    datetime: (parse_time, "a time with a zone"),
}
