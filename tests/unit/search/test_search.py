"""`GET /search`."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import signing
from django.utils import timezone
from elasticsearch.dsl import connections
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import suspend
from search import cursor as cursors
from search.index import Position
from tests.support.factories import TweetFactory
from tests.support.search import Write, document
from tweets.models import Tweet
from tweets.services import remove_tweets

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def reader(bob: User, sign_in: Callable[[User], APIClient]) -> APIClient:
    return sign_in(bob)


@pytest.fixture
def ask(reader: APIClient) -> Ask:
    """Searches and returns the response body."""

    def ask(q: str, **query: Any) -> dict[str, Any]:
        answer = reader.get("/search", {"q": q, **query})
        assert answer.status_code == 200, answer.content
        body: dict[str, Any] = answer.json()
        return body

    return ask


@pytest.fixture
def post(alice: User, write: Write) -> Callable[..., Tweet]:
    """Writes a tweet of alice's to the database and to the index."""

    def post(content: str = "hello", age: timedelta = timedelta()) -> Tweet:
        tweet = TweetFactory.create(
            user_id=alice.id, content=content, created_at=timezone.now() - age
        )
        entry = document(1, content, user_id=alice.id, age=age)
        write(replace(entry, id=tweet.id))
        return tweet

    return post


def ids(body: dict[str, Any]) -> list[int]:
    return [int(result["id"]) for result in body["results"]]


@pytest.mark.django_db(transaction=True)
def test_a_tweet_is_found_from_its_creation_to_its_deletion(
    alice: User,
    sign_in: Callable[[User], APIClient],
    ask: Ask,
    drain: Callable[[], None],
    refresh: Callable[[], None],
) -> None:
    writer = sign_in(alice)
    tweet = writer.post("/tweet", {"content": "Snow on the #Alps"}).json()["tweet"]
    drain()
    refresh()

    [result] = ask("#alps snow")["results"]
    score = result.pop("score")
    assert score > 0
    assert result == tweet | {"liked": False, "reposted": False}

    writer.delete(f"/tweet/{tweet['id']}")
    drain()
    refresh()
    assert ask("snow")["results"] == []


def test_the_answer_is_a_page(ask: Ask, post: Callable[..., Tweet]) -> None:
    post("hello"), post("hello")

    body = ask("  hello ", limit=1, offset=1)

    assert {name: body[name] for name in body if name != "results"} == {
        "query": "hello",
        "count": 1,
        "total": 2,
        "limit": 1,
        "offset": 1,
        "next": None,
    }


def test_results_are_hydrated(ask: Ask, alice: User, bob: User, post: Callable[..., Tweet]) -> None:
    tweet = post()
    Tweet.objects.filter(id=tweet.id).update(num_likes=3, parent_id=5)

    [result] = ask("hello")["results"]

    assert result["num_likes"] == 3
    assert result["parent_id"] == "5"
    assert result["liked"] is False
    assert result["author"] == {"id": str(alice.id), "username": "alice", "display_name": "alice"}


@pytest.mark.django_db(transaction=True)
def test_a_deleted_tweet_is_dropped_before_the_index_hides_it(
    ask: Ask, post: Callable[..., Tweet]
) -> None:
    tweet, other = post(), post()
    remove_tweets([tweet.id])

    body = ask("hello")

    assert ids(body) == [other.id]
    assert (body["count"], body["total"]) == (1, 2)


@pytest.mark.django_db(transaction=True)
def test_a_suspended_authors_tweets_are_dropped_before_the_index_hides_them(
    ask: Ask, post: Callable[..., Tweet], alice: User
) -> None:
    post()
    suspend(user_id=alice.id)

    assert ask("hello")["results"] == []


def test_the_author_is_null_while_accounts_is_down(
    ask: Ask, post: Callable[..., Tweet], take_down: Callable[[str], None]
) -> None:
    tweet = post()
    take_down("accounts")

    [result] = ask("hello")["results"]

    assert result["id"] == str(tweet.id)
    assert result["author"] is None
    assert result["num_likes"] == 0


