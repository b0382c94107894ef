"""Transactions on a service's database.

A service may have a database of its own, so a bare `transaction.atomic()` could open a transaction
on another one. Ruff bans it and `on_commit` outside this module. `settings.SERVICE_DATABASES` maps
services to aliases; services that share a URL share an alias.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from django.conf import settings
from django.db import IntegrityError, connections, transaction
from django.db.models import Model, QuerySet

from common.ids import new_id

T = TypeVar("T")

_MAX_IDS = 5  # that `with_new_id` tries
PRUNE_ROWS = 5000  # that `prune` deletes at most

# The services whose databases hold the tables of Django's own apps.
_DJANGO_APPS = {
    "admin": "accounts",
    "auth": "accounts",
    "contenttypes": "accounts",
    "otp_totp": "accounts",
    "sessions": "accounts",
}


def alias(service: str) -> str:
    return str(settings.SERVICE_DATABASES[service])


def aliases() -> list[str]:
    """The databases of the services that this process serves."""
    return sorted({alias(service) for service in settings.SERVICES})


def atomic(service: str) -> AbstractContextManager[Any]:
    return transaction.atomic(using=alias(service))  # noqa: TID251


def on_commit(service: str, action: Callable[[], None]) -> None:
    """Runs `action` after the service's open transaction commits, or at once if none is open."""
    transaction.on_commit(action, using=alias(service))  # noqa: TID251


def now_us(service: str) -> int:
    """The time of the database server's clock, in microseconds since 1970."""
    connection = connections[alias(service)]
    if connection.vendor == "sqlite":  # it uses the host's clock, with milliseconds
        return time.time_ns() // 1_000
    with connection.cursor() as cursor:
        cursor.execute("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        return int(cursor.fetchone()[0])


def violated(error: IntegrityError, *names: str) -> bool:
    """Whether one of the named constraints failed. SQLite names the columns instead."""
    diag = getattr(error.__cause__, "diag", None)
    if diag is not None:
        return diag.constraint_name in names
    return any(name in str(error) for name in names)


def with_new_id(write: Callable[[int], T], *, model: type[Model]) -> T:
    """Runs the transaction `write(id)`, with another new id if the first one is taken."""
    table = model._meta.db_table
    for _ in range(_MAX_IDS - 1):
        try:
            return write(new_id())
        except IntegrityError as error:
            if not violated(error, f"{table}_pkey", f"{table}.id"):
                raise
    return write(new_id())


def prune(old: QuerySet[Any], *, by: str) -> int:
    """Deletes a batch of the rows, in the order of the index on `by`. Returns their number."""
    keys = list(old.order_by(by).values_list("pk", flat=True)[:PRUNE_ROWS])
    old.model._base_manager.using(old.db).filter(pk__in=keys).delete()
    return len(keys)


def in_transaction(using: str) -> bool:
    """Whether a transaction is open, apart from those around a test.

    Django refuses a durable block inside a transaction, unless a test case opened it.
    """
    if not connections[using].in_atomic_block:
        return False
    try:
        with transaction.atomic(using=using, durable=True, savepoint=False):  # noqa: TID251 as above
            return False
    except RuntimeError:
        return True


class ServiceRouter:
    """Routes each model to the database of its service."""

    def _alias(self, app_label: str) -> str | None:
        service = _DJANGO_APPS.get(app_label, app_label)
        return settings.SERVICE_DATABASES.get(service)

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return self._alias(model._meta.app_label)

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        if app_label == "messaging":  # every database has an outbox
            return True
        owner = self._alias(app_label)
        return None if owner is None else owner == db
