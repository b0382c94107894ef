from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from grpc_services import channels
from grpc_services.clients import accounts

SignIn = Callable[[User], APIClient]


@pytest.fixture
def as_alice(sign_in: SignIn, alice: User) -> APIClient:
    return sign_in(alice)


@pytest.fixture
def as_bob(sign_in: SignIn, bob: User) -> APIClient:
    return sign_in(bob)


@pytest.fixture
def accounts_down(settings: Any) -> Iterator[Callable[[], None]]:
    """From its call on nobody answers for accounts."""

    def take_down() -> None:
        settings.GRPC_CHANNELS = settings.GRPC_CHANNELS | {
            "accounts": {
                "BACKEND": "grpc_services.channels.network_channel",
                "TARGET": "127.0.0.1:1",
            }
        }
        _forget_channel()

    yield take_down
    _forget_channel()


def _forget_channel() -> None:
    channels.channel.cache_clear()
    accounts._stub.cache_clear()
