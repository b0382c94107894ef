"""Concurrent writes in threads on PostgreSQL."""

import itertools
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from accounts.models import User
from common.errors import Invalid, NotFound
from tests.support.factories import TweetFactory, UserFactory
from tests.support.races import at_once, kinds
from tests.support.responses import published
from tweets import selectors, services
from tweets.models import IdempotencyKey, Like, Tweet

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]

Job = Callable[[], Any]


def does(name: str, tweet: Tweet, user: User) -> Job:
    return partial(getattr(services, name), tweet_id=tweet.id, user_id=user.id)


def replies(tweet: Tweet, user: User) -> Job:
    return partial(services.reply, parent_id=tweet.id, user_id=user.id, content="hi")


def assert_counters_equal_rows() -> None:
    assert selectors.find_counter_drift().items == []
    existing = set(Tweet.objects.values_list("id", flat=True))
    assert set(Like.objects.values_list("tweet_id", flat=True)) <= existing
    assert set(Tweet.objects.reposts().values_list("repost_of_id", flat=True)) <= existing


@pytest.mark.parametrize(
    ("do", "counter", "event"),
    [("like", "num_likes", "tweet.liked"), ("repost", "num_reposts", "tweet.reposted")],
)
def test_50_concurrent_requests_of_one_user_count_once(
    tweet: Tweet, bob: User, do: str, counter: str, event: str
) -> None:
    outcomes = at_once([does(do, tweet, bob)] * 50)
    assert set(outcomes) == {tweet.id}
    tweet.refresh_from_db()
    assert getattr(tweet, counter) == 1
    assert published() == [event]
    assert_counters_equal_rows()


@pytest.mark.parametrize(
    ("do", "undo", "event"),
    [("like", "unlike", "tweet.unliked"), ("repost", "undo_repost", "tweet.unreposted")],
)
def test_50_concurrent_undos_of_one_user_count_once(
    tweet: Tweet, bob: User, do: str, undo: str, event: str
) -> None:
    does(do, tweet, bob)()
    at_once([does(undo, tweet, bob)] * 50)
    assert published()[1:] == [event]
    assert_counters_equal_rows()


def test_50_concurrent_likes_and_reposts_of_many_users_all_count(tweet: Tweet) -> None:
    users = UserFactory.create_batch(25)
    at_once([does(do, tweet, user) for user in users for do in ("like", "repost")])
    tweet.refresh_from_db()
    assert (tweet.num_likes, tweet.num_reposts) == (25, 25)
    assert_counters_equal_rows()


def test_concurrent_likes_and_unlikes_of_a_few_users_leave_exact_counters(tweet: Tweet) -> None:
    users = UserFactory.create_batch(4)
    names = ("like", "unlike", "repost", "undo_repost")
    jobs = [does(name, tweet, user) for name in names for user in users] * 3
    random.Random(7).shuffle(jobs)
    at_once(jobs)
    assert_counters_equal_rows()
    events = published()
    assert events.count("tweet.liked") - events.count("tweet.unliked") == Like.objects.count()


def test_50_concurrent_replies_all_count(tweet: Tweet, bob: User) -> None:
    at_once([replies(tweet, bob)] * 50)
    tweet.refresh_from_db()
    assert tweet.num_replies == 50


def test_a_client_that_pages_through_a_growing_thread_misses_no_reply(
    tweet: Tweet, bob: User
) -> None:
    def follow_thread() -> list[int]:
        seen: list[int] = []
        while len(seen) < 60:
            after = seen[-1] if seen else None
            page = selectors.get_thread(tweet.id, after_id=after, limit=3).replies
            seen += [reply.id for reply in page.items]
            assert time.monotonic() < deadline, f"saw {len(seen)} of 60 replies"
        return seen

    deadline = time.monotonic() + 20
    *_, seen = at_once([*[replies(tweet, bob)] * 60, follow_thread])
    assert seen == list(
        Tweet.objects.filter(parent_id=tweet.id).values_list("id", flat=True).order_by("id")
    )


def test_a_deletion_during_likes_reposts_and_replies_leaves_no_likes_or_reposts(
    tweet: Tweet, alice: User
) -> None:
    users = UserFactory.create_batch(10)
    jobs = [
        job
        for user in users
        for job in (does("like", tweet, user), does("repost", tweet, user), replies(tweet, user))
    ]
    outcomes = at_once([*jobs[:15], does("delete_tweet", tweet, alice), *jobs[15:]])

    assert {type(outcome) for outcome in outcomes} <= {int, Tweet, NotFound, type(None)}
    assert not Tweet.objects.filter(id=tweet.id).exists()
    assert not Like.objects.exists()
    assert not Tweet.objects.reposts().exists()
    assert published().count("tweet.deleted") == 1
    assert published().count("tweet.reposted") == published().count("tweet.unreposted")
    assert published().count("tweet.created") == Tweet.objects.count()


