"""Shapes agree with their examples, and assembled JSON agrees with shapes."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from grpc_services.clients.accounts import User
from grpc_services.clients.tweets import Tweet
from hydration.assembly import assemble_cached
from hydration.codec import (
    CachedEntry,
    author_json,
    encode_entry,
    encode_user,
    entry_of,
    mark_of,
    original_of,
)
from hydration.shapes import (
    AUTHOR_EXAMPLE,
    TWEET_EXAMPLE,
    USER_EXAMPLE,
    AuthorSerializer,
    ShapeSerializer,
    TweetSerializer,
    UserSerializer,
    show_tweet,
)

WHEN = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def user(id: int, username: str) -> User:
    return User(
        id=id, username=username, display_name=username.title(), bio="", num_tweets=1,
        num_followers=2, num_following=3, created_at=WHEN,
    )  # fmt: skip


ALICE, BOB = user(1, "alice"), user(2, "bob")


def tweet(**changes: Any) -> Tweet:
    """A reply by alice, as a viewer who likes it sees it."""
    values: dict[str, Any] = {
        "id": 10, "user_id": ALICE.id, "content": "hello", "parent_id": 9, "parent_deleted": True,
        "num_likes": 1, "num_replies": 2, "num_reposts": 3, "created_at": WHEN, "entry_id": 10,
        "reposted_by_id": None, "liked": True, "reposted": False,
    }  # fmt: skip
    return Tweet(**values | changes)


@pytest.mark.parametrize(
    ("example", "serializer"),
    [
        (AUTHOR_EXAMPLE, AuthorSerializer),
        (USER_EXAMPLE, UserSerializer),
        (TWEET_EXAMPLE, TweetSerializer),
    ],
)
def test_an_example_has_all_required_fields_and_no_unknown_ones(
    example: dict[str, Any], serializer: type[ShapeSerializer]
) -> None:
    fields = serializer().fields
    assert example.keys() <= fields.keys()
    assert {name for name, field in fields.items() if field.required} <= example.keys()


def test_a_cached_tweet_has_the_json_of_its_shape() -> None:
    shown = tweet()
    row = CachedEntry(
        entry=encode_entry(10, entry_of(shown)),
        original=None,
        reposter=None,
        author=encode_user(ALICE.id, author_json(ALICE)),
        mark=mark_of(shown),
    )
    assembled = assemble_cached(10, row)
    assert assembled is not None
    assert orjson.loads(assembled.json) == show_tweet(shown, {ALICE.id: ALICE})


def test_a_cached_repost_has_the_json_of_its_shape() -> None:
    shown = tweet(entry_id=11, reposted_by_id=BOB.id)
    row = CachedEntry(
        entry=encode_entry(11, entry_of(shown)),
        original=encode_entry(10, original_of(shown)),
        reposter=encode_user(BOB.id, author_json(BOB)),
        author=encode_user(ALICE.id, author_json(ALICE)),
        mark=mark_of(shown),
    )
    assembled = assemble_cached(11, row)
    assert assembled is not None
    assert orjson.loads(assembled.json) == show_tweet(shown, {ALICE.id: ALICE, BOB.id: BOB})


def test_a_tweet_is_not_assembled_from_an_incomplete_row() -> None:
    shown = tweet()
    row = CachedEntry(encode_entry(10, entry_of(shown)), None, None, None, mark_of(shown))
    assert assemble_cached(10, row) is None
