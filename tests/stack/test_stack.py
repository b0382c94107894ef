"""The four flows over the network, and what only many processes can show.

`pytest tests/stack --topology=one` (or `services`) does the same in another topology.
"""

import asyncio
import json
from contextlib import closing
from typing import Any

import httpx
import psycopg2
import pytest
from django.conf import settings

from tests.boundaries.commands import ROOT, run
from tests.boundaries.session import hold_session
from tests.members import Identity, Member, expect, follow, post_tweet, register, unique_word
from tests.stack.conftest import STACK, Stack
from tests.support import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SERVICES = ("accounts", "tweets", "feed", "search")
LOADING = 2  # requests under way at a time


async def test_the_user_flow(http: httpx.AsyncClient) -> None:
    identity = Identity()
    await register(http, identity)
    expect(409, await http.post("/users/register", json=identity.body))
    body = {"email": identity.email, "password": identity.password}
    session = expect(200, await http.post("/users/login", json=body))
    alice = Member(session["user"]["id"], identity.username, session["token"])
    bob = await register(http)
    hello = expect(200, await http.get("/hello", headers=alice.headers))
    assert hello == {"message": f"Hello, {identity.username}"}

    await follow(http, bob, alice)
    assert await follow_counts(http, alice) == (1, 0)
    assert await follow_counts(http, bob) == (0, 1)

    expect(204, await http.delete(f"/follow/{alice.id}", headers=bob.headers))
    assert await follow_counts(http, alice) == (0, 0)
    assert await follow_counts(http, bob) == (0, 0)


async def test_the_tweet_flow(http: httpx.AsyncClient) -> None:
    alice, bob = await register(http), await register(http)
    tweet = await post_tweet(http, alice, "The first snow.")
    path = f"/tweet/{tweet['id']}"

    for action, counter in (("like", "num_likes"), ("repost", "num_reposts")):
        answer = await http.post(f"{path}/{action}", headers=bob.headers)
        assert expect(200, answer)["tweet"][counter] == 1
        answer = await http.delete(f"{path}/{action}", headers=bob.headers)
        assert expect(200, answer)["tweet"][counter] == 0
    body = {"content": "And ice."}
    reply = expect(200, await http.post(f"{path}/reply", json=body, headers=bob.headers))["tweet"]
    assert reply["parent_id"] == tweet["id"]

    shown = expect(200, await http.get(path))
    assert shown["tweet"]["author"]["username"] == alice.username
    assert [reply["id"] for reply in shown["replies"]] == [reply["id"]]
    listed = expect(200, await http.get(f"/users/{alice.username}/tweets"))["tweets"]
    assert [tweet["id"] for tweet in listed] == [tweet["id"]]

    async def is_counted() -> bool:
        user = expect(200, await http.get(f"/users/{alice.username}"))["user"]
        return bool(user["num_tweets"] == 1)

    await eventually(is_counted)  # by relay, worker and gRPC
    expect(403, await http.delete(path, headers=bob.headers))
    expect(200, await http.delete(path, headers=alice.headers))
    expect(404, await http.get(path))


async def test_the_feed_flow(http: httpx.AsyncClient) -> None:
    alice, bob, carol = [await register(http) for _ in range(3)]
    assert await read_feed(http, bob) == []
    await follow(http, bob, alice)
    ids = [(await post_tweet(http, alice, f"Day {day}."))["id"] for day in range(3)]
    newest_first = ids[::-1]

    async def has_all() -> bool:
        return await read_feed(http, bob) == newest_first

    await eventually(has_all)
    assert await read_feed(http, bob, limit=2) == newest_first[:2]
    assert await read_feed(http, bob, limit=2, offset=2) == newest_first[2:]
    assert await read_feed(http, carol) == []


async def test_the_search_flow(http: httpx.AsyncClient) -> None:
    alice, word = await register(http), unique_word()
    tweet = await post_tweet(http, alice, f"The first snow #{word}")

    async def search() -> list[dict[str, Any]]:
        answer = await http.get("/search", params={"q": word}, headers=alice.headers)
        results: list[dict[str, Any]] = expect(200, answer)["results"]
        return results

    [found] = await eventually(search)
    assert found["id"] == tweet["id"]
    assert found["author"]["username"] == alice.username
    expect(200, await http.delete(f"/tweet/{tweet['id']}", headers=alice.headers))
    assert await search() == []


