"""What the API's description says of answers is what they hold."""

from typing import Any

import pytest
from rest_framework import serializers
from rest_framework.test import APIClient

from accounts.models import User
from tests.support.responses import assert_shaped
from tests.support.tweets import write
from tweets import serializers as shapes
from tweets import services
from tweets.models import Tweet


@pytest.fixture
def tweet(alice: User, bob: User) -> Tweet:
    """With a reply, and reposted."""
    made = write(alice)
    services.repost(tweet_id=made.id, user_id=bob.id)
    services.reply(parent_id=made.id, user_id=bob.id, content="hi")
    return made


@pytest.mark.parametrize(
    ("address", "shape"),
    [
        ("/tweet", shapes.TweetsAnswer),
        ("/tweet/{tweet}", shapes.ThreadAnswer),
        ("/users/alice/tweets", shapes.TweetsAnswer),
        ("/users/bob/tweets", shapes.TweetsAnswer),
    ],
)
def test_what_is_read(
    as_alice: APIClient,
    api: APIClient,
    tweet: Tweet,
    address: str,
    shape: type[serializers.Serializer[Any]],
) -> None:
    for client in (as_alice, api) if address != "/tweet" else (as_alice,):
        assert_shaped(client.get(address.format(tweet=tweet.id)).json(), shape())


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("post", "/tweet"),
        ("post", "/tweet/{tweet}/reply"),
        ("post", "/tweet/{tweet}/like"),
        ("delete", "/tweet/{tweet}/like"),
        ("post", "/tweet/{tweet}/repost"),
        ("delete", "/tweet/{tweet}/repost"),
    ],
)
def test_what_is_written(as_alice: APIClient, tweet: Tweet, method: str, address: str) -> None:
    body = {"content": "hello"} if address.endswith(("tweet", "reply")) else None
    answer = getattr(as_alice, method)(address.format(tweet=tweet.id), body)
    assert_shaped(answer.json(), shapes.TweetAnswer())


def test_what_is_deleted(as_alice: APIClient, tweet: Tweet) -> None:
    assert_shaped(as_alice.delete(f"/tweet/{tweet.id}").json(), shapes.MessageAnswer())
