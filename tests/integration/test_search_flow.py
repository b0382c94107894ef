from collections.abc import Callable
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from httpx import AsyncClient

from common.ids import new_id
from tests.support.people import Member, expect, post_tweet, unique_word

pytestmark = pytest.mark.integration

Put = Callable[..., str]


async def _search(http: AsyncClient, reader: Member, q: str, **query: Any) -> dict[str, Any]:
    answer = await http.get("/search", params={"q": q, **query}, headers=reader.headers)
    found: dict[str, Any] = expect(200, answer)
    return found


def _ids(found: dict[str, Any]) -> list[str]:
    return [result["id"] for result in found["results"]]


@pytest.fixture
async def put(http: AsyncClient, bob: Member, index: Elasticsearch) -> Put:
    """Writes a document to the index `tweets`. Searches find it at once."""
    await _search(http, bob, "anything")  # the first search sets the index's mappings

    def put(content: str, **fields: str) -> str:
        document = {"id": str(new_id()), "user_id": str(new_id()), "content": content} | fields
        index.index(index="tweets", id=document["id"], document=document, refresh=True)
        return document["id"]

    return put


async def test_search_queries_elasticsearch(
    http: AsyncClient, alice: Member, bob: Member, index: Elasticsearch, put: Put
) -> None:
    word = unique_word()
    tweet = await post_tweet(http, alice, f"The first snow, {word}.")
    assert _ids(await _search(http, bob, word)) == []  # no worker has indexed it

    put(tweet["content"], **{name: tweet[name] for name in ("id", "user_id", "created_at")})

    found = await _search(http, bob, word)
    assert (found["query"], found["count"], found["total"]) == (word, 1, 1)
    [result] = found["results"]
    assert result["id"] == tweet["id"]
    assert result["author"]["username"] == alice.username
    assert result["score"] > 0

    index.delete(index="tweets", id=tweet["id"], refresh=True)
    assert _ids(await _search(http, bob, word)) == []


async def test_search_pagination(http: AsyncClient, bob: Member, put: Put) -> None:
    word = unique_word()
    documents = {put(f"{word} number {n}") for n in range(5)}

    pages = [await _search(http, bob, word, limit=2, offset=offset) for offset in (0, 2, 4, 6)]

    assert [page["count"] for page in pages] == [2, 2, 1, 0]
    assert {page["total"] for page in pages} == {5}
    assert [(page["limit"], page["offset"]) for page in pages] == [(2, 0), (2, 2), (2, 4), (2, 6)]
    ids = [id for page in pages for id in _ids(page)]
    assert len(ids) == 5
    assert set(ids) == documents

    by_cursor = _ids(pages[0])
    cursor = pages[0]["next"]
    put(f"{word} number 5")  # arrives between the pages
    while cursor:
        page = await _search(http, bob, word, limit=2, cursor=cursor)
        by_cursor += _ids(page)
        cursor = page["next"]
    assert len(by_cursor) == len(set(by_cursor))
    assert documents <= set(by_cursor)

    expect(
        422,
        await http.get(
            "/search", params={"q": word, "limit": 100, "offset": 9_901}, headers=bob.headers
        ),
    )


async def test_search_relevance_scoring(http: AsyncClient, bob: Member, put: Put) -> None:
    word = unique_word()
    in_passing = put(f"a long day of snow and rain and wind, and in it for a moment the {word}")
    often = put(f"{word} {word} {word}")
    short = put(f"the {word}")

    found = await _search(http, bob, word)

    assert _ids(found) == [often, short, in_passing]
    scores = [result["score"] for result in found["results"]]
    assert scores[0] > scores[1] > scores[2] > 0


async def test_search_empty_results(http: AsyncClient, bob: Member) -> None:
    word = unique_word()

    found = await _search(http, bob, word)

    assert found == {
        "query": word,
        "results": [],
        "count": 0,
        "total": 0,
        "limit": 20,
        "offset": 0,
        "next": None,
    }


async def test_search_special_characters(http: AsyncClient, bob: Member, put: Put) -> None:
    word = unique_word()
    text = f'C++ & "quotes" (brackets) * ~ \\ / : 🦉 {word}'
    document = put(text)

    assert _ids(await _search(http, bob, text)) == [document]

    for special in (
        "C++", "&", "&&", "||", '"', '"quotes', "(", ")", "((", "[a TO b]", "{", "*", "?", "~",
        "\\", "/", ":", "content:", "^2", "!", "-", "+", "=", "<", ">", "AND", "OR NOT", "🦉",
        "👩\u200d👩\u200d👧", "é", "%", "_", "'; --", "$", "@bob", "#", "#snow", "\t", "\x01",
        "\u202e", "…", "a" * 400,
    ):  # fmt: skip
        found = await _search(http, bob, f"{special} {word}")
        assert found["query"].endswith(word), special
