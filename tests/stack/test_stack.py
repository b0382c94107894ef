"""`make stack`: processes, databases, connections and a rolling restart.

`--topology=one` or `services` chooses another topology than `databases`.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest
from django.conf import settings

from deploy.stack import lifecycle
from tests.stack.conftest import NAME, PORT, REDIS_DB, STACK, Stack
from tests.support.commands import ROOT, run
from tests.support.conditions import eventually
from tests.support.people import Member, expect, follow, post_tweet, register

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

RUNNING = lifecycle.Stack(NAME, REDIS_DB)
PGBOUNCER_PORT = PORT + 99
POOL_SIZE = 5
SERVICES = ("accounts", "tweets", "feed", "search")
CLIENTS = 2


async def test_all_parts_are_ready_and_the_schema_has_every_call(http: httpx.AsyncClient) -> None:
    ready = expect(200, await http.get("/ready"))
    assert ready["status"] == "ok", ready

    paths = expect(200, await http.get("/schema"))["paths"]
    assert {"/users/register", "/tweet", "/feed", "/search"} <= set(paths)


def test_doctor_reports_no_problem(stack: Stack) -> None:
    answer = run("manage.py", "doctor", environment=read_environment())

    assert answer.returncode == 0, answer.stdout
    assert "PROBLEM" not in answer.stdout


def test_only_web_processes_of_accounts_have_the_signing_key(stack: Stack) -> None:
    unsigning = {
        name
        for name, pid in read_pids().items()
        if b"JWT_SIGNING_KEY=none" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    }

    signing = set(read_pids()) - unsigning
    if stack.topology == "one":
        assert signing == {"web_1", "web_2"}
    else:
        assert signing == {f"web_{of}_{copy}" for of in ("accounts", "pages") for copy in (1, 2)}


def test_each_service_has_only_its_own_tables_in_its_database(stack: Stack) -> None:
    if stack.topology != "databases":
        return
    tables = {service: list_tables(f"stack_test_{service}") for service in SERVICES}

    assert all("messaging_outboxevent" in names for names in tables.values())
    for service in SERVICES:
        databases = {name for name, names in tables.items() if has_prefix(names, service)}
        assert databases <= {service}
    assert has_prefix(tables["accounts"], "accounts")
    assert has_prefix(tables["tweets"], "tweets")


def test_all_processes_but_the_relay_share_pgbouncers_connections(stack: Stack) -> None:
    with connect() as cursor:
        cursor.execute(
            "SELECT datname, client_port FROM pg_stat_activity"
            " WHERE datname LIKE 'stack_test%' AND backend_type = 'client backend'"
        )
        connections = set(cursor.fetchall())
    with connect(port=PGBOUNCER_PORT, database="pgbouncer") as cursor:
        servers = ask_pgbouncer(cursor, "SHOW SERVERS")
        modes = {
            pool["database"]: pool["pool_mode"] for pool in ask_pgbouncer(cursor, "SHOW POOLS")
        }

    pooled = {(server["database"], server["local_port"]) for server in servers}
    databases = {database for database, _ in connections}
    assert sorted(database for database, _ in connections - pooled) == sorted(
        databases
    )  # the relay's
    assert databases == {database for database, _ in pooled}
    assert all(modes[database] == "transaction" for database in databases)
    assert max(Counter(database for database, _ in pooled).values()) <= POOL_SIZE


async def test_the_audit_works_through_pgbouncer(stack: Stack, http: httpx.AsyncClient) -> None:
    alice, bob = await register(http), await register(http)
    await follow(http, bob, alice)
    await post_tweet(http, alice, "The first snow.")
    environment = read_environment()
    assert f":{PGBOUNCER_PORT}/" in environment["DATABASE_URL"]

    for command in ("audit", "reconcile_counters"):
        answer = await asyncio.to_thread(run, "manage.py", command, environment=environment)
        assert answer.returncode == 0, answer.stdout + answer.stderr


async def test_a_rolling_restart_under_load_fails_no_request(
    stack: Stack, http: httpx.AsyncClient
) -> None:
    alice, bob = await register(http), await register(http)
    await follow(http, bob, alice)
    done = asyncio.Event()
    posted: list[str] = []

    async def load() -> None:
        # A new connection for each post, and a kept one for requests to each service and to pages.
        while not done.is_set():
            async with httpx.AsyncClient(base_url=stack.address, timeout=30) as once:
                posted.append((await post_tweet(once, alice, "Still up."))["id"])
            listed = await http.get(f"/users/{alice.username}/tweets")
            shown = expect(200, listed)["tweets"]
            assert shown[0]["author"]["username"] == alice.username  # calls accounts over gRPC
            for path in ("/hello", "/follow", "/feed", "/search?q=snow", "/schema"):
                expect(200, await http.get(path, headers=alice.headers))

    async def restart() -> list[str]:
        process = await asyncio.create_subprocess_exec(
            *STACK, "restart", cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        done.set()
        assert process.returncode == 0
        return [line.split()[0] for line in output.decode().splitlines()]

    before = read_pids()
    async with asyncio.TaskGroup() as group:
        restarted = group.create_task(restart())
        for _ in range(CLIENTS):
            group.create_task(load())

    after = read_pids()
    assert {name for name in before if before[name] != after[name]} == set(restarted.result())
    assert set(before) - set(restarted.result()) == {"proxy", "pgbouncer"}
    assert len(posted) > 20
    assert sorted(await read_all(http, "/tweet", alice)) == sorted(posted)

    async def has_all() -> bool:
        return sorted(await read_all(http, "/feed", bob)) == sorted(posted)

    await eventually(has_all)  # after the relay and the workers


def test_a_client_that_stalls_is_disconnected(stack: Stack) -> None:
    stack.slow_client.settimeout(30)

    answer = stack.slow_client.recv(4096)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert stack.slow_client.recv(4096) == b""


async def read_all(http: httpx.AsyncClient, path: str, reader: Member) -> list[str]:
    ids: list[str] = []
    query: dict[str, Any] = {"limit": 100}
    while query.get("cursor", "first"):
        page = expect(200, await http.get(path, params=query, headers=reader.headers))
        ids += [tweet["id"] for tweet in page["tweets"]]
        query["cursor"] = page["next"]
    return ids


def read_environment() -> dict[str, str]:
    """The environment of all processes but the relay."""
    return RUNNING.read_environment()


def read_pids() -> dict[str, int]:
    return RUNNING.supervisor.pids()


def ask_pgbouncer(cursor: Any, command: str) -> list[dict[str, Any]]:
    cursor.execute(command)
    columns = [column.name for column in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def list_tables(database: str) -> set[str]:
    with connect(database=database) as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in cursor.fetchall()}


@contextmanager
def connect(*, database: str | None = None, port: int | None = None) -> Iterator[Any]:
    database_settings = settings.DATABASES["default"]
    connection = psycopg2.connect(
        host=database_settings["HOST"], port=port or database_settings["PORT"],
        user=database_settings["USER"], password=database_settings["PASSWORD"],
        dbname=database or database_settings["NAME"],
    )  # fmt: skip
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        yield cursor


def has_prefix(tables: set[str], service: str) -> bool:
    return any(table.startswith(f"{service}_") for table in tables)
