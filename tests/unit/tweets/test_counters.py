"""Counters equal the numbers of rows, and drift is found and repaired."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from common.errors import Forbidden, NotFound
from messaging.models import OutboxEvent
from tests.support.factories import TweetFactory, UserFactory
from tests.support.responses import published
from tweets import selectors, services
from tweets.models import Like, Tweet

person = st.integers(0, 2)
which = st.integers(0, 30)

actions = st.lists(
    st.one_of(
        st.tuples(st.just("post"), person),
        *(
            st.tuples(st.just(name), person, which)
            for name in ("reply", "delete", "like", "unlike", "repost", "undo_repost")
        ),
        st.tuples(st.just("remove_user"), person),
    ),
    min_size=1,
    max_size=40,
)


class Model:
    """Three users who act on any tweet written so far, deleted or not."""

    def __init__(self) -> None:
        for model in (Tweet, Like, OutboxEvent, User):
            model.objects.all().delete()
        self.people = [UserFactory.create().id for _ in range(3)]
        self.ids = [services.post_tweet(user_id=self.people[0], content="hello").id]

    def do(self, name: str, person: int, number: int = 0) -> None:
        user_id, tweet_id = self.people[person], self.ids[number % len(self.ids)]
        try:
            if name == "post":
                self.ids.append(services.post_tweet(user_id=user_id, content="hello").id)
            elif name == "reply":
                reply = services.reply(user_id=user_id, parent_id=tweet_id, content="hi")
                self.ids.append(reply.id)
            elif name == "delete":
                services.delete_tweet(user_id=user_id, tweet_id=tweet_id)
            elif name == "remove_user":
                services.remove_user(user_id)
            else:
                getattr(services, name)(user_id=user_id, tweet_id=tweet_id)
        except NotFound:
            assert not Tweet.objects.filter(id=tweet_id).exists()
        except Forbidden:
            assert Tweet.objects.get(id=tweet_id).user_id != user_id

    def check(self) -> None:
        assert selectors.find_counter_drift().items == []
        existing = set(Tweet.objects.values_list("id", flat=True))
        assert {like.tweet_id for like in Like.objects.all()} <= existing
        assert {entry.repost_of_id for entry in Tweet.objects.reposts()} <= existing
        events = published()
        for rows, done, undone in (
            (Tweet.objects.tweets(), "tweet.created", "tweet.deleted"),
            (Tweet.objects.reposts(), "tweet.reposted", "tweet.unreposted"),
        ):
            assert rows.count() == events.count(done) - events.count(undone)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(actions=actions)
def test_counters_equal_the_numbers_of_rows_after_any_sequence(
    db: None, actions: list[Any]
) -> None:
    model = Model()
    for action in actions:
        model.do(*action)
    model.check()


def test_drift_is_found_page_by_page_and_repaired(alice: User, bob: User) -> None:
    first, second, third = sorted(
        TweetFactory.create_batch(3, user_id=alice.id), key=lambda tweet: tweet.id
    )
    services.like(tweet_id=second.id, user_id=bob.id)
    services.repost(tweet_id=third.id, user_id=bob.id)
    services.reply(parent_id=third.id, user_id=bob.id, content="hi")
    Tweet.objects.filter(id=first.id).update(num_likes=3)
    Tweet.objects.filter(id=third.id).update(num_replies=0, num_reposts=5)

    pages = [selectors.find_counter_drift(limit=2)]
    while pages[-1].next is not None:
        pages.append(selectors.find_counter_drift(after_id=pages[-1].next, limit=2))

    found = [drift for page in pages for drift in page.items]
    assert [(d.id, d.counter, d.stored, d.counted) for d in found] == [
        (first.id, "num_likes", 3, 0),
        (third.id, "num_replies", 0, 1),
        (third.id, "num_reposts", 5, 1),
    ]
    assert len(pages) == 2
    repaired = services.repair_counters(tweet_ids={drift.id for drift in found})
    assert sorted(repaired, key=found.index) == found
    assert selectors.find_counter_drift().items == []


def test_a_correct_counter_is_not_repaired(alice: User, bob: User) -> None:
    tweet = TweetFactory.create(user_id=alice.id)
    services.like(tweet_id=tweet.id, user_id=bob.id)
    assert services.repair_counters(tweet_ids=[tweet.id, 7]) == []


def test_a_counter_that_drifted_stays_at_zero_or_above(alice: User, bob: User) -> None:
    tweet = TweetFactory.create(user_id=alice.id)
    services.like(tweet_id=tweet.id, user_id=bob.id)
    Tweet.objects.update(num_likes=0)
    services.unlike(tweet_id=tweet.id, user_id=bob.id)
    tweet.refresh_from_db()
    assert tweet.num_likes == 0


def test_tweets_are_counted_by_user_without_reposts(alice: User, bob: User, carol: User) -> None:
    tweet = TweetFactory.create(user_id=alice.id)
    TweetFactory.create_batch(2, user_id=carol.id)
    services.repost(tweet_id=tweet.id, user_id=bob.id)
    services.reply(parent_id=tweet.id, user_id=alice.id, content="hi")
    counts = {alice.id: 2, carol.id: 2}
    assert selectors.count_tweets(limit=10) == counts
    low, high = sorted(counts)
    assert selectors.count_tweets(limit=1) == {low: 2}
    assert selectors.count_tweets(after_user_id=low, limit=10) == {high: 2}
