"""Responses have the shapes that the OpenAPI description gives them."""

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
    """A tweet with a reply and a repost."""
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
def test_responses_to_reads_have_their_shapes(
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
def test_responses_to_writes_have_their_shapes(
    as_alice: APIClient, tweet: Tweet, method: str, address: str
) -> None:
    body = {"content": "hello"} if address.endswith(("tweet", "reply")) else None
    answer = getattr(as_alice, method)(address.format(tweet=tweet.id), body)
    assert_shaped(answer.json(), shapes.TweetAnswer())


def test_the_response_to_a_deletion_has_its_shape(as_alice: APIClient, tweet: Tweet) -> None:
    assert_shaped(as_alice.delete(f"/tweet/{tweet.id}").json(), shapes.MessageAnswer())
