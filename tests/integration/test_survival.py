"""A process that dies or loses its connections loses no event."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote, urlsplit

import pika
import pytest
from django.conf import settings
from httpx import AsyncClient
from pika.adapters.blocking_connection import BlockingChannel

from common.ids import created_at, new_id
from common.times import format_time
from deploy.local.conditions import wait_until
from deploy.local.processes import Process, Processes
from deploy.local.readiness import connect, wait_for_relay, wait_for_worker
from messaging.relay import BATCH
from tests.support.clients import Query
from tests.support.conditions import eventually
from tests.support.people import Member, expect, post_tweet
from tests.support.system import APPLICATION, System

pytestmark = pytest.mark.integration

ROUTING_KEY = "tests.survival"


class Inbox:
    """A queue of the test's own, bound to `ROUTING_KEY`."""

    def __init__(self, channel: BlockingChannel) -> None:
        self._channel = channel
        self._name = str(channel.queue_declare("", exclusive=True).method.queue)
        self.counts: Counter[int] = Counter()  # deliveries, by message id
        channel.queue_bind(self._name, "events", ROUTING_KEY)
        channel.basic_consume(self._name, self._receive, auto_ack=True)

    def has(self, ids: set[int]) -> bool:
        self._channel.connection.process_data_events(0.01)
        return ids <= self.counts.keys()

    def _receive(self, _: Any, __: Any, properties: Any, ___: bytes) -> None:
        self.counts[int(properties.message_id)] += 1


@pytest.fixture
def inbox(system: System, rabbitmq: pika.BlockingConnection) -> Inbox:
    return Inbox(rabbitmq.channel())


@pytest.fixture(scope="module")
def second_relay(system: System, processes: Processes) -> Iterator[Process]:
    relay = processes.start("run_outbox_relay")
    with system.relay.paused():  # so that only this one publishes
        wait_for_relay(relay)
    yield relay
    processes.stop(relay)


class TweetsWorkers:
    """One after the other."""

    def __init__(self, system: System, processes: Processes) -> None:
        self._system = system
        self._processes = processes
        self._newest: Process | None = None

    def living(self) -> Process:
        """The newest, or another one where that is dead."""
        if self._newest is None or not self._newest.is_running:
            self._newest = self._processes.start(
                "run_tweets_worker", SERVICES="tweets", **self._system.environment
            )
            wait_for_worker(self._newest, "tweets")
        return self._newest

    def stop(self) -> None:
        if self._newest is not None:
            self._processes.stop(self._newest)


@pytest.fixture(scope="module")
def tweets_workers(system: System, processes: Processes) -> Iterator[TweetsWorkers]:
    workers = TweetsWorkers(system, processes)
    yield workers
    workers.stop()


@pytest.fixture
def publish(system: System, tweets_db: Query) -> Callable[[int], set[int]]:
    """Writes `count` events into the outbox in one transaction; returns their ids."""

    def publish(count: int) -> set[int]:
        rows = tweets_db(
            "INSERT INTO messaging_outboxevent (id, routing_key, body, created_at)"
            " SELECT %s + n, %s, '{}', now() FROM generate_series(1, %s) AS n RETURNING id",
            new_id(),
            ROUTING_KEY,
            count,
        )
        return {id for (id,) in rows}

    return publish


def test_two_relays_publish_every_event_once(
    second_relay: Process, inbox: Inbox, publish: Callable[[int], set[int]]
) -> None:
    ids = publish(10 * BATCH)

    wait_until(lambda: inbox.has(ids))

    assert set(inbox.counts.values()) == {1}


def test_a_relay_killed_in_the_middle_loses_nothing(
    system: System,
    second_relay: Process,
    inbox: Inbox,
    publish: Callable[[int], set[int]],
    tweets_db: Query,
) -> None:
    with system.relay.paused():
        ids = publish(10 * BATCH)
        wait_until(lambda: inbox.has(set()) and inbox.counts)
        second_relay.kill()
        second_relay.wait()
        [(pending,)] = tweets_db(
            "SELECT count(*) FROM messaging_outboxevent WHERE published_at IS NULL"
        )
        assert pending > 0

    wait_until(lambda: inbox.has(ids))

    assert (
        sum(inbox.counts.values()) <= len(ids) + BATCH
    )  # the batch in progress may be published again


async def test_a_worker_killed_in_the_middle_counts_each_tweet_once(
    tweets_workers: TweetsWorkers, alice: Member, accounts_db: Query, tweets_db: Query
) -> None:
    worker = tweets_workers.living()
    tweet_ids = [new_id() for _ in range(200)]
    for tweet_id in tweet_ids:
        _publish_created(tweets_db, tweet_id, alice)

    wait_until(lambda: _num_tweets(accounts_db, alice) > 0)
    worker.kill()
    worker.wait()
    assert _num_tweets(accounts_db, alice) < len(tweet_ids)

    tweets_workers.living()
    wait_until(lambda: _num_tweets(accounts_db, alice) >= len(tweet_ids), seconds=60)
    assert _num_tweets(accounts_db, alice) == len(tweet_ids)


