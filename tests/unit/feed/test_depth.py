"""A feed of 10,000 tweets read by cursor, while users post, delete and follow."""

import random
from collections.abc import Sequence
from datetime import timedelta
from itertools import count

import pytest
from django.utils import timezone

from accounts.models import Follow, User
from common.ids import MAX_ID, created_at, first_id_at
from feed import pulling
from tests.support.factories import UserFactory
from tests.support.timelines import Person, deliver_all
from tweets.models import Tweet

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]

DEPTH = 10_000
PAGE = 100
PAGES_PER_FOLLOW = 10


def write_rows(authors: Sequence[User], tweets: int) -> None:
    """Writes tweets of the last four weeks, by the authors in turn."""
    since, span = timezone.now() - timedelta(days=28), timedelta(days=28)
    ids = [first_id_at(since + span * n / tweets) | authors[0].id % 1000 for n in range(tweets)]
    Tweet.objects.bulk_create(
        [
            Tweet(
                id=id,
                user_id=authors[n % len(authors)].id,
                content="snow",
                created_at=created_at(id),
            )
            for n, id in enumerate(ids)
        ],
        batch_size=2000,
    )


def newest_below(reader: Person, before_id: int) -> list[int]:
    """The tweets expected on the next page, from the database."""
    followed = Follow.objects.filter(follower_id=reader.id).values("following_id")
    entries = Tweet.objects.filter(user_id__in=followed, id__lt=before_id).order_by("-id")
    return list(entries.values_list("id", flat=True)[:PAGE])


@pytest.mark.slow
def test_reading_back_to_the_first_tweet_skips_and_repeats_none(
    writer, follower, outsider, settings
):
    settings.FEED_PULL_FOLLOWERS = 1  # pulls alice, who has two followers
    users = [*UserFactory.create_batch(9), User.objects.get(id=writer.id)]
    newcomers = UserFactory.create_batch(DEPTH // PAGE // PAGES_PER_FOLLOW)
    write_rows(users, DEPTH)
    write_rows(newcomers, 1000)
    authors = [Person(user) for user in users]
    for author in authors:
        follower.follow(author)
    outsider.follow(writer)
    deliver_all()
    writer.post()
    deliver_all()
    assert pulling.authors() == [writer.id]

    draw = random.Random(7)
    followed_at_first = Tweet.objects.filter(user_id__in=[user.id for user in users])
    there_at_first = set(followed_at_first.values_list("id", flat=True))
    deleted: set[int] = set()
    seen: list[int] = []
    cursor = str(MAX_ID)
    for number in count():
        expected = newest_below(follower, int(cursor))
        page = follower.feed(cursor=cursor, limit=PAGE)
        shown = [int(tweet["id"]) for tweet in page["tweets"]]
        assert shown == expected
        seen += shown
        if page["next"] is None:
            break
        cursor = page["next"]

        author = draw.choice(authors)
        author.post()
        own = Tweet.objects.filter(user_id=author.id).order_by("id")
        victim = draw.choice(own.values_list("id", flat=True))
        author.delete(victim)
        deleted.add(victim)
        if number % PAGES_PER_FOLLOW == 0 and newcomers:
            follower.follow(Person(newcomers.pop()))
        deliver_all()

    assert len(seen) == len(set(seen)) > DEPTH - len(deleted)
    assert seen == sorted(seen, reverse=True)
    assert there_at_first - deleted <= set(seen)
