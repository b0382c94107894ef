"""Each invalid request gets an error in the common shape and writes nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from common.ids import MAX_ID
from messaging.models import OutboxEvent
from tests.support.invisible_text import INVISIBLE
from tests.support.responses import assert_refused
from tweets.models import IdempotencyKey, Like, Tweet

# The calls that take a body. {tweet} is a tweet's id.
WITH_BODY = ["/tweet", "/tweet/{tweet}/reply"]
# All calls with a tweet's id.
NAMING = [
    ("get", "/tweet/{}"),
    ("delete", "/tweet/{}"),
    ("post", "/tweet/{}/reply"),
    ("post", "/tweet/{}/like"),
    ("delete", "/tweet/{}/like"),
    ("post", "/tweet/{}/repost"),
    ("delete", "/tweet/{}/repost"),
]
PAGED = ["/tweet", "/tweet/{tweet}", "/users/alice/tweets"]

bodies = pytest.mark.parametrize("address", WITH_BODY)


@pytest.fixture(autouse=True)
def nothing_is_written(as_alice: APIClient, tweet: Tweet) -> Iterator[None]:
    before = list(Tweet.objects.values())
    yield
    assert list(Tweet.objects.values()) == before
    for model in (Like, IdempotencyKey, OutboxEvent):
        assert not model.objects.exists()


def send(
    client: APIClient, address: str, tweet: Tweet, raw: bytes, type: str = "application/json"
) -> Any:
    return client.generic("POST", address.format(tweet=tweet.id), raw, type)  # type: ignore[arg-type]


def post(client: APIClient, address: str, tweet: Tweet, body: Any, **headers: str) -> Any:
    return client.post(address.format(tweet=tweet.id), body, headers=headers)


@bodies
@pytest.mark.parametrize("content", [None, 1, 1.5, True, [], ["a"], {}, {"a": "b"}])
def test_a_wrong_type_is_refused(
    as_alice: APIClient, tweet: Tweet, address: str, content: Any
) -> None:
    assert_refused(post(as_alice, address, tweet, {"content": content}), 400, "content")


@bodies
def test_a_missing_field_is_refused(as_alice: APIClient, tweet: Tweet, address: str) -> None:
    assert_refused(post(as_alice, address, tweet, {}), 400, "content")


@bodies
def test_an_unknown_field_is_refused(as_alice: APIClient, tweet: Tweet, address: str) -> None:
    body = {"content": "hello", "user_id": "7"}
    assert_refused(post(as_alice, address, tweet, body), 400, "user_id")


@bodies
@pytest.mark.parametrize(
    "content",
    ["", "  \n", "\u3000", *INVISIBLE, "a" * 281, "日" * 141, "a\x00b", "a\ufeffb", "a" * 60_000],
)  # fmt: skip
def test_invalid_content_is_refused(
    as_alice: APIClient, tweet: Tweet, address: str, content: str
) -> None:
    assert_refused(post(as_alice, address, tweet, {"content": content}), 422, "content")


@bodies
@pytest.mark.parametrize("key", ["k" * 256, "ä", "a\tb"])
def test_an_invalid_idempotency_key_is_refused(
    as_alice: APIClient, tweet: Tweet, address: str, key: str
) -> None:
    answer = post(as_alice, address, tweet, {"content": "hello"}, **{"Idempotency-Key": key})
    assert_refused(answer, 422, "Idempotency-Key")


@bodies
@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"{'content': 1}", b"\xff", b'{"content": "\\ud800"}', b'{"content": "\\udfff"}',
        b'{"content": "\xed\xa0\x80"}', b'{"content": NaN}', b"[" * 2000, b"hello",
    ],
)  # fmt: skip
def test_a_body_that_is_not_json_is_refused(
    as_alice: APIClient, tweet: Tweet, address: str, raw: bytes
) -> None:
    answer = send(as_alice, address, tweet, raw)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"


@bodies
@pytest.mark.parametrize("raw", [b"[]", b'"hello"', b"7", b"null"])
def test_a_body_that_is_not_an_object_is_refused(
    as_alice: APIClient, tweet: Tweet, address: str, raw: bytes
) -> None:
    assert send(as_alice, address, tweet, raw).status_code == 400


@bodies
@pytest.mark.parametrize("type", ["text/plain", "multipart/form-data", "x", ""])
def test_another_content_type_is_refused(
    as_alice: APIClient, tweet: Tweet, address: str, type: str
) -> None:
    assert_refused(send(as_alice, address, tweet, b'{"content": "hello"}', type), 415)


@pytest.mark.in_process  # over a socket, a client that is still sending may get a reset
@bodies
def test_a_body_of_10_megabytes_is_refused(as_alice: APIClient, tweet: Tweet, address: str) -> None:
    raw = b'{"content": "' + b"a" * 10_000_000 + b'"}'
    assert_refused(send(as_alice, address, tweet, raw), 413)


@pytest.mark.parametrize(("method", "address"), NAMING)
@pytest.mark.parametrize(
    "name",
    [
        "nonexistent-uuid", "tweet-3", "0", "007", "+5", "-1", "1.0", "1e3", "٣", "%00", "x" * 300,
        str(MAX_ID), str(MAX_ID + 1), "9" * 40, "1%20", "null",
    ],
)  # fmt: skip
def test_an_id_of_no_tweet_is_not_found(
    as_alice: APIClient, method: str, address: str, name: str
) -> None:
    body = {"content": "hello"} if address.endswith("reply") else None
    assert_refused(getattr(as_alice, method)(address.format(name), body), 404)


@pytest.mark.parametrize("address", PAGED)
@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        ("limit", ["0", "-1", "101", "9" * 30, "x", "1.5", ""]),
        ("cursor", ["0", "-1", "made-up", "9" * 30, "007", "\x00", " ", "\f"]),
    ],
)
def test_an_invalid_parameter_is_refused(
    as_alice: APIClient, tweet: Tweet, address: str, parameter: str, values: list[str]
) -> None:
    for value in values:
        answer = as_alice.get(address.format(tweet=tweet.id), {parameter: value})
        assert_refused(answer, 400, parameter)


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("put", "/tweet"),
        ("post", "/tweet/{}"),
        ("get", "/tweet/{}/like"),
        ("get", "/tweet/{}/reply"),
    ],
)
def test_another_method_is_refused(
    as_alice: APIClient, tweet: Tweet, method: str, address: str
) -> None:
    assert_refused(getattr(as_alice, method)(address.format(tweet.id)), 405)


@pytest.mark.parametrize("address", ["/tweet/", "/tweet/1/", "/tweet/1/likes", "/tweets"])
def test_an_unknown_path_is_not_found(as_alice: APIClient, address: str) -> None:
    assert_refused(as_alice.get(address), 404)