def test_the_readmes_session(stack: Stack) -> None:
    hold_session(stack.address)


async def test_all_parts_are_ready_and_one_schema_names_every_call(http: httpx.AsyncClient) -> None:
    ready = expect(200, await http.get("/ready"))
    assert ready["status"] == "ok", ready

    paths = expect(200, await http.get("/schema"))["paths"]
    assert {"/users/register", "/tweet", "/feed", "/search"} <= set(paths)


def test_the_doctor_finds_nothing(stack: Stack) -> None:
    environment = json.loads((ROOT / ".services/stack_test/state.json").read_text())

    answer = run("manage.py", "doctor", environment=environment)

    assert answer.returncode == 0, answer.stdout
    assert "PROBLEM" not in answer.stdout


def test_each_service_has_its_tables_in_its_database_and_no_others(stack: Stack) -> None:
    if stack.topology != "databases":
        return
    tables = {service: list_tables(f"stack_test_{service}") for service in SERVICES}

    assert all("messaging_outboxevent" in names for names in tables.values())
    for service in SERVICES:
        holders = {holder for holder, names in tables.items() if has_prefix(names, service)}
        assert holders <= {service}
    assert has_prefix(tables["accounts"], "accounts")
    assert has_prefix(tables["tweets"], "tweets")


async def test_a_rolling_restart_under_load_fails_no_request(
    stack: Stack, http: httpx.AsyncClient
) -> None:
    webs = ["web_1", "web_2"] if stack.topology == "one" else ["web_tweets_1", "web_tweets_2"]
    names = [*webs, "accounts_grpc_1", "accounts_grpc_2"]
    alice = await register(http)
    done = asyncio.Event()
    posted: list[str] = []

    async def load() -> None:
        # A connection for each request, and one for many.
        while not done.is_set():
            async with httpx.AsyncClient(base_url=stack.address, timeout=30) as once:
                posted.append((await post_tweet(once, alice, "Still here."))["id"])
            listed = await http.get(f"/users/{alice.username}/tweets")
            shown = expect(200, listed)["tweets"]
            assert shown[0]["author"]["username"] == alice.username  # asks accounts by gRPC

    async def restart() -> None:
        process = await asyncio.create_subprocess_exec(
            *STACK, "restart", *names, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        done.set()
        assert process.returncode == 0
        assert [line.split()[0] for line in said.decode().splitlines()] == names

    async with asyncio.TaskGroup() as group:
        group.create_task(restart())
        for _ in range(LOADING):
            group.create_task(load())

    assert len(posted) > 20
    shown: list[str] = []
    query: dict[str, Any] = {"limit": 100}
    while query.get("cursor", "first"):
        page = expect(200, await http.get("/tweet", params=query, headers=alice.headers))
        shown += [tweet["id"] for tweet in page["tweets"]]
        query["cursor"] = page["next"]
    assert sorted(shown) == sorted(posted)


def test_a_client_that_does_not_finish_its_request_is_cut_off(stack: Stack) -> None:
    stack.slow_client.settimeout(30)

    answer = stack.slow_client.recv(4096)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert stack.slow_client.recv(4096) == b""


async def follow_counts(http: httpx.AsyncClient, member: Member) -> tuple[int, int]:
    """Followers and followed."""
    user = expect(200, await http.get(f"/users/{member.id}"))["user"]
    return user["num_followers"], user["num_following"]


async def read_feed(http: httpx.AsyncClient, reader: Member, **query: int) -> list[str]:
    answer = expect(200, await http.get("/feed", params=query, headers=reader.headers))
    return [tweet["id"] for tweet in answer["tweets"]]


def list_tables(database: str) -> set[str]:
    place = settings.DATABASES["default"]
    with (
        closing(
            psycopg2.connect(
                host=place["HOST"], port=place["PORT"], user=place["USER"],
                password=place["PASSWORD"], dbname=database,
            )
        ) as connection,
        connection.cursor() as cursor,
    ):  # fmt: skip
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in cursor.fetchall()}


def has_prefix(tables: set[str], service: str) -> bool:
    return any(table.startswith(f"{service}_") for table in tables)
