from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from messaging.events import EVENTS, Event, Poison, TweetCreated, UserFollowed, decode, encode

AT = datetime(2026, 11, 23, 10, 30, 0, 250_000, tzinfo=UTC)
# The body of each type in its first version. These files never change.
BODIES = Path(__file__).parent / "bodies"
CREATED = TweetCreated(id=2**62, user_id=7, content='snow "again" ❄', parent_id=None, created_at=AT)


def test_every_event_of_the_contract_is_known():
    assert sorted(EVENTS) == [
        "feed.merge_sliced", "feed.pull_ended", "feed.sliced", "search.sliced", "tweet.created",
        "tweet.deleted", "tweet.liked", "tweet.reposted", "tweet.unliked", "tweet.unreposted",
        "tweets.remains_sliced", "tweets.removal_sliced", "user.deleted", "user.followed",
        "user.followers_removed", "user.registered", "user.restored", "user.suspended",
        "user.unfollowed", "user.updated",
    ]  # fmt: skip


@pytest.mark.parametrize("routing_key", sorted(EVENTS))
def test_a_body_of_an_older_version_can_be_read(routing_key: str):
    body = (BODIES / f"{routing_key}.json").read_bytes()
    event = decode(routing_key, body)
    assert type(event) is EVENTS[routing_key]
    assert orjson.loads(encode(event)).items() >= orjson.loads(body).items()


def test_a_missing_new_field_takes_its_default(
    monkeypatch: pytest.MonkeyPatch,
):
    @dataclass(frozen=True, kw_only=True)
    class WithLanguage(TweetCreated):
        language: str = "en"

    monkeypatch.setitem(EVENTS, "tweet.created", WithLanguage)
    event = decode("tweet.created", encode(CREATED).encode())
    assert isinstance(event, WithLanguage)
    assert event.language == "en"
    assert decode(
        "tweet.created", encode(CREATED).replace("{", '{"language":"de",', 1).encode()
    ) == (replace(event, language="de"))
    with pytest.raises(Poison, match="language is not a string"):
        decode("tweet.created", encode(CREATED).replace("{", '{"language":5,', 1).encode())


def test_ids_travel_as_strings_and_times_in_utc():
    body = encode(UserFollowed(follower_id=1, following_id=2, at=AT))
    assert body == '{"follower_id":"1","following_id":"2","at":"2026-11-23T10:30:00.250Z"}'


def test_decoding_an_encoded_event_returns_it():
    assert decode("tweet.created", encode(CREATED).encode()) == CREATED


def test_an_unknown_field_is_ignored():
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
        (
            "user.followers_removed",
            b'{"user_id":"1","follower_ids":"2","at":"2026-11-23T10:30:00Z"}',
        ),
        (
            "user.followers_removed",
            b'{"user_id":"1","follower_ids":[2],"at":"2026-11-23T10:30:00Z"}',
        ),
        ("user.registered", b"\xff\xfe"),
    ],
)
def test_an_unreadable_body_is_poison(routing_key: str, body: bytes):
    with pytest.raises(Poison):
        decode(routing_key, body)


def test_events_are_immutable():
    event: Event = CREATED
    with pytest.raises(AttributeError):
        event.id = 5  # type: ignore[attr-defined]
