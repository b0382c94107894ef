"""Responses have exactly the fields that the OpenAPI schema describes."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework import serializers
from rest_framework.test import APIClient

from accounts import serializers as shapes
from accounts.models import User
from tests.support.factories import PASSWORD, FollowFactory
from tests.support.responses import assert_shaped

SignIn = Callable[[User], APIClient]


def test_sessions_have_the_described_shape(api: APIClient, db: None) -> None:
    credentials = {"email": "dave@example.com", "password": PASSWORD}
    session = api.post("/users/register", credentials | {"username": "dave"}).json()
    assert_shaped(session, shapes.SessionAnswer())
    session = api.post("/users/login", credentials).json()
    assert_shaped(session, shapes.SessionAnswer())
    refreshed = api.post("/users/refresh", {"refresh": session["refresh"]}).json()
    assert_shaped(refreshed, shapes.TokensAnswer())


@pytest.mark.parametrize(
    ("address", "shape"),
    [
        ("/hello", shapes.HelloAnswer),
        ("/users/me", shapes.UserAnswer),
        ("/users/bob", shapes.UserAnswer),
        ("/users/bob/followers", shapes.UsersAnswer),
        ("/users/bob/following", shapes.UsersAnswer),
        ("/follow", shapes.FollowsAnswer),
        ("/following", shapes.FollowsAnswer),
    ],
)
def test_read_responses_have_the_described_shape(
    sign_in: SignIn, alice: User, bob: User, address: str, shape: type[serializers.Serializer[Any]]
) -> None:
    FollowFactory.create(follower=alice, following=bob)
    FollowFactory.create(follower=bob, following=alice)
    assert_shaped(sign_in(alice).get(address).json(), shape())


def test_a_new_follow_has_the_described_shape(sign_in: SignIn, alice: User, bob: User) -> None:
    response = sign_in(alice).post("/follow", {"following_id": str(bob.id)})
    assert_shaped(response.json(), shapes.FollowAnswer())
