"""Counters, index and cache equal the tables, in whatever order events are handled.

The workers of tweets and search get each message twice or more, in any order, in batches of any
size, and two workers at once. tests/unit/feed/test_properties.py tests the workers of feed.
"""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from threading import Barrier
from typing import Any

import hypothesis
import pytest
from django.db import connections
from django.test import TestCase
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts import services as accounts
from accounts.models import TweetCount, User
from common.errors import Unavailable
from common.http.authentication import Viewer
from common.http.revocation import revocations
from common.redis.client import redis_client
from hydration.read import load
from messaging.models import OutboxEvent
from messaging.worker import Delivery, Worker
from search.handlers import WORKER as SEARCH
from search.index import index
from tests.conftest import is_real
from tests.support.factories import UserFactory
from tweets import services as tweets
from tweets.handlers import WORKER as TWEETS
from tweets.models import Like, Tweet
from twitter_project.auditing import cache, counters
from twitter_project.auditing import index as index_audit

PEOPLE = 3
person = st.integers(0, PEOPLE - 1)
which = st.integers(0, 20)
chance = st.randoms(use_true_random=False)

# Users write more often than they delete.
action = st.one_of(
    *[st.tuples(st.just("post"), person)] * 3,
    *[st.tuples(st.just(name), person, which) for name in ("reply", "like", "repost", "read")],
    st.tuples(st.just("unlike"), person, which),
    st.tuples(st.just("undo_repost"), person, which),
    st.tuples(st.just("delete"), which),
    st.tuples(st.just("suspend"), person),
    st.tuples(st.just("restore"), person),
    st.tuples(st.just("go"), person),
    st.tuples(st.just("write_late"), person, which),
    st.tuples(st.just("handle_some"), chance),
)
actions = st.lists(action, min_size=4, max_size=25)

# A message, and the worker of one of its queues.
Message = tuple[Worker, Delivery]


class Scenario:
    """Three people, their actions, and the messages that these publish."""

    def __init__(self) -> None:
        redis_client().flushdb()
        revocations.forget()
        index().clear()
        for model in (OutboxEvent, Like, Tweet, TweetCount, User):
            model.objects.all().delete()
        self.people = [UserFactory.create(username=f"person_{n}") for n in range(PEOPLE)]
        self.suspended: set[int] = set()
        self.gone: set[int] = set()
        self.messages: list[Message] = []

    def do(self, action: tuple[Any, ...]) -> None:
        name, *arguments = action
        getattr(self, name)(*arguments)

    def post(self, who: int) -> None:
        if user_id := self._acting(who):
            tweets.post_tweet(user_id=user_id, content="hello")

    def reply(self, who: int, number: int) -> None:
        if (user_id := self._acting(who)) and (tweet := self._tweet(number)):
            tweets.reply(user_id=user_id, parent_id=tweet.id, content="hi")

    def like(self, who: int, number: int) -> None:
        self._to_a_tweet(tweets.like, who, number)

    def unlike(self, who: int, number: int) -> None:
        self._to_a_tweet(tweets.unlike, who, number)

    def repost(self, who: int, number: int) -> None:
        self._to_a_tweet(tweets.repost, who, number)

    def undo_repost(self, who: int, number: int) -> None:
        self._to_a_tweet(tweets.undo_repost, who, number)

    def read(self, who: int, number: int) -> None:
        """Reads the tweet, which caches it."""
        if (user_id := self._acting(who)) and (tweet := self._tweet(number)):
            load([tweet.id], viewer_id=user_id)
            client = APIClient()
            reader: Any = Viewer(id=user_id, username=f"person_{who}")
            client.force_authenticate(reader)
            assert client.get(f"/tweet/{tweet.id}").status_code in (200, 404)

    def delete(self, number: int) -> None:
        if tweet := self._tweet(number):
            tweets.remove_tweets([tweet.id])

    def suspend(self, who: int) -> None:
        if user_id := self._acting(who):
            accounts.suspend(user_id=user_id)
            self.suspended.add(who)

    def restore(self, who: int) -> None:
        if who in self.suspended:
            accounts.restore(user_id=self.people[who].id)
            self.suspended.remove(who)

    def go(self, who: int) -> None:
        if user_id := self._acting(who):
            accounts.delete_user(user_id=user_id)
            self.gone.add(who)

    def write_late(self, who: int, number: int) -> None:
        """Writes with a token that is valid longer than its account exists."""
        if who in self.gone and (tweet := self._tweet(number)):
            user_id = self.people[who].id
            tweets.post_tweet(user_id=user_id, content="late")
            tweets.reply(user_id=user_id, parent_id=tweet.id, content="late")
            tweets.like(user_id=user_id, tweet_id=tweet.id)
            tweets.repost(user_id=user_id, tweet_id=tweet.id)

    def handle_some(self, chance: random.Random) -> None:
        """Handles a part of the messages, half of them twice. Redelivers some of them later."""
        self.messages += pending()
        chance.shuffle(self.messages)
        handled = self.messages[: chance.randint(0, len(self.messages))]
        handle(cut(handled + handled[::2], chance))
        self.messages = self.messages[len(handled) :] + handled[::3]

    def take_remaining(self) -> list[Message]:
        """All messages that are not handled, twice."""
        remaining, self.messages = self.messages + pending(), []
        return remaining * 2

    def _acting(self, who: int) -> int | None:
        return None if who in self.suspended | self.gone else int(self.people[who].id)

    def _tweet(self, number: int) -> Tweet | None:
        """One of the tweets whose authors are visible."""
        hidden = [self.people[who].id for who in self.suspended | self.gone]
        found = list(Tweet.objects.tweets().exclude(user_id__in=hidden).order_by("id"))
        return found[number % len(found)] if found else None

    def _to_a_tweet(self, do: Any, who: int, number: int) -> None:
        if (user_id := self._acting(who)) and (tweet := self._tweet(number)):
            do(user_id=user_id, tweet_id=tweet.id)