def test_the_indexed_fields_are_shown_while_tweets_is_down(
    ask: Ask, alice: User, post: Callable[..., Tweet], take_down: Callable[[str], None]
) -> None:
    tweet = post()
    take_down("tweets")

    [result] = ask("hello")["results"]

    assert result.pop("score") > 0
    assert result.pop("created_at").endswith("Z")
    assert result == {
        "id": str(tweet.id),
        "user_id": str(alice.id),
        "author": {"id": str(alice.id), "username": "alice", "display_name": "alice"},
        "content": "hello",
        "parent_id": None,
        "parent_deleted": None,
        "num_likes": None,
        "num_replies": None,
        "num_reposts": None,
    }


def test_the_indexed_fields_are_shown_while_tweets_and_accounts_are_down(
    ask: Ask, post: Callable[..., Tweet], take_down: Callable[[str], None]
) -> None:
    tweet = post()
    take_down("tweets")
    take_down("accounts")

    [result] = ask("hello")["results"]

    assert (result["id"], result["author"]) == (str(tweet.id), None)


def test_cached_results_are_complete_while_tweets_and_accounts_are_down(
    ask: Ask, post: Callable[..., Tweet], take_down: Callable[[str], None]
) -> None:
    post()
    before = ask("hello")["results"]
    take_down("tweets")
    take_down("accounts")

    assert ask("hello")["results"] == before
    assert before[0]["author"]["username"] == "alice"
    assert before[0]["liked"] is False


def test_results_are_the_same_while_redis_is_down(
    ask: Ask, post: Callable[..., Tweet], settings: Any
) -> None:
    post()
    up = ask("hello")["results"]

    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }

    assert ask("hello")["results"] == up


def test_pages_by_offset_repeat_nothing(ask: Ask, post: Callable[..., Tweet]) -> None:
    tweets = [post(age=timedelta(days=n)) for n in range(7)]

    pages = [ids(ask("hello", limit=3, offset=offset)) for offset in (0, 3, 6, 9)]

    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert [id for page in pages for id in page] == [tweet.id for tweet in tweets]


def test_pages_by_cursor_repeat_nothing_while_tweets_arrive(
    ask: Ask, post: Callable[..., Tweet]
) -> None:
    tweets = {post(age=timedelta(days=n)).id for n in range(7)}

    body = ask("hello", limit=2)
    seen = ids(body)
    while body["next"]:
        post("hello hello")
        body = ask("hello", limit=2, cursor=body["next"])
        seen += ids(body)

    assert len(seen) == len(set(seen))
    assert tweets <= set(seen)


@pytest.mark.parametrize(
    "q",
    [
        '"quoted words"', '"open', "AND", "a AND b OR NOT c", "((", "[1 TO 2]", "{", "*", "fo*",
        "😀", "👩\u200d👩\u200d👧", "\x01", "a\x0bb", "\u202e", "\ufeff", "+-&|!^~?:/\\",
        "a" * 500, "é" * 500, "字" * 500, "😀" * 500, " ".join("ab" for _ in range(166)),
    ],
)  # fmt: skip
def test_any_text_is_a_valid_query(ask: Ask, empty_index: None, q: str) -> None:
    body = ask(q)

    assert (body["query"], body["results"]) == (q.strip(), [])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "q"),
        ({"q": ""}, "q"),
        ({"q": "  "}, "q"),
        ({"q": "a" * 501}, "q"),
        ({"q": "a\x00b"}, "q"),
        ({"q": "a", "limit": "0"}, "limit"),
        ({"q": "a", "limit": "101"}, "limit"),
        ({"q": "a", "limit": "-1"}, "limit"),
        ({"q": "a", "limit": "ten"}, "limit"),
        ({"q": "a", "limit": ""}, "limit"),
        ({"q": "a", "limit": "9" * 400}, "limit"),
        ({"q": "a", "offset": "-1"}, "offset"),
        ({"q": "a", "offset": "1.5"}, "offset"),
        ({"q": "a", "offset": "NaN"}, "offset"),
        ({"q": "a", "cursor": "made-up"}, "cursor"),
        ({"q": "a", "cursor": "a:b:c"}, "cursor"),
        ({"q": "a", "cursor": "\ufffd"}, "cursor"),
        ({"q": "a", "cursor": "a" * 9_000}, "cursor"),
        ({"q": "a", "cursor": signing.dumps([1, 0, ["5"], "", []])}, "cursor"),
    ],
)
def test_the_error_names_the_invalid_parameter(
    reader: APIClient, query: dict[str, str], field: str
) -> None:
    answer = reader.get("/search", query)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"
    assert list(answer.json()["error"]["fields"]) == [field]


