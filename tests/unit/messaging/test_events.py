from datetime import UTC, datetime

import pytest

from messaging.events import EVENTS, Event, Poison, TweetCreated, UserFollowed, decode, encode

AT = datetime(2026, 11, 23, 10, 30, 0, 250_000, tzinfo=UTC)
CREATED = TweetCreated(id=2**62, user_id=7, content='snow "again" ❄', parent_id=None, created_at=AT)


def test_every_event_of_the_contract_is_known():
    assert sorted(EVENTS) == [
        "feed.pull_ended", "feed.sliced", "tweet.created", "tweet.deleted", "tweet.liked",
        "tweet.reposted", "tweet.unliked", "tweet.unreposted", "user.deleted", "user.followed",
        "user.registered", "user.restored", "user.suspended", "user.unfollowed", "user.updated",
    ]  # fmt: skip


def test_ids_travel_as_strings_and_times_in_utc():
    body = encode(UserFollowed(follower_id=1, following_id=2, at=AT))
    assert body == '{"follower_id":"1","following_id":"2","at":"2026-11-23T10:30:00.250Z"}'


def test_an_event_comes_back_as_it_was_sent():
    assert decode("tweet.created", encode(CREATED).encode()) == CREATED


def test_a_field_that_a_newer_writer_added_is_passed_over():
    body = encode(CREATED).replace("{", '{"language":"en",', 1)
    assert decode("tweet.created", body.encode()) == CREATED


@pytest.mark.parametrize(
    ("routing_key", "body"),
    [
        ("tweet.exploded", b"{}"),
        ("", b"{}"),
        ("user.followed", b""),
        ("user.followed", b"not json"),
        ("user.followed", b"[]"),
        ("user.followed", b"null"),
        ("user.followed", b"{}"),
        ("user.followed", b'{"follower_id":1,"following_id":"2","at":"2026-11-23T10:30:00Z"}'),
        ("user.followed", b'{"follower_id":"01","following_id":"2","at":"2026-11-23T10:30:00Z"}'),
        ("user.followed", b'{"follower_id":"1","following_id":null,"at":"2026-11-23T10:30:00Z"}'),
        ("user.followed", b'{"follower_id":"1","following_id":"2","at":"yesterday"}'),
        ("user.followed", b'{"follower_id":"1","following_id":"2","at":"2026-11-23T10:30:00"}'),
        ("user.registered", b'{"id":"1","username":5,"display_name":""}'),
        ("user.registered", b"\xff\xfe"),
    ],
)
def test_what_cannot_be_read_is_poison(routing_key: str, body: bytes):
    with pytest.raises(Poison):
        decode(routing_key, body)


def test_events_are_facts_that_nobody_changes():
    event: Event = CREATED
    with pytest.raises(AttributeError):
        event.id = 5  # type: ignore[attr-defined]
