"""After any sequence of events, the feed equals a rebuilt one."""

import random
from itertools import cycle
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.test import TestCase
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from accounts.models import Follow, User
from common.http.revocation import revocations
from common.redis import shards
from common.redis.client import redis_client
from feed import writes
from feed.differences import compare
from feed.expected import expected_list
from feed.reads import Timeline
from messaging.models import OutboxEvent
from messaging.worker import Delivery
from tests.support.factories import UserFactory
from tests.support.shards import distributed, id_on
from tests.support.timelines import Person, deliver, expected_entries, pending
from tweets.models import Tweet

NAMES = ["alice", "bob", "carol"]
person = st.integers(0, len(NAMES) - 1)
which = st.integers(0, 50)

action = st.one_of(
    st.tuples(st.just("post"), person),
    st.tuples(st.just("delete"), which),
    st.tuples(st.just("repost"), person, which),
    st.tuples(st.just("undo_repost"), person, which),
    st.tuples(st.just("follow"), person, person),
    st.tuples(st.just("unfollow"), person, person),
    st.tuples(st.just("read"), person),
    st.tuples(st.just("deliver_some"), st.randoms(use_true_random=False)),
)
actions = st.lists(action, min_size=1, max_size=30)


class Scenario:
    """Three users and their actions. Messages arrive late, twice and out of order."""

    def __init__(self) -> None:
        for shard in shards.names():
            redis_client(shard).flushdb()
        revocations.forget()
        for model in (OutboxEvent, Tweet, Follow, User):
            model.objects.all().delete()
        self.people = [
            Person(UserFactory.create(id=id_on(shard), username=name))
            for name, shard in zip(NAMES, cycle(shards.names()), strict=False)
        ]
        self.waiting: list[Delivery] = []

    def do(self, action: tuple[Any, ...]) -> None:
        name, *arguments = action
        with TestCase.captureOnCommitCallbacks(execute=True):  # they invalidate the cache
            getattr(self, name)(*arguments)

    def post(self, who: int) -> None:
        self.people[who].post()

    def delete(self, number: int) -> None:
        if tweet := self._tweet(number):
            author = next(p for p in self.people if p.id == tweet.user_id)
            author.delete(tweet.id)

    def repost(self, who: int, number: int) -> None:
        if tweet := self._tweet(number):
            self.people[who].repost(tweet.id)

    def undo_repost(self, who: int, number: int) -> None:
        if tweet := self._tweet(number):
            self.people[who].undo_repost(tweet.id)

    def follow(self, who: int, whom: int) -> None:
        if who != whom:
            self.people[who].follow(self.people[whom])

    def unfollow(self, who: int, whom: int) -> None:
        answer = self.people[who].client.delete(f"/follow/{self.people[whom].id}")
        assert answer.status_code in (204, 404)

    def read(self, who: int) -> None:
        self.people[who].feed(limit=2)

    def read_to_the_end(self, who: int) -> None:
        self.people[who].feed_entries()

    def deliver_some(self, chance: random.Random) -> None:
        """Delivers some messages in any order, some of them twice. The others come later."""
        self.waiting += pending()
        chance.shuffle(self.waiting)
        delivered = self.waiting[: chance.randint(0, len(self.waiting))]
        deliver(delivered + delivered[::2])
        redelivered = delivered[::3]  # later
        self.waiting = self.waiting[len(delivered) :] + redelivered

    def deliver_the_rest(self) -> None:
        delivered = self.waiting + pending()
        while delivered:
            deliver(delivered)
            delivered = pending()  # published by the handlers

    def _tweet(self, number: int) -> Tweet | None:
        tweets = list(Tweet.objects.tweets().order_by("id"))
        return tweets[number % len(tweets)] if tweets else None


@pytest.mark.parametrize(
    ("fresh_seconds", "servers"),
    [(2.0, 1), (0.0, 1), (2.0, 2)],
    ids=["fresh", "late", "fresh, on two servers"],
)
@given(actions=actions)
@hypothesis.settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_feed_equals_a_rebuilt_one(
    db: None,
    monkeypatch: pytest.MonkeyPatch,
    fresh_seconds: float,
    servers: int,
    actions: list[tuple[Any, ...]],
):
    monkeypatch.setattr("feed.fanout.deliver.FRESH_SECONDS", fresh_seconds)
    with distributed(servers):
        scenario = Scenario()
        for action in actions:
            scenario.do(action)
        scenario.deliver_the_rest()

        for someone in scenario.people:
            incremental = someone.feed_entries()
            writes.forget(someone.id)
            rebuilt = someone.feed_entries()
            assert incremental == rebuilt
            assert shown(expected_entries(someone.id)) == rebuilt


class BefriendedScenario(Scenario):
    """All users follow each other at first."""

    def __init__(self) -> None:
        super().__init__()
        for someone in self.people:
            for other in self.people:
                if other is not someone:
                    someone.follow(other)
        self.deliver_the_rest()