def test_a_cursor_of_another_query_is_refused(
    ask: Ask, reader: APIClient, post: Callable[..., Tweet]
) -> None:
    post(), post()
    cursor = ask("hello", limit=1)["next"]

    answer = reader.get("/search", {"q": "other", "limit": "1", "cursor": cursor})

    assert answer.status_code == 400


@pytest.mark.parametrize(("limit", "offset"), [(1, 10_000), (100, 9_901), (20, 10**18)])
def test_pages_beyond_the_window_are_refused(reader: APIClient, limit: int, offset: int) -> None:
    answer = reader.get("/search", {"q": "a", "limit": str(limit), "offset": str(offset)})

    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == ["offset"]


def test_the_last_page_of_the_window_is_answered(ask: Ask, empty_index: None) -> None:
    assert ask("a", limit=100, offset=9_900)["count"] == 0


def test_a_search_requires_signing_in(api: APIClient) -> None:
    assert api.get("/search", {"q": "a"}).status_code == 401


def test_a_signed_cursor_without_its_snapshot_is_refused(
    reader: APIClient, post: Callable[..., Tweet]
) -> None:
    """The same as after a rebuild, which deletes the snapshot's index."""
    post()
    position = Position(hour=0, seen=("5",), snapshot="gone", after=(1.0, 1, "1", 1))

    answer = reader.get("/search", {"q": "hello", "cursor": cursors.encode(position, "hello")})

    assert answer.status_code == 400


@pytest.mark.usefixtures("closed_index")
def test_only_search_is_unavailable_while_the_index_is_down(reader: APIClient) -> None:
    answer = reader.get("/search", {"q": "hello"})
    others = reader.get("/users/bob")

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "unavailable"
    assert answer["Retry-After"]
    assert others.status_code == 200


@pytest.mark.real
@pytest.mark.usefixtures("empty_index")
@pytest.mark.parametrize(
    "body",
    [
        {"content": "hello"},
        {"id": 5, "user_id": 6, "content": "hello", "created_at": 7},
        {"id": "tweet-3", "user_id": "7", "content": "hello", "created_at": "2026-01-01T00:00:00Z"},
        {"id": "7", "user_id": "7", "content": ["hello", "you"], "created_at": "yesterday"},
        {"id": "7", "user_id": "7", "content": "hello", "created_at": "2026-01-01"},
        {"content": "hello", "created_at": None, "author": {"id": 1}, "num_likes": "many"},
    ],
)
def test_a_foreign_document_is_shown_as_it_is(ask: Ask, body: dict[str, Any]) -> None:
    connections.get_connection().index(
        index=settings.ELASTICSEARCH_INDEX, id="a-key", document=body, refresh=True
    )

    [result] = ask("hello")["results"]

    assert result.pop("score") > 0
    assert result == {
        "id": body.get("id", "a-key"),
        "user_id": body.get("user_id"),
        "author": None,
        "content": body["content"],
        "parent_id": None,
        "parent_deleted": None,
        "num_likes": None,
        "num_replies": None,
        "num_reposts": None,
        "created_at": body.get("created_at"),
    }


@pytest.mark.real
@pytest.mark.usefixtures("empty_index")
@pytest.mark.parametrize("odd", [b"1" + b"0" * 40, b'"half a \\ud800 character"', b"1e400"])
def test_a_value_that_we_cannot_render_is_null(ask: Ask, odd: bytes) -> None:
    client = connections.get_connection()
    client.options(headers={"content-type": "application/json"}).perform_request(
        "PUT",
        f"/{settings.ELASTICSEARCH_INDEX}/_doc/a-key?refresh=true",
        headers={"content-type": "application/json", "accept": "application/json"},
        body=b'{"content": "hello", "user_id": %s}' % odd,
    )

    [result] = ask("hello")["results"]

    assert result["content"] == "hello"
