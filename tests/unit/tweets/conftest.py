from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from tests.support.channels import CLOSED_PORT, network, reset_channels
from tests.support.factories import TweetFactory
from tweets.models import Tweet

SignIn = Callable[[User], APIClient]


@pytest.fixture
def as_alice(sign_in: SignIn, alice: User) -> APIClient:
    return sign_in(alice)


@pytest.fixture
def as_bob(sign_in: SignIn, bob: User) -> APIClient:
    return sign_in(bob)


@pytest.fixture
def tweet(alice: User) -> Tweet:
    made: Tweet = TweetFactory.create(user_id=alice.id)
    return made


@pytest.fixture
def accounts_down(settings: Any) -> Iterator[Callable[[], None]]:
    """A function that makes calls to accounts fail as during an outage."""

    def take_down() -> None:
        settings.GRPC_CHANNELS = settings.GRPC_CHANNELS | {"accounts": network(CLOSED_PORT)}
        reset_channels()

    yield take_down
    reset_channels()
