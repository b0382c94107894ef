"""Posting and replying, and requests repeated with an idempotency key."""

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.core.management import call_command
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services as accounts_services
from accounts.models import User
from common.db import alias
from common.errors import Invalid
from common.ids import created_at
from messaging.models import OutboxEvent
from tests.support.factories import TweetFactory
from tests.support.responses import assert_refused, published
from tweets import services
from tweets.models import IdempotencyKey, Tweet

HEADER = "Idempotency-Key"


def post(client: APIClient, content: str = "hello", key: str | None = None) -> Any:
    return client.post("/tweet", {"content": content}, headers={HEADER: key} if key else {})


def reply(client: APIClient, parent_id: int, content: str = "hi", key: str | None = None) -> Any:
    headers = {HEADER: key} if key else {}
    return client.post(f"/tweet/{parent_id}/reply", {"content": content}, headers=headers)


# Tweets


def test_posting_responds_with_the_tweet(as_alice: APIClient, alice: User) -> None:
    answer = post(as_alice, "  The first snow. ")

    assert answer.status_code == 200
    row = Tweet.objects.get()
    assert answer.json() == {
        "message": "tweet created",
        "tweet": {
            "id": str(row.id),
            "user_id": str(alice.id),
            "author": {"id": str(alice.id), "username": "alice", "display_name": "alice"},
            "content": "The first snow.",
            "parent_id": None,
            "parent_deleted": False,
            "num_likes": 0,
            "num_replies": 0,
            "num_reposts": 0,
            "created_at": row.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "liked": False,
            "reposted": False,
        },
    }


def test_a_tweet_is_created_at_the_millisecond_of_its_id(alice: User) -> None:
    services.post_tweet(user_id=alice.id, content="hello")
    tweet = Tweet.objects.get()
    assert tweet.created_at == created_at(tweet.id)
    assert timezone.now() - tweet.created_at < timedelta(minutes=1)


def test_posting_writes_the_event_with_the_tweet(alice: User) -> None:
    tweet = services.post_tweet(user_id=alice.id, content="hello")
    event = OutboxEvent.objects.get()
    assert event.routing_key == "tweet.created"
    assert event.body == (
        f'{{"id":"{tweet.id}","user_id":"{alice.id}","content":"hello","parent_id":null,'
        f'"created_at":"{tweet.created_at.isoformat(timespec="milliseconds")[:-6]}Z"}}'
    )


def test_the_response_equals_the_tweet_as_read_later(as_alice: APIClient) -> None:
    tweet = post(as_alice).json()["tweet"]
    assert as_alice.get(f"/tweet/{tweet['id']}").json()["tweet"] == tweet


def test_posting_needs_a_token(api: APIClient, db: None) -> None:
    assert_refused(post(api), 401)
    assert_refused(reply(api, 7), 401)


def test_the_author_is_null_while_accounts_is_down(as_alice: APIClient, accounts_down: Any) -> None:
    accounts_down()
    answer = post(as_alice)
    assert answer.status_code == 200
    assert answer.json()["tweet"]["author"] is None


def test_the_author_comes_from_the_cache_while_accounts_is_down(
    as_alice: APIClient, accounts_down: Any
) -> None:
    first = post(as_alice).json()["tweet"]
    accounts_down()
    assert post(as_alice).json()["tweet"]["author"] == first["author"]


@pytest.mark.django_db(transaction=True)  # the cache is invalidated after the commit
def test_a_new_display_name_shows_in_the_next_response(as_alice: APIClient) -> None:
    post(as_alice)
    as_alice.patch("/users/me", {"display_name": "Alice the Second"})
    assert post(as_alice).json()["tweet"]["author"]["display_name"] == "Alice the Second"


def test_a_tweet_is_posted_while_the_cache_is_down(
    as_alice: APIClient, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "common.redis.client.redis_client",
        lambda _: redis.Redis(port=1, socket_connect_timeout=1),
    )
    answer = post(as_alice)
    assert answer.status_code == 200
    assert answer.json()["tweet"]["author"]["id"] == str(alice.id)


@pytest.mark.in_process
@pytest.mark.real
@pytest.mark.django_db(transaction=True)  # a test's own transaction would add savepoints
def test_posting_is_one_statement(as_alice: APIClient) -> None:
    post(as_alice)
    with CaptureQueriesContext(connections[alias("tweets")]) as ran:
        assert post(as_alice).status_code == 200
        assert post(as_alice, key="k1").status_code == 200
    assert [query["sql"].split()[0] for query in ran] == ["WITH", "WITH"]


