import os
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from inspect import getclosurevars

import pytest
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from common import db
from common.db import alias
from common.errors import OUTAGES, Unavailable
from deploy.local.conditions import wait_until
from messaging import loop_health, relay, wakeup
from messaging.backlog import Backlog
from messaging.broker import Broker, Message, broker
from messaging.models import OutboxEvent, RefusedMessage
from messaging.outbox import KEPT
from messaging.worker import workers
from tests.support.publishing import USING, publish_all


@contextmanager
def relay_running():
    """Runs the relay in a thread."""
    stop = threading.Event()

    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        wakeup.wake(alias("tweets"))
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def relaying(transactional_db, monkeypatch, empty_queues):
    """A running relay whose timer is slow, so that only a wake-up makes it publish."""
    monkeypatch.setattr(relay, "TIMER_SECONDS", 60.0)
    with relay_running():
        yield


def test_the_relay_publishes_between_two_batches_of_pruning(
    transactional_db, monkeypatch, empty_queues
):
    monkeypatch.setattr(db, "PRUNE_ROWS", 10)
    monkeypatch.setattr(relay, "PRUNE_BATCH_SECONDS", 0.01)
    monkeypatch.setattr(relay, "TIMER_SECONDS", 0.01)
    publish_all(50)
    OutboxEvent.objects.update(published_at=timezone.now() - KEPT - timedelta(minutes=1))
    old = OutboxEvent.objects.filter(published_at__lt=timezone.now() - KEPT)
    publish_all(relay.BATCH + 1)
    left: list[int] = []
    real: Broker = broker()

    class Counting:
        """Counts the old events whenever the relay publishes a batch."""

        declare = staticmethod(real.declare)
        close = staticmethod(real.close)

        def publish(self, messages) -> list[Message]:
            left.append(old.count())
            return real.publish(messages)

    monkeypatch.setattr(relay, "broker", Counting)
    with relay_running():
        wait_until(lambda: not old.exists())
    assert left == [50, 40]


def test_refused_messages_are_published_to_their_queue_only(
    transactional_db, monkeypatch, empty_queues
):
    real: Broker = broker()
    published: list[tuple[str | None, str]] = []

    class Full:
        """A broker whose queue search_tweets refuses the first two batches."""

        declare = staticmethod(real.declare)
        close = staticmethod(real.close)

        def publish(self, messages) -> list[Message]:
            published.extend((message.queue, message.message_id) for message in messages)
            if len(published) <= 4:
                return [replace(message, queue="search_tweets") for message in messages]
            return real.publish(messages)

    monkeypatch.setattr(relay, "broker", Full)
    monkeypatch.setattr(relay, "RETRY_REFUSED_SECONDS", 0.01)
    monkeypatch.setattr(relay, "TIMER_SECONDS", 0.01)
    publish_all(2)
    ids = [str(id) for id in OutboxEvent.objects.values_list("id", flat=True).order_by("id")]
    with relay_running():
        wait_until(lambda: len(published) >= 6)
        wait_until(lambda: not RefusedMessage.objects.exists())

    assert published == [(queue, id) for queue in (None, *["search_tweets"] * 2) for id in ids]
    assert {w.queue: broker().depth(w.queue) for w in workers().values()} == {
        "feed_slices": 0,
        "general_tweets": 0,
        "search_slices": 0,
        "search_tweets": 2,
        "tweet_counters": 0,
    }


def test_a_commit_wakes_the_relay(relaying):
    for _ in range(3):  # the relay's start may find the first one
        publish_all(1)
        wait_until(lambda: not OutboxEvent.objects.pending().exists(), seconds=10)


def test_the_relay_stops_while_events_keep_coming(transactional_db, monkeypatch, empty_queues):
    real: Broker = broker()

    class Busy:
        """A broker during whose publishing another event is written."""

        declare = staticmethod(real.declare)
        close = staticmethod(real.close)

        def publish(self, messages) -> list[Message]:
            publish_all(1)
            return real.publish(messages)

    monkeypatch.setattr(relay, "broker", Busy)
    publish_all(1)
    with relay_running():
        wait_until(lambda: OutboxEvent.objects.count() > 5)


