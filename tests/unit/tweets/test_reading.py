"""Reads of one tweet with its replies, of an author's tweets, and of batches."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services as accounts_services
from accounts.models import User
from common.ids import MAX_ID, created_at, first_id_at
from messaging.events import TweetCreated
from tests.support.factories import UserFactory
from tests.support.responses import assert_refused
from tests.support.tweets import tick, write
from tweets import selectors, services
from tweets.models import Tweet
from tweets.services.counters import write_reply


def ids(tweets: list[dict[str, Any]]) -> list[int]:
    return [int(tweet["id"]) for tweet in tweets]


def pages(client: APIClient, address: str, name: str, limit: int) -> list[list[int]]:
    """The ids of all pages to the end."""
    found = []
    query: dict[str, Any] = {"limit": limit}
    while True:
        answer = client.get(address, query)
        assert answer.status_code == 200, answer.content
        found.append(ids(answer.json()[name]))
        if answer.json()["next"] is None:
            return found
        query["cursor"] = answer.json()["next"]


# A tweet


def test_anyone_reads_a_tweet(api: APIClient, alice: User) -> None:
    tweet = write(alice, content="hello")
    shown = api.get(f"/tweet/{tweet.id}").json()
    assert (shown["replies"], shown["next"]) == ([], None)
    assert shown["tweet"]["content"] == "hello"
    assert shown["tweet"]["author"]["username"] == "alice"
    assert not {"liked", "reposted", "entry_id", "reposted_by"} & shown["tweet"].keys()


def test_a_bad_token_is_refused_even_where_no_token_is_needed(api: APIClient, alice: User) -> None:
    tweet = write(alice)
    api.credentials(HTTP_AUTHORIZATION="Bearer x")
    assert_refused(api.get(f"/tweet/{tweet.id}"), 401)
    assert_refused(api.get("/users/alice/tweets"), 401)


def test_the_id_of_a_repost_gives_its_original(api: APIClient, alice: User, bob: User) -> None:
    tweet = write(alice)
    services.repost(tweet_id=tweet.id, user_id=bob.id)
    entry = Tweet.objects.reposts().get()
    reply = services.reply(user_id=bob.id, parent_id=tweet.id, content="hi")

    shown = api.get(f"/tweet/{entry.id}").json()

    assert shown["tweet"]["id"] == str(tweet.id)
    assert shown["tweet"]["entry_id"] == str(entry.id)
    assert shown["tweet"]["reposted_by"]["username"] == "bob"
    assert ids(shown["replies"]) == [reply.id]


@pytest.mark.parametrize("gone", ["suspend", "delete_user"])
def test_a_suspended_or_deleted_users_tweet_is_not_found(
    api: APIClient, alice: User, gone: str
) -> None:
    tweet = write(alice)
    getattr(accounts_services, gone)(user_id=alice.id)
    assert_refused(api.get(f"/tweet/{tweet.id}"), 404)


def test_a_suspended_users_repost_is_not_found(api: APIClient, alice: User, bob: User) -> None:
    tweet = write(alice)
    services.repost(tweet_id=tweet.id, user_id=bob.id)
    entry = Tweet.objects.reposts().get()
    accounts_services.suspend(user_id=bob.id)
    assert_refused(api.get(f"/tweet/{entry.id}"), 404)
    assert api.get(f"/tweet/{tweet.id}").status_code == 200


def test_a_tweet_is_read_without_its_author_while_accounts_is_down(
    api: APIClient, alice: User, accounts_down: Any
) -> None:
    tweet = write(alice)
    accounts_down()
    assert api.get(f"/tweet/{tweet.id}").json()["tweet"]["author"] is None


# Replies


def test_replies_come_oldest_first_by_pages(api: APIClient, alice: User, bob: User) -> None:
    tweet = write(alice)
    replies = [write(bob, parent_id=tweet.id).id for _ in range(5)]
    write(bob, parent_id=replies[0])
    assert pages(api, f"/tweet/{tweet.id}", "replies", 2) == [
        replies[:2], replies[2:4], replies[4:]
    ]  # fmt: skip


def test_a_reply_posted_between_two_pages_is_on_a_later_page(api: APIClient, alice: User) -> None:
    tweet = write(alice)
    replies = [write(alice, parent_id=tweet.id).id for _ in range(3)]
    first = api.get(f"/tweet/{tweet.id}", {"limit": 2}).json()
    services.remove_tweets([replies[0]])
    late = write(alice, parent_id=tweet.id)
    second = api.get(f"/tweet/{tweet.id}", {"limit": 2, "cursor": first["next"]}).json()
    assert (ids(second["replies"]), second["next"]) == ([replies[2], late.id], None)


def test_a_reply_follows_one_from_a_machine_whose_clock_is_ahead(
    api: APIClient, alice: User
) -> None:
    tweet = write(alice)
    ahead = reply_with_id(first_id_at(timezone.now() + timedelta(minutes=1)), alice, tweet)
    first = api.get(f"/tweet/{tweet.id}", {"limit": 1}).json()
    late = services.reply(user_id=alice.id, parent_id=tweet.id, content="hi")

    assert ids(first["replies"]) == [ahead.id]
    assert ids(api.get(f"/tweet/{tweet.id}").json()["replies"]) == [ahead.id, late.id]
    assert late.created_at == created_at(late.id)


def reply_with_id(id: int, author: User, parent: Tweet) -> Tweet:
    reply = Tweet(
        id=id, user_id=author.id, content="hi", parent_id=parent.id, created_at=created_at(id)
    )
    event = TweetCreated(
        id=id, user_id=author.id, content="hi", parent_id=parent.id, created_at=reply.created_at
    )
    assert write_reply(reply, event=event, parent_id=parent.id)
    return reply


def test_a_suspended_users_replies_are_hidden(api: APIClient, alice: User, bob: User) -> None:
    tweet = write(alice)
    reply = write(alice, parent_id=tweet.id)
    write(bob, parent_id=tweet.id)
    accounts_services.suspend(user_id=bob.id)
    assert ids(api.get(f"/tweet/{tweet.id}").json()["replies"]) == [reply.id]


def test_replies_show_whether_the_viewer_liked_or_reposted_them(
    as_bob: APIClient, alice: User, bob: User
) -> None:
    tweet = write(alice)
    liked, reposted = (write(alice, parent_id=tweet.id) for _ in range(2))
    services.like(tweet_id=liked.id, user_id=bob.id)
    services.repost(tweet_id=reposted.id, user_id=bob.id)
    shown = as_bob.get(f"/tweet/{tweet.id}").json()["replies"]
    assert [(reply["liked"], reply["reposted"]) for reply in shown] == [
        (True, False), (False, True)
    ]  # fmt: skip


# Lists


@pytest.mark.parametrize("address", ["/tweet", "/users/{id}/tweets", "/users/ALICE/tweets"])
def test_an_authors_tweets_come_newest_first_by_pages(
    as_alice: APIClient, alice: User, bob: User, address: str
) -> None:
    tweets = [write(alice).id for _ in range(5)]
    write(bob)
    newest = tweets[::-1]
    assert pages(as_alice, address.format(id=alice.id), "tweets", 2) == [
        newest[:2], newest[2:4], newest[4:]
    ]  # fmt: skip


def test_an_authors_list_includes_replies_and_reposts(
    api: APIClient, alice: User, bob: User
) -> None:
    bobs = write(bob)
    own = write(alice)
    services.repost(tweet_id=bobs.id, user_id=alice.id)
    tick()
    reply = services.reply(user_id=alice.id, parent_id=bobs.id, content="hi")

    shown = api.get("/users/alice/tweets").json()["tweets"]

    assert ids(shown) == [reply.id, bobs.id, own.id]
    assert [tweet.get("reposted_by", {}).get("username") for tweet in shown] == [
        None, "alice", None
    ]  # fmt: skip
    assert shown[1]["author"]["username"] == "bob"
    assert shown[1]["entry_id"] == str(Tweet.objects.reposts().get().id)


def test_a_page_shows_a_tweet_once_under_its_newest_entry(api: APIClient, alice: User) -> None:
    old, new = (write(alice) for _ in range(2))
    services.repost(tweet_id=old.id, user_id=alice.id)
    shown = api.get("/users/alice/tweets").json()["tweets"]
    assert ids(shown) == [old.id, new.id]
    assert shown[0]["reposted_by"]["username"] == "alice"


def test_reposts_of_a_suspended_users_tweets_are_hidden(
    as_alice: APIClient, alice: User, bob: User
) -> None:
    bobs = write(bob)
    services.repost(tweet_id=bobs.id, user_id=alice.id)
    accounts_services.suspend(user_id=bob.id)
    assert as_alice.get("/tweet").json() == {"tweets": [], "next": None}


def test_listing_ones_own_tweets_needs_a_token(api: APIClient, db: None) -> None:
    assert_refused(api.get("/tweet"), 401)


@pytest.mark.parametrize("name", ["nobody", "7", "007", "a\x00b", "%00", "ä" * 40, "x" * 500])
def test_an_unknown_authors_list_is_not_found(api: APIClient, db: None, name: str) -> None:
    assert_refused(api.get(f"/users/{name}/tweets"), 404)


def test_a_suspended_authors_list_is_not_found(api: APIClient, alice: User) -> None:
    accounts_services.suspend(user_id=alice.id)
    assert_refused(api.get("/users/alice/tweets"), 404)
    assert_refused(api.get(f"/users/{alice.id}/tweets"), 404)


def test_lists_are_read_by_id_while_accounts_is_down(
    api: APIClient, alice: User, accounts_down: Any
) -> None:
    tweet = write(alice)
    accounts_down()
    shown = api.get(f"/users/{alice.id}/tweets").json()["tweets"]
    assert (ids(shown), shown[0]["author"]) == ([tweet.id], None)
    assert_refused(api.get("/users/alice/tweets"), 503)


# Batches


def test_entries_come_in_the_order_of_the_ids_without_unknown_ones(alice: User) -> None:
    first, second = (write(alice).id for _ in range(2))
    found = selectors.get_tweets([second, 7, first, MAX_ID, second])
    assert [tweet.id for tweet in found] == [second, first, second]
    assert found[0].liked is None


@pytest.mark.parametrize("viewed", [False, True])
def test_a_batch_of_any_size_takes_two_queries(
    alice: User, bob: User, viewed: bool, django_assert_num_queries: Any
) -> None:
    for size in (1, 20):
        tweets = [write(alice) for _ in range(size)]
        for tweet in tweets:
            services.reply(user_id=bob.id, parent_id=tweet.id, content="hi")
            services.like(tweet_id=tweet.id, user_id=bob.id)
            services.repost(tweet_id=tweet.id, user_id=bob.id)
        entries = list(Tweet.objects.exclude(user_id=alice.id).values_list("id", flat=True))
        with django_assert_num_queries(2):
            found = selectors.get_tweets(entries, viewer_id=bob.id if viewed else None)
        assert len(found) == len(entries)


def test_the_number_of_queries_does_not_grow_with_a_thread_or_a_list(
    as_bob: APIClient, alice: User, bob: User, django_assert_num_queries: Any
) -> None:
    tweet = write(alice)
    for replies in (1, 20):
        for _ in range(replies):
            author = UserFactory.create()
            reply = write(author, parent_id=tweet.id)
            services.repost(tweet_id=reply.id, user_id=alice.id)
        with django_assert_num_queries(3):  # the tweet, the replies, the authors
            assert as_bob.get(f"/tweet/{tweet.id}").status_code == 200
        with django_assert_num_queries(5):  # the author, entries, tweets, originals, authors
            assert as_bob.get(f"/users/{alice.id}/tweets").status_code == 200


def test_entries_of_many_authors_come_newest_first(alice: User, bob: User, carol: User) -> None:
    tweets = [write(user).id for user in (alice, bob, carol, alice)]
    services.repost(tweet_id=tweets[2], user_id=bob.id)
    found = selectors.list_entries([alice.id, bob.id], limit=3)
    entry = Tweet.objects.reposts().get()
    assert [(e.id, e.user_id, e.tweet_id) for e in found] == [
        (entry.id, bob.id, tweets[2]),
        (tweets[3], alice.id, tweets[3]),
        (tweets[1], bob.id, tweets[1]),
    ]
    older = selectors.list_entries([alice.id, bob.id], before_id=tweets[1], limit=3)
    assert [e.id for e in older] == [tweets[0]]


def test_all_tweets_are_listed_in_order_of_id_without_reposts(alice: User) -> None:
    tweets = [write(alice).id for _ in range(3)]
    services.repost(tweet_id=tweets[0], user_id=alice.id)
    assert [tweet.id for tweet in selectors.list_tweets(limit=2)] == tweets[:2]
    rest = selectors.list_tweets(after_id=tweets[1], limit=2)
    assert [tweet.id for tweet in rest] == tweets[2:]
