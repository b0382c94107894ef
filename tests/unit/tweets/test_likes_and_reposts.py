"""Likes and reposts are idempotent both ways, with exact counters and an event for each change."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts import services as accounts_services
from accounts.models import User
from messaging.events import decode
from messaging.models import OutboxEvent
from tests.support.responses import assert_refused, published
from tests.support.tweets import tick
from tweets.models import Like, Tweet

# The counter, the viewer's field, and the events of doing and undoing it.
KINDS = {
    "like": ("num_likes", "liked", "tweet.liked", "tweet.unliked"),
    "repost": ("num_reposts", "reposted", "tweet.reposted", "tweet.unreposted"),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def rows(kind: str) -> int:
    return Like.objects.count() if kind == "like" else Tweet.objects.reposts().count()


def events() -> list[Any]:
    return [
        decode(event.routing_key, event.body.encode())
        for event in OutboxEvent.objects.order_by("id")
    ]


@kinds
def test_it_is_counted_and_shown_to_the_user(
    as_bob: APIClient, api: APIClient, tweet: Tweet, kind: str
) -> None:
    counter, seen, _, _ = KINDS[kind]
    answer = as_bob.post(f"/tweet/{tweet.id}/{kind}")

    assert answer.status_code == 200
    shown = answer.json()["tweet"]
    assert (shown["id"], shown[counter], shown[seen]) == (str(tweet.id), 1, True)
    assert as_bob.get(f"/tweet/{tweet.id}").json()["tweet"] == shown
    assert seen not in api.get(f"/tweet/{tweet.id}").json()["tweet"]


@kinds
def test_doing_it_twice_equals_doing_it_once(as_bob: APIClient, tweet: Tweet, kind: str) -> None:
    counter, _, done, _ = KINDS[kind]
    answers = [as_bob.post(f"/tweet/{tweet.id}/{kind}") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert answers[1].json()["tweet"][counter] == rows(kind) == 1
    assert published() == [done]


@kinds
def test_undoing_it_twice_equals_undoing_it_once(
    as_bob: APIClient, tweet: Tweet, kind: str
) -> None:
    counter, seen, done, undone = KINDS[kind]
    as_bob.post(f"/tweet/{tweet.id}/{kind}")
    answers = [as_bob.delete(f"/tweet/{tweet.id}/{kind}") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    shown = answers[1].json()["tweet"]
    assert (shown[counter], shown[seen], rows(kind)) == (0, False, 0)
    assert published() == [done, undone]


@kinds
def test_undoing_it_without_doing_it_changes_nothing(
    as_bob: APIClient, alice: User, tweet: Tweet, kind: str
) -> None:
    answer = as_bob.delete(f"/tweet/{tweet.id}/{kind}")
    assert (answer.status_code, answer.json()["tweet"][KINDS[kind][0]]) == (200, 0)
    assert published() == []


@kinds
def test_any_user_may_do_it_the_author_included(
    as_alice: APIClient, as_bob: APIClient, tweet: Tweet, kind: str
) -> None:
    as_bob.post(f"/tweet/{tweet.id}/{kind}")
    answer = as_alice.post(f"/tweet/{tweet.id}/{kind}")
    assert answer.json()["tweet"][KINDS[kind][0]] == rows(kind) == 2
    as_bob.delete(f"/tweet/{tweet.id}/{kind}")
    shown = as_alice.get(f"/tweet/{tweet.id}").json()["tweet"]
    assert (shown[KINDS[kind][0]], shown[KINDS[kind][1]]) == (1, True)


@kinds
@pytest.mark.parametrize("method", ["post", "delete"])
def test_an_unknown_tweet_is_not_found(as_bob: APIClient, kind: str, method: str) -> None:
    assert_refused(getattr(as_bob, method)(f"/tweet/7/{kind}"), 404)
    assert published() == []


@kinds
@pytest.mark.parametrize("method", ["post", "delete"])
def test_a_deleted_tweet_is_not_found(
    as_alice: APIClient, as_bob: APIClient, tweet: Tweet, kind: str, method: str
) -> None:
    as_alice.delete(f"/tweet/{tweet.id}")
    assert_refused(getattr(as_bob, method)(f"/tweet/{tweet.id}/{kind}"), 404)
    assert rows(kind) == 0
    assert published() == ["tweet.deleted"]


@kinds
@pytest.mark.parametrize("method", ["post", "delete"])
def test_a_suspended_users_tweet_is_not_found(
    as_bob: APIClient, alice: User, tweet: Tweet, kind: str, method: str
) -> None:
    accounts_services.suspend(user_id=alice.id)
    assert_refused(getattr(as_bob, method)(f"/tweet/{tweet.id}/{kind}"), 404)
    assert rows(kind) == 0


@kinds
@pytest.mark.parametrize("method", ["post", "delete"])
def test_it_needs_a_token(api: APIClient, tweet: Tweet, kind: str, method: str) -> None:
    assert_refused(getattr(api, method)(f"/tweet/{tweet.id}/{kind}"), 401)


@kinds
def test_it_works_while_accounts_is_down(
    as_bob: APIClient, tweet: Tweet, kind: str, accounts_down: Any
) -> None:
    accounts_down()
    shown = as_bob.post(f"/tweet/{tweet.id}/{kind}").json()["tweet"]
    assert (shown["author"], shown[KINDS[kind][0]]) == (None, 1)


@kinds
def test_the_id_of_a_repost_means_its_original(
    as_alice: APIClient, as_bob: APIClient, tweet: Tweet, kind: str
) -> None:
    as_bob.post(f"/tweet/{tweet.id}/repost")
    entry = Tweet.objects.reposts().get()

    done = as_alice.post(f"/tweet/{entry.id}/{kind}").json()["tweet"]
    assert (done["id"], done[KINDS[kind][1]], "entry_id" in done) == (str(tweet.id), True, False)
    undone = as_alice.delete(f"/tweet/{entry.id}/{kind}").json()["tweet"]
    assert (undone["id"], undone[KINDS[kind][1]]) == (str(tweet.id), False)


def test_a_repost_can_be_undone_by_its_own_id(as_bob: APIClient, tweet: Tweet) -> None:
    as_bob.post(f"/tweet/{tweet.id}/repost")
    entry = Tweet.objects.reposts().get()
    shown = as_bob.delete(f"/tweet/{entry.id}/repost").json()["tweet"]
    assert (shown["id"], shown["num_reposts"]) == (str(tweet.id), 0)


def test_the_events_of_a_like_name_the_user_and_the_author(
    as_bob: APIClient, alice: User, bob: User, tweet: Tweet
) -> None:
    as_bob.post(f"/tweet/{tweet.id}/like")
    as_bob.delete(f"/tweet/{tweet.id}/like")
    for event in events():
        assert (event.tweet_id, event.user_id, event.author_id) == (tweet.id, bob.id, alice.id)


def test_the_events_of_a_repost_carry_its_id(
    as_bob: APIClient, alice: User, bob: User, tweet: Tweet
) -> None:
    as_bob.post(f"/tweet/{tweet.id}/repost")
    entry = Tweet.objects.reposts().get()
    as_bob.delete(f"/tweet/{tweet.id}/repost")
    for event in events():
        assert (event.id, event.tweet_id) == (entry.id, tweet.id)
        assert (event.user_id, event.author_id) == (bob.id, alice.id)


def test_reposting_after_undoing_makes_a_new_entry(as_bob: APIClient, tweet: Tweet) -> None:
    ids = []
    for _ in range(2):
        as_bob.post(f"/tweet/{tweet.id}/repost")
        ids.append(Tweet.objects.reposts().get().id)
        as_bob.delete(f"/tweet/{tweet.id}/repost")
        tick()
    assert ids[0] < ids[1]