@pytest.mark.real
def test_wake_ups_continue_after_the_notifying_connection_is_closed(relaying):
    def cut() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE query = 'NOTIFY outbox' AND datname = current_database()"
            )
            return bool(cursor.fetchone()[0])

    publish_all(1)
    wait_until(cut)
    wait_until(lambda: not OutboxEvent.objects.pending().exists(), seconds=10)

    publish_all(1)

    wait_until(lambda: not OutboxEvent.objects.pending().exists(), seconds=10)


def test_the_relay_retries_after_an_outage_and_logs_one_line_each(
    transactional_db, monkeypatch, caplog, empty_queues
):
    attempts: list[int] = []
    real: Broker = broker()

    class Flaky:
        declare = staticmethod(real.declare)
        close = staticmethod(real.close)

        def publish(self, messages) -> list[Message]:
            attempts.append(len(messages))
            if len(attempts) < 3:
                raise Unavailable("RabbitMQ: connection refused")
            return real.publish(messages)

    monkeypatch.setattr(relay, "broker", Flaky)
    publish_all(1)
    with relay_running():
        wait_until(lambda: not OutboxEvent.objects.pending().exists())
    lines = [r for r in caplog.records if r.name == "messaging.relay"]
    assert len(lines) == 2
    assert all(record.exc_info is None for record in lines)


@pytest.fixture
def database_down(transactional_db, monkeypatch, settings):
    """A database of accounts' own that is down and comes first."""
    using = "a_database_that_is_down"
    connections.settings[using] = connections.settings[USING] | {
        "NAME": "/nowhere/test.sqlite3",
        "HOST": "127.0.0.1",
        "PORT": "1",
    }
    settings.SERVICE_DATABASES = settings.SERVICE_DATABASES | {"accounts": using}
    # Django's test case refuses connections to databases that it doesn't list
    test_case = getclosurevars(BaseDatabaseWrapper.ensure_connection).nonlocals["cls"]
    with monkeypatch.context() as patch:
        patch.setattr(test_case, "databases", test_case.databases | {using})
        yield using
    del connections.settings[using]


def test_a_database_that_is_down_does_not_stop_the_relay_of_the_others(
    monkeypatch, caplog, empty_queues, database_down
):
    monkeypatch.setattr(relay, "TIMER_SECONDS", 60.0)
    with relay_running():
        for _ in range(3):
            publish_all(1)
            wait_until(lambda: not OutboxEvent.objects.pending().exists(), seconds=10)
        wait_until(lambda: caplog.text.count(database_down) >= 2)  # it is retried
        assert not loop_health.is_up(loop_health.RELAY)


def test_a_database_that_is_down_does_not_hide_the_backlog_of_the_others(
    empty_queues, database_down
):
    publish_all(2)
    found = {family.name: family.samples for family in Backlog().collect()}
    assert [(sample.labels, sample.value) for sample in found["microblog_outbox_pending"]] == [
        ({"database": USING}, 2)
    ]
    assert {sample.labels["part"]: sample.value for sample in found["microblog_backlog_known"]} == {
        "outbox": 0,
        "queues": 1,
    }


def test_an_unexpected_error_with_one_database_ends_the_relay(
    transactional_db, monkeypatch, empty_queues
):
    class Broken:
        declare = staticmethod(broker().declare)

        def publish(self, messages) -> list[Message]:
            raise ZeroDivisionError

    monkeypatch.setattr(relay, "broker", Broken)
    publish_all(1)
    with pytest.raises(ZeroDivisionError):
        relay.run(threading.Event())


@pytest.mark.real
@pytest.mark.django_db(transaction=True)
def test_the_first_wait_returns_at_once():
    """Notifications from before the LISTEN are lost, so the relay must check the outbox."""
    wakeup.PostgresWakeup().wait(alias("tweets"), timeout=-1)  # select would refuse it


@pytest.mark.real
@pytest.mark.django_db(transaction=True)
def test_a_broken_listening_connection_is_an_outage_and_replaced():
    listening, using = wakeup.PostgresWakeup(), alias("tweets")
    listening.wait(using, timeout=0)
    with socket.socket(fileno=os.dup(connections[using].connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)

    with pytest.raises(OUTAGES):
        listening.wait(using, timeout=5)

    listening.wait(using, timeout=0)