async def test_the_web_process_replaces_broken_postgresql_connections(
    http: AsyncClient, alice: Member, tweets_db: Query
) -> None:
    broken = tweets_db(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = %s",
        APPLICATION,
    )
    assert broken

    tweet = await post_tweet(http, alice, "The first snow.")

    expect(200, await http.get(f"/tweet/{tweet['id']}"))
    wait_until(
        lambda: tweets_db(
            "SELECT 1 FROM messaging_outboxevent WHERE published_at IS NOT NULL"
            " AND routing_key = 'tweet.created' AND body::json->>'id' = %s",
            tweet["id"],
        )
    )


async def test_a_worker_replaces_broken_postgresql_connections(
    http: AsyncClient,
    alice: Member,
    tweets_workers: TweetsWorkers,
    accounts_db: Query,
    tweets_db: Query,
) -> None:
    tweets_workers.living()
    first, second = [await post_tweet(http, alice, text) for text in ("The first.", "The next.")]
    wait_until(lambda: _num_tweets(accounts_db, alice) == 2, seconds=30)
    expect(200, await http.delete(f"/tweet/{first['id']}", headers=alice.headers))
    wait_until(
        lambda: _num_tweets(accounts_db, alice) == 1, seconds=30
    )  # so the worker has connections
    assert tweets_db(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = %s",
        APPLICATION,
    )

    expect(200, await http.delete(f"/tweet/{second['id']}", headers=alice.headers))

    wait_until(lambda: _num_tweets(accounts_db, alice) == 0, seconds=30)


async def test_relay_and_worker_replace_broken_rabbitmq_connections(
    http: AsyncClient,
    alice: Member,
    system: System,
    tweets_workers: TweetsWorkers,
    accounts_db: Query,
) -> None:
    worker = tweets_workers.living()
    url = urlsplit(str(settings.RABBITMQ_URL))
    async with AsyncClient(
        base_url=f"http://{url.hostname}:15673/api",
        auth=(str(url.username), str(url.password)),
    ) as management:
        vhost = quote(url.path[1:] or "/", safe="%")

        async def of_the_worker() -> set[str]:
            """The management API lists a connection with a delay."""
            consumers = expect(200, await management.get(f"/consumers/{vhost}"))
            return {
                one["channel_details"]["connection_name"]
                for one in consumers
                if one["queue"]["name"] == "tweet_counters" and one["channel_details"]
            }

        names = await eventually(of_the_worker)
        open_ones = expect(200, await management.get(f"/vhosts/{vhost}/connections"))
        for name in names | {one["name"] for one in open_ones}:
            await management.delete(f"/connections/{quote(name, safe='')}")

    await post_tweet(http, alice, "The first snow.")

    wait_until(lambda: _num_tweets(accounts_db, alice) == 1, seconds=30)
    for process in (system.relay, worker):
        assert process.find_in_log(r"(retrying in)")
        assert process.find_in_log(r"(Traceback)") is None


async def test_a_worker_finishes_its_message_after_sigterm(
    tweets_workers: TweetsWorkers,
    alice: Member,
    accounts_db: Query,
    tweets_db: Query,
    rabbitmq: pika.BlockingConnection,
) -> None:
    worker = tweets_workers.living()

    # The worker waits for accounts, and accounts for the row.
    with closing(connect("accounts")) as holder, holder, holder.cursor() as cursor:
        cursor.execute("SELECT 1 FROM accounts_user WHERE id = %s FOR UPDATE", [alice.id])
        _publish_created(tweets_db, new_id(), alice)
        wait_until(
            lambda: accounts_db(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND datname = current_database() AND application_name = %s",
                APPLICATION,
            )
        )
        worker.terminate()

    assert worker.wait() == 0
    assert _num_tweets(accounts_db, alice) == 1
    queue = rabbitmq.channel().queue_declare("tweet_counters", passive=True)
    assert queue.method.message_count == 0  # acknowledged


def _publish_created(tweets_db: Query, tweet_id: int, author: Member) -> None:
    """Writes an outbox event for the tweet, with the tweet's id."""
    body = {
        "id": str(tweet_id),
        "user_id": author.id,
        "content": "One of many.",
        "parent_id": None,
        "created_at": format_time(created_at(tweet_id)),
    }
    tweets_db(
        "INSERT INTO messaging_outboxevent (id, routing_key, body, created_at)"
        " VALUES (%s, 'tweet.created', %s, now()) RETURNING id",
        tweet_id,
        json.dumps(body),
    )


def _num_tweets(accounts_db: Query, member: Member) -> int:
    [(count,)] = accounts_db("SELECT num_tweets FROM accounts_user WHERE id = %s", member.id)
    return int(count)