def test_another_id_is_drawn_if_a_tweet_or_an_event_has_it(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = services.post_tweet(user_id=alice.id, content="hello")
    event = OutboxEvent.objects.get()
    draws = iter([first.id, 71, 72, event.id, 73])
    monkeypatch.setattr("common.db.new_id", lambda: next(draws))

    assert services.post_tweet(user_id=alice.id, content="hello").id == 72
    assert OutboxEvent.objects.filter(id=73).exists()
    assert Tweet.objects.count() == OutboxEvent.objects.count() == 2


# Replies


def test_a_reply_names_its_parent_and_is_counted_there(
    as_bob: APIClient, alice: User, bob: User
) -> None:
    parent = TweetFactory.create(user_id=alice.id)

    answer = reply(as_bob, parent.id)

    assert answer.status_code == 200
    assert answer.json()["message"] == "reply created"
    shown = answer.json()["tweet"]
    assert (shown["parent_id"], shown["parent_deleted"]) == (str(parent.id), False)
    assert shown["author"]["username"] == "bob"
    parent.refresh_from_db()
    assert parent.num_replies == 1
    assert published() == ["tweet.created"]


def test_a_reply_to_a_repost_replies_to_the_original(as_bob: APIClient, alice: User) -> None:
    parent = TweetFactory.create(user_id=alice.id)
    services.repost(tweet_id=parent.id, user_id=alice.id)
    entry = Tweet.objects.reposts().get()

    assert reply(as_bob, entry.id).json()["tweet"]["parent_id"] == str(parent.id)
    parent.refresh_from_db()
    assert parent.num_replies == 1


def test_replying_to_an_unknown_tweet_is_not_found(as_bob: APIClient) -> None:
    assert_refused(reply(as_bob, 7), 404)
    assert not Tweet.objects.exists()
    assert published() == []


def test_replying_to_a_suspended_user_is_not_found(as_bob: APIClient, alice: User) -> None:
    parent = TweetFactory.create(user_id=alice.id)
    accounts_services.suspend(user_id=alice.id)
    assert_refused(reply(as_bob, parent.id), 404)
    parent.refresh_from_db()
    assert parent.num_replies == 0


def test_replying_works_while_accounts_is_down(
    as_bob: APIClient, alice: User, accounts_down: Any
) -> None:
    parent = TweetFactory.create(user_id=alice.id)
    accounts_down()
    assert reply(as_bob, parent.id).status_code == 200


# Idempotency keys


def test_a_repeated_request_gets_the_first_response(as_alice: APIClient) -> None:
    first = post(as_alice, key="k1")
    second = post(as_alice, " hello ", key="k1")
    assert (second.status_code, second.json()) == (200, first.json())
    assert Tweet.objects.count() == 1
    assert published() == ["tweet.created"]


def test_it_gets_the_first_response_after_likes_replies_and_a_deletion(
    as_alice: APIClient, bob: User
) -> None:
    first = post(as_alice, key="k1")
    tweet_id = int(first.json()["tweet"]["id"])
    services.like(tweet_id=tweet_id, user_id=bob.id)
    services.reply(parent_id=tweet_id, user_id=bob.id, content="hi")
    assert post(as_alice, key="k1").json() == first.json()

    assert as_alice.delete(f"/tweet/{tweet_id}").status_code == 200
    assert post(as_alice, key="k1").json() == first.json()
    assert not Tweet.objects.filter(id=tweet_id).exists()


def test_a_repeated_reply_gets_the_first_response_after_its_parent_is_deleted(
    as_bob: APIClient, alice: User
) -> None:
    parent = TweetFactory.create(user_id=alice.id)
    services.repost(tweet_id=parent.id, user_id=alice.id)
    entry = Tweet.objects.reposts().get()
    first = reply(as_bob, entry.id, key="k1")
    services.delete_tweet(tweet_id=parent.id, user_id=alice.id)

    again = reply(as_bob, entry.id, key="k1")

    assert (again.status_code, again.json()) == (200, first.json())
    assert again.json()["tweet"]["parent_id"] == str(parent.id)


def test_the_same_key_with_another_request_is_refused(as_alice: APIClient, alice: User) -> None:
    parent = TweetFactory.create(user_id=alice.id)
    post(as_alice, key="k1")
    assert_refused(post(as_alice, "other", key="k1"), 422, HEADER)
    assert_refused(reply(as_alice, parent.id, "hello", key="k1"), 422, HEADER)
    assert Tweet.objects.exclude(id=parent.id).count() == 1


def test_two_users_may_use_the_same_key(as_alice: APIClient, as_bob: APIClient) -> None:
    first, second = post(as_alice, key="k1"), post(as_bob, "other", key="k1")
    assert (first.status_code, second.status_code) == (200, 200)
    assert Tweet.objects.count() == 2


def test_without_a_key_each_request_makes_a_tweet(as_alice: APIClient) -> None:
    post(as_alice)
    post(as_alice)
    assert Tweet.objects.count() == 2


def test_a_key_may_have_255_characters(as_alice: APIClient) -> None:
    assert post(as_alice, key="k" * 255).status_code == 200


@pytest.mark.parametrize("key", ["k" * 256, "ä", "a\x00b", "a\tb", "\x7f", ""])
def test_an_invalid_key_is_refused(alice: User, key: str) -> None:
    with pytest.raises(Invalid) as refused:
        services.post_tweet(user_id=alice.id, content="hello", idempotency_key=key)
    assert list(refused.value.fields) == [HEADER]
    assert not Tweet.objects.exists()


def test_a_refused_request_does_not_use_its_key(as_alice: APIClient) -> None:
    assert_refused(post(as_alice, "a" * 281, key="k1"), 422, "content")
    assert_refused(reply(as_alice, 7, key="k1"), 404)
    assert not IdempotencyKey.objects.exists()
    assert post(as_alice, key="k1").status_code == 200


def test_only_old_keys_are_pruned(alice: User, capsys: Any) -> None:
    for key in ("old", "young"):
        services.post_tweet(user_id=alice.id, content=key, idempotency_key=key)
    two_days_ago = timezone.now() - timedelta(days=2, seconds=1)
    IdempotencyKey.objects.filter(key="old").update(created_at=two_days_ago)

    call_command("prune_tweets")

    assert capsys.readouterr().out == "1 idempotency keys deleted\n"
    assert IdempotencyKey.objects.get().key == "young"
    assert Tweet.objects.count() == 2