def test_one_of_concurrent_deletions_succeeds(tweet: Tweet, alice: User) -> None:
    outcomes = at_once([does("delete_tweet", tweet, alice)] * 10)
    assert kinds(outcomes) == ["NoneType"] + ["NotFound"] * 9
    assert published() == ["tweet.deleted"]


def test_concurrent_deletions_along_a_thread_do_not_deadlock(tweet: Tweet, alice: User) -> None:
    thread = [tweet]
    for parent in itertools.islice(iter(lambda: thread[-1], None), 19):
        thread.append(services.reply(parent_id=parent.id, user_id=alice.id, content="hi"))
    batches = [[t.id for t in thread[start::4]] for start in range(4)]
    singles: list[Job] = [does("delete_tweet", t, alice) for t in thread]
    removals: list[Job] = [partial(services.remove_tweets, ids) for ids in batches]
    outcomes = at_once(removals + singles)

    assert {type(outcome) for outcome in outcomes} <= {int, NotFound, type(None)}
    assert not Tweet.objects.exists()
    assert published().count("tweet.deleted") == 20


def test_removing_users_during_likes_leaves_exact_counters(alice: User) -> None:
    users = UserFactory.create_batch(4)
    tweets = [TweetFactory.create(user_id=user.id) for user in [*users, alice] * 3]
    names = ("like", "repost")
    for user, tweet, name in itertools.product(users[:2], tweets, names):
        does(name, tweet, user)()
    jobs: list[Job] = [
        *[partial(services.remove_user, user.id) for user in users[:2]] * 2,
        *[does(name, tweet, user) for user in users[2:] for tweet in tweets for name in names],
        *[replies(tweet, alice) for tweet in tweets],
    ]
    random.Random(7).shuffle(jobs)
    outcomes = at_once(jobs)

    assert {type(outcome) for outcome in outcomes} <= {int, Tweet, NotFound, type(None)}
    gone = [user.id for user in users[:2]]
    assert not Tweet.objects.filter(user_id__in=gone).exists()
    assert not Like.objects.filter(user_id__in=gone).exists()
    assert_counters_equal_rows()


def test_concurrent_requests_with_one_key_make_one_tweet(alice: User) -> None:
    post = partial(services.post_tweet, user_id=alice.id, content="hello", idempotency_key="k1")
    outcomes = at_once([post] * 20)
    assert kinds(outcomes) == ["Tweet"] * 20
    assert len({(tweet.id, tweet.content, tweet.created_at) for tweet in outcomes}) == 1
    assert Tweet.objects.count() == IdempotencyKey.objects.count() == 1
    assert published() == ["tweet.created"]


def test_concurrent_requests_with_one_key_make_one_reply(tweet: Tweet, bob: User) -> None:
    at_once(
        [
            partial(
                services.reply,
                parent_id=tweet.id, user_id=bob.id, content="hi", idempotency_key="k1",
            )
        ]
        * 20
    )  # fmt: skip
    tweet.refresh_from_db()
    assert (tweet.num_replies, Tweet.objects.count()) == (1, 2)


def test_one_key_with_two_contents_makes_one_tweet(alice: User) -> None:
    outcomes = at_once(
        [
            partial(services.post_tweet, user_id=alice.id, content=f"{n % 2}", idempotency_key="k1")
            for n in range(10)
        ]
    )
    made = [outcome for outcome in outcomes if isinstance(outcome, Tweet)]
    assert len(made) == 5
    assert len({tweet.id for tweet in made}) == 1
    assert all(isinstance(outcome, Tweet | Invalid) for outcome in outcomes)
    assert Tweet.objects.count() == 1


def test_a_repair_during_likes_leaves_exact_counters(tweet: Tweet) -> None:
    users = UserFactory.create_batch(20)
    Tweet.objects.update(num_likes=100)
    jobs: list[Job] = [does("like", tweet, user) for user in users]
    repair = partial(services.repair_counters, tweet_ids=[tweet.id])
    at_once([*jobs[:10], *[repair] * 3, *jobs[10:]])
    assert_counters_equal_rows()


def test_concurrent_workers_delete_each_remaining_row_once(
    tweet: Tweet, alice: User, bob: User
) -> None:
    Like.objects.bulk_create(Like(tweet=tweet, user_id=n) for n in range(1, 500))
    ids = iter(range(1, 10_000))
    Tweet.objects.bulk_create(
        Tweet(id=next(ids), user_id=n, repost_of=tweet, created_at=tweet.created_at)
        for n in range(1, 500)
    )
    services.delete_tweet(tweet_id=tweet.id, user_id=alice.id)
    at_once([partial(services.clear_remains, {tweet.id: alice.id}, batches=10)] * 4)
    services.clear_remains({tweet.id: alice.id}, batches=10)
    assert (Like.objects.count(), Tweet.objects.count()) == (0, 0)
    assert published().count("tweet.unreposted") == 499