class BuildersScenario(BefriendedScenario):
    """Builders of timelines stop between their steps for any time."""

    def __init__(self) -> None:
        super().__init__()
        self.markers: dict[int, tuple[int, bytes]] = {}
        self.answers: dict[int, Timeline] = {}

    def begin(self, builder: int, who: int) -> None:
        user_id = self.people[who].id
        marker = writes.start_building(user_id)
        assert marker is not None
        self.markers[builder] = user_id, marker
        self.answers.pop(builder, None)

    def begin_anew(self, builder: int, who: int) -> None:
        """Like `rebuild_feed`."""
        self.forget(who)
        self.begin(builder, who)

    def ask(self, builder: int) -> None:
        if builder in self.markers:
            self.answers[builder] = expected_list(self.markers[builder][0])

    def finish(self, builder: int) -> None:
        if answer := self.answers.pop(builder, None):
            user_id, marker = self.markers.pop(builder)
            writes.finish_building(user_id, marker, answer.ids, is_complete=answer.is_complete)

    def forget(self, who: int) -> None:
        writes.forget(self.people[who].id)


builder = st.integers(0, 2)
builders_actions = st.lists(
    st.one_of(
        st.tuples(st.just("post"), person),
        st.tuples(st.just("follow"), person, person),
        st.tuples(st.just("unfollow"), person, person),
        st.tuples(st.just("begin"), builder, person),
        st.tuples(st.just("begin_anew"), builder, person),
        st.tuples(st.just("ask"), builder),
        st.tuples(st.just("finish"), builder),
        st.tuples(st.just("forget"), person),
        st.tuples(st.just("read"), person),
        st.tuples(st.just("deliver_the_rest")),
    ),
    min_size=15,
    max_size=40,
)


@given(actions=builders_actions)
@hypothesis.example(  # a builder finishes after an unfollow
    actions=[
        ("post", 1), ("begin_anew", 0, 0), ("ask", 0), ("unfollow", 0, 1), ("deliver_the_rest",),
        ("begin", 1, 0), ("finish", 0), ("ask", 1), ("finish", 1),
    ]
)  # fmt: skip
@hypothesis.example(  # a builder finishes after the list was dropped
    actions=[
        ("begin_anew", 0, 0), ("ask", 0), ("forget", 0), ("post", 1), ("deliver_the_rest",),
        ("begin", 1, 0), ("finish", 0), ("ask", 1), ("finish", 1),
    ]
)  # fmt: skip
@hypothesis.example(  # a builder died
    actions=[("begin_anew", 0, 0), ("post", 1), ("deliver_the_rest",)]
)
@hypothesis.settings(
    max_examples=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_concurrent_builders_lose_no_entry_and_keep_no_removed_one(
    db: None, monkeypatch: pytest.MonkeyPatch, actions: list[tuple[Any, ...]]
):
    monkeypatch.setattr("feed.handlers.MOST_MERGES", 1)  # two events drop a list
    with TestCase.captureOnCommitCallbacks(execute=True):
        scenario = BuildersScenario()
    for action in actions:
        scenario.do(action)
    scenario.deliver_the_rest()

    for someone in scenario.people:
        assert someone.feed_entries() == shown(expected_entries(someone.id))
        assert not compare(someone.id)


class LimitedScenario(BefriendedScenario):
    """The pull limit changes, too."""

    def limit(self, followers: int) -> None:
        settings.FEED_PULL_FOLLOWERS = followers


# 0 pulls every author with a follower; from 4 on, an author with two is pushed again
limited_actions = st.lists(
    st.one_of(
        action,
        st.tuples(st.just("limit"), st.sampled_from([0, 1, 4])),
        st.tuples(st.just("post"), person),
        st.tuples(st.just("read"), person),
        st.tuples(st.just("read_to_the_end"), person),
        st.tuples(st.just("deliver_the_rest")),
    ),
    min_size=15,
    max_size=40,
)


@pytest.mark.parametrize(
    ("fresh_seconds", "shown_entries", "servers"),
    [(2.0, 800, 1), (0.0, 800, 1), (0.0, 4, 1), (0.0, 4, 2)],
    ids=["fresh", "late", "late, with short lists", "the same on two servers"],
)
@given(actions=limited_actions)
@hypothesis.settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],  # shrinking 40 steps takes too long
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_crossing_the_pull_limit_leaves_no_gap_and_no_duplicate(
    db: None,
    monkeypatch: pytest.MonkeyPatch,
    fresh_seconds: float,
    shown_entries: int,
    servers: int,
    actions: list[tuple[Any, ...]],
):
    """A slice is one follower, so starting and ending to pull takes several messages."""
    monkeypatch.setattr("feed.fanout.deliver.FRESH_SECONDS", fresh_seconds)
    monkeypatch.setattr("feed.fanout.slices.SIZE", 1)
    if not fresh_seconds:
        monkeypatch.setattr("feed.writes.MARKER_SECONDS", 0)
    monkeypatch.setattr(settings, "FEED_SHOWN", shown_entries)
    monkeypatch.setattr(settings, "FEED_PULL_FOLLOWERS", 100)
    with distributed(servers):
        with TestCase.captureOnCommitCallbacks(execute=True):
            scenario = LimitedScenario()
        for action in actions:
            scenario.do(action)
        scenario.deliver_the_rest()

        for someone in scenario.people:
            incremental = someone.feed_entries()
            assert incremental == shown(expected_entries(someone.id))
            assert not compare(someone.id)
            writes.forget(someone.id)
            assert incremental == someone.feed_entries()


def shown(entries: list[int]) -> list[int]:
    """The entries that pages of three show: each tweet once a page, under its newest entry."""
    tweet_ids = dict(Tweet.objects.values_list("id", "repost_of"))
    pages: list[int] = []
    page: dict[int, int] = {}
    for entry in entries:
        page.setdefault(tweet_ids[entry] or entry, entry)
        if len(page) == 3:
            pages += page.values()
            page = {}
    return pages + list(page.values())
