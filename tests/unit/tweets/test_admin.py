"""The admin's pages of tweets and likes: bounded queries, and deletion by the services."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from common import admin as common_admin
from common.db import alias
from common.ids import first_id_at
from tests.support.factories import TweetFactory, UserFactory
from tests.support.responses import published
from tests.support.tweets import write
from tweets import admin as tweets_admin
from tweets import services
from tweets.models import Like, Tweet

TWEETS = "/admin/tweets/tweet/"
LIKES = "/admin/tweets/like/"


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(UserFactory.create(username="root", is_staff=True, is_superuser=True))
    return client


def listed(client: Client, address: str = TWEETS, **query: str) -> list[int]:
    answer = client.get(address, query)
    assert answer.status_code == 200
    return [row.id for row in answer.context["cl"].result_list]


def queries(client: Client, address: str, **query: str) -> list[str]:
    with CaptureQueriesContext(connections[alias("tweets")]) as captured:
        listed(client, address, **query)
    return [entry["sql"] for entry in captured.captured_queries]


def delete(client: Client, *tweets: Tweet, **fields: str) -> Any:
    """Selects the tweets in the list, deletes them and confirms."""
    body = {
        "action": "delete_selected",
        "_selected_action": [str(tweet.id) for tweet in tweets],
        **fields,
    }
    assert client.post(TWEETS, body).status_code in (200, 302)
    return client.post(TWEETS, body | {"post": "yes"})


def test_the_list_shows_the_author_and_the_content_first(staff: Client, alice: User) -> None:
    TweetFactory.create(user_id=alice.id, content="The first snow.")

    html = staff.get(TWEETS).content.decode()

    columns = re.findall(r'class="(?:field-)(\w+)', html)
    assert columns == ["author", "content", "likes", "replies", "reposts", "created_at"]
    assert "twitter_project/admin" in html  # its style sheet breaks long words
    assert 'id="nav-sidebar"' not in html


def test_the_list_has_the_newest_tweets_first_and_no_reposts(
    staff: Client, alice: User, bob: User
) -> None:
    tweets = [write(alice).id for _ in range(3)]
    services.repost(tweet_id=tweets[0], user_id=bob.id)
    assert listed(staff) == tweets[::-1]


def test_the_list_names_the_authors_with_one_call_to_accounts(
    staff: Client, django_assert_num_queries: Any
) -> None:
    for _ in range(2):
        for _ in range(10):
            TweetFactory.create(user_id=UserFactory.create().id)
        with django_assert_num_queries(5):  # session, staff, count, tweets, authors
            page = staff.get(TWEETS)
        names = User.objects.filter(username__startswith="user-").values_list("username", flat=True)
        assert all(name in page.content.decode() for name in names)


def test_the_list_works_while_accounts_is_down(
    staff: Client, alice: User, accounts_down: Callable[[], None]
) -> None:
    tweet = TweetFactory.create(user_id=alice.id)
    accounts_down()
    assert listed(staff) == [tweet.id]
    assert listed(staff, q="@alice") == []
    html = staff.get(TWEETS, {"q": "@alice"}).content.decode()
    assert "ccounts is down; search by the author" in html


@pytest.mark.parametrize("term", ["{id}", "{user_id}", "{parent_id}", "@alice", "@ALICE", "SNOW"])
def test_search_finds_tweets(staff: Client, alice: User, bob: User, term: str) -> None:
    tweet = TweetFactory.create(user_id=alice.id, content="The first snow.", parent_id=7)
    TweetFactory.create(user_id=bob.id)
    assert listed(staff, q=term.format(**vars(tweet))) == [tweet.id]


@pytest.mark.parametrize("term", ["9", "@nobody", "@", "rain", "%", "_", "' OR 1=1"])
def test_search_finds_nothing_for_other_terms(staff: Client, alice: User, term: str) -> None:
    TweetFactory.create(user_id=alice.id, content="The first snow.")
    assert listed(staff, q=term) == []


def test_search_for_words_is_limited_to_the_newest_tweets(
    staff: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tweets_admin, "MAX_ROWS", 2)
    tweets = [write(alice, content="snow").id for _ in range(3)]
    assert listed(staff, q="snow") == [tweets[2], tweets[1]]


def test_filters_select_replies_and_recent_tweets(staff: Client, alice: User) -> None:
    two_days_ago = first_id_at(timezone.now() - timedelta(days=2))
    old = TweetFactory.create(user_id=alice.id, id=two_days_ago)
    reply = TweetFactory.create(user_id=alice.id, parent_id=old.id)
    assert listed(staff, kind="own") == [old.id]
    assert listed(staff, kind="reply") == [reply.id]
    assert listed(staff, posted="24") == [reply.id]
    assert listed(staff, posted="168") == [reply.id, old.id]
    assert listed(staff, posted="x", kind="x") == [reply.id, old.id]


@pytest.mark.parametrize("address", [TWEETS, LIKES])
@pytest.mark.parametrize("query", [{}, {"q": "7"}])
def test_the_list_never_counts_a_whole_table(
    staff: Client, alice: User, address: str, query: dict[str, str]
) -> None:
    counts = [sql for sql in queries(staff, address, **query) if "COUNT(" in sql]
    assert counts
    assert all(f"LIMIT {common_admin.MAX_ROWS}" in sql for sql in counts)


def test_staff_cannot_change_or_add_tweets(staff: Client, alice: User) -> None:
    tweet = TweetFactory.create(user_id=alice.id, content="The first snow.")
    page = staff.get(f"{TWEETS}{tweet.id}/change/")
    assert page.status_code == 200
    assert "The first snow." in page.content.decode()
    body = {"content": "other"}
    assert staff.post(f"{TWEETS}{tweet.id}/change/", body).status_code == 403
    assert staff.get(f"{TWEETS}add/").status_code == 403


def test_deleting_selected_tweets_publishes_their_events(
    staff: Client, alice: User, bob: User
) -> None:
    parent, kept = (TweetFactory.create(user_id=alice.id) for _ in range(2))
    reply = services.reply(user_id=bob.id, parent_id=parent.id, content="hi")
    services.like(tweet_id=reply.id, user_id=alice.id)
    services.repost(tweet_id=reply.id, user_id=alice.id)

    answer = delete(staff, reply)

    assert answer.status_code == 302
    assert set(Tweet.objects.values_list("id", flat=True)) == {parent.id, kept.id}
    parent.refresh_from_db()
    assert parent.num_replies == 0
    assert published()[-2:] == ["tweet.unreposted", "tweet.deleted"]


def test_a_tweet_is_deleted_from_its_page(staff: Client, alice: User) -> None:
    tweet = TweetFactory.create(user_id=alice.id)
    answer = staff.post(f"{TWEETS}{tweet.id}/delete/", {"post": "yes"})
    assert answer.status_code == 302
    assert not Tweet.objects.exists()
    assert published() == ["tweet.deleted"]


def test_an_action_deletes_a_limited_number_of_tweets(
    staff: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.admin.MAX_SELECTED", 2)
    tweets = TweetFactory.create_batch(3, user_id=alice.id)
    delete(staff, tweets[0], select_across="1")
    assert "An action changes 2 tweets at most" in staff.get(TWEETS).content.decode()
    assert Tweet.objects.count() == 3

    services.remove_tweets([tweets[0].id])
    delete(staff, tweets[1], select_across="1")
    assert not Tweet.objects.exists()


def test_likes_are_read_only(staff: Client, alice: User, bob: User) -> None:
    first, second = (TweetFactory.create(user_id=alice.id) for _ in range(2))
    services.like(tweet_id=first.id, user_id=bob.id)
    services.like(tweet_id=second.id, user_id=alice.id)
    low, high = Like.objects.order_by("id").values_list("id", flat=True)
    assert listed(staff, LIKES) == [high, low]
    assert listed(staff, LIKES, q=str(first.id)) == listed(staff, LIKES, q=str(bob.id)) == [low]
    assert listed(staff, LIKES, q="x") == []
    assert staff.get(f"{LIKES}add/").status_code == 403
    assert staff.post(f"{LIKES}{low}/delete/", {"post": "yes"}).status_code == 403
