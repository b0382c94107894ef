"""Rows for tests, as the services write them."""

from functools import cache
from typing import Any

import factory
from django.contrib.auth.hashers import make_password

from accounts.models import Follow, User
from common.ids import created_at, new_id
from tweets.models import Tweet

PASSWORD = "pass123"


@cache
def _password_hash() -> str:
    """One hash for all users: hashing dominates the time to create one."""
    return make_password(PASSWORD)


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User

    id = factory.LazyFunction(new_id)
    username = factory.Sequence(lambda n: f"user-{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    password = factory.LazyFunction(_password_hash)
    created_at = factory.LazyAttribute(lambda user: created_at(user.id))


class FollowFactory(factory.django.DjangoModelFactory[Follow]):
    """The row; both counters are incremented."""

    class Meta:
        model = Follow
        skip_postgeneration_save = True

    id = factory.LazyFunction(new_id)
    follower = factory.SubFactory(UserFactory)
    following = factory.SubFactory(UserFactory)
    created_at = factory.LazyAttribute(lambda follow: created_at(follow.id))

    @factory.post_generation
    def count(follow: Any, create: bool, extracted: Any, **_: Any) -> None:
        follow.follower.num_following += 1
        follow.follower.save(update_fields=["num_following"])
        follow.following.num_followers += 1
        follow.following.save(update_fields=["num_followers"])


class TweetFactory(factory.django.DjangoModelFactory[Tweet]):
    class Meta:
        model = Tweet

    id = factory.LazyFunction(new_id)
    user_id = factory.LazyFunction(lambda: UserFactory.create().id)
    content = factory.Sequence(lambda n: f"tweet number {n}")
    created_at = factory.LazyAttribute(lambda tweet: created_at(tweet.id))
