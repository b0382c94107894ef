"""The relay deletes old rows."""

import threading
from datetime import timedelta
from importlib import import_module

import pytest
from django.conf import settings as configured
from django.contrib.sessions.models import Session
from django.utils import timezone
from pytest_django import Settings

from accounts.models import SpentRefresh, TweetCount
from deploy.local.conditions import wait_until
from messaging import relay
from tweets.models import IdempotencyKey

LONG_AGO = timezone.now() - timedelta(days=365)


def fail() -> int:
    raise ZeroDivisionError


@pytest.fixture
def old_rows(transactional_db: None) -> list[type]:
    """Models with one row each, which is old enough to be pruned."""
    SpentRefresh.objects.create(jti="old", expires_at=LONG_AGO)
    TweetCount.objects.create(key="old", user_id=1, delta=1, at=LONG_AGO)
    Session.objects.create(session_key="old", expire_date=LONG_AGO)
    IdempotencyKey.objects.create(user_id=1, tweet_id=1, key="old", created_at=LONG_AGO)
    return [SpentRefresh, TweetCount, Session, IdempotencyKey]


def run_relay_until_pruned(models: list[type]) -> None:
    stop = threading.Event()

    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: not any(model.objects.exists() for model in models))  # type: ignore[attr-defined]
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def test_the_relay_deletes_the_old_rows_of_every_service(
    old_rows: list[type], empty_queues: None
) -> None:
    run_relay_until_pruned(old_rows)


def test_a_failing_prune_function_stops_neither_the_relay_nor_the_others(
    old_rows: list[type], empty_queues: None, settings: Settings
) -> None:
    failing = {service: [f"{__name__}.fail", *paths] for service, paths in settings.PRUNES.items()}
    settings.PRUNES = failing

    run_relay_until_pruned(old_rows)


def test_prunes_lists_every_prune_function_of_a_service() -> None:
    listed = {path for paths in configured.PRUNES.values() for path in paths}

    for service in ("accounts", "tweets"):
        services = import_module(f"{service}.services")
        defined = {f"{service}.services.{n}" for n in services.__all__ if n.startswith("prune_")}
        assert defined == {path for path in listed if path.startswith(f"{service}.")}