def pending() -> list[Message]:
    """The unsent events of the outbox, oldest first. Marks them as sent."""
    rows = list(OutboxEvent.objects.pending())
    OutboxEvent.objects.pending().update(published_at=timezone.now())
    return [
        (worker, Delivery(tag=row.id, message_id=str(row.id), routing_key=key, body=body))
        for row in rows
        for key, body in [(row.routing_key, row.body.encode())]
        for worker in (TWEETS, SEARCH)
        if key in worker.handlers
    ]


def cut(messages: Sequence[Message], chance: random.Random) -> list[tuple[Worker, list[Delivery]]]:
    """Batches of any size, each for one worker."""
    batches: list[tuple[Worker, list[Delivery]]] = []
    left = list(messages)
    while left:
        size = chance.randint(1, len(left))
        for worker, group in groupby(left[:size], key=lambda pair: pair[0]):
            batches.append((worker, [delivery for _, delivery in group]))
        left = left[size:]
    return batches


def handle(batches: Sequence[tuple[Worker, list[Delivery]]]) -> None:
    """Handles a batch again, from its beginning, if a worker is interrupted as by an outage."""
    for worker, batch in batches:
        for _ in range(20):
            try:
                assert worker.process(batch) == set()
            except Unavailable:  # a deadlock of two workers: the database aborts one
                continue
            break
        else:
            raise AssertionError(f"{worker.queue} was interrupted 20 times")


def expect_no_differences() -> None:
    checks = (counters.CHECK, index_audit.CHECK, cache.CHECK)
    assert [f for check in checks for page in check.find() for f in page.findings] == []
    users = set(User.objects.values_list("id", flat=True))
    existing = dict(Tweet.objects.tweets().values_list("id", "user_id"))
    reposts = list(Tweet.objects.reposts())
    likes = list(Like.objects.all())
    assert {*existing.values()} <= users
    assert {row.user_id for row in reposts} | {row.user_id for row in likes} <= users
    assert {row.repost_of_id for row in reposts} | {row.tweet_id for row in likes} <= {*existing}
    published = list(OutboxEvent.objects.values_list("routing_key", flat=True))
    assert published.count("tweet.created") - published.count("tweet.deleted") == len(existing)
    assert published.count("tweet.reposted") - published.count("tweet.unreposted") == len(reposts)


suppressed = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@given(actions=actions, chance=chance)
@hypothesis.settings(
    max_examples=10 if is_real() else 80, deadline=None, suppress_health_check=suppressed
)
def test_handling_in_any_order_ends_without_differences(
    db: None, actions: list[tuple[Any, ...]], chance: random.Random
) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        scenario = Scenario()
    for action in actions:
        with TestCase.captureOnCommitCallbacks(execute=True):  # they invalidate the cache
            scenario.do(action)
    while remaining := scenario.take_remaining():  # handlers publish events, too
        chance.shuffle(remaining)
        with TestCase.captureOnCommitCallbacks(execute=True):
            handle(cut(remaining, chance))
    expect_no_differences()


@pytest.mark.django_db(transaction=True)
@given(actions=actions, chances=st.tuples(chance, chance))
@hypothesis.settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],  # no shrinking: a race may not happen again
    suppress_health_check=suppressed,
)
def test_two_workers_at_once_end_without_differences(
    actions: list[tuple[Any, ...]], chances: tuple[random.Random, random.Random]
) -> None:
    """Both handle all messages, each in an order of its own, and start at the same moment."""
    scenario = Scenario()
    for action in actions:
        scenario.do(action)
    while remaining := scenario.take_remaining():
        orders = []
        for chance in chances:
            chance.shuffle(remaining)
            orders.append(cut(remaining, chance))
        at_once(orders)
    expect_no_differences()


def at_once(orders: Sequence[list[tuple[Worker, list[Delivery]]]]) -> None:
    barrier = Barrier(len(orders))

    def run(batches: list[tuple[Worker, list[Delivery]]]) -> None:
        barrier.wait()
        try:
            handle(batches)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(orders)) as pool:
        for ended in [pool.submit(partial(run, batches)) for batches in orders]:
            ended.result()
