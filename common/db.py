"""Transactions by service.

A service may have a database of its own, so a bare `transaction.atomic()` would silently open one
somewhere else; ruff bans it and `on_commit` outside this module. Services that share a URL share an
alias, and `settings.SERVICE_DATABASES` says which.
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

_DRAWS = 5
PRUNE_ROWS = 5000

# Django's own apps and the outbox, by the service whose database holds them.
_HOUSE_APPS = {
    "admin": "accounts",
    "auth": "accounts",
    "contenttypes": "accounts",
    "otp_totp": "accounts",
    "sessions": "accounts",
}


def alias(service: str) -> str:
    return str(settings.SERVICE_DATABASES[service])


def aliases() -> list[str]:
    """The databases of the services that this process serves, each once."""
    return sorted({alias(service) for service in settings.SERVICES})


def atomic(service: str) -> AbstractContextManager[Any]:
    return transaction.atomic(using=alias(service))  # noqa: TID251 the one place


def on_commit(service: str, action: Callable[[], None]) -> None:
    """Runs `action` after the service's open transaction commits; at once where none is open."""
    transaction.on_commit(action, using=alias(service))  # noqa: TID251 the one place


def now_us(service: str) -> int:
    """The time by the clock of the service's database, in microseconds since 1970."""
    connection = connections[alias(service)]
    if connection.vendor == "sqlite":  # its clock is the host's, but its functions return ms
        return time.time_ns() // 1_000
    with connection.cursor() as cursor:
        cursor.execute("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        return int(cursor.fetchone()[0])


def violated(error: IntegrityError, *names: str) -> bool:
    """Whether `error` comes from one of the named constraints or, in SQLite's words, columns."""
    diag = getattr(error.__cause__, "diag", None)
    if diag is not None:
        return diag.constraint_name in names
    return any(name in str(error) for name in names)


def with_new_id(write: Callable[[int], T], *, model: type[Model]) -> T:
    """Runs the transaction `write(id)`, and runs it again with another id if that one was taken."""
    table = model._meta.db_table
    for _ in range(_DRAWS - 1):
        try:
            return write(new_id())
        except IntegrityError as error:
            if not violated(error, f"{table}_pkey", f"{table}.id"):
                raise
    return write(new_id())


def prune(old: QuerySet[Any], *, by: str) -> int:
    """Deletes a batch of the rows, in the order of an index. Returns how many."""
    keys = list(old.order_by(by).values_list("pk", flat=True)[:PRUNE_ROWS])
    old.model._base_manager.using(old.db).filter(pk__in=keys).delete()
    return len(keys)


def in_transaction(using: str) -> bool:
    """Whether a block is open that isn't the test case's own."""
    return any(
        not getattr(block, "_from_testcase", False) for block in connections[using].atomic_blocks
    )


class ServiceRouter:
    """Sends each model to the database of the service that owns it."""

    def _alias(self, app_label: str) -> str | None:
        service = _HOUSE_APPS.get(app_label, app_label)
        return settings.SERVICE_DATABASES.get(service)

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return self._alias(model._meta.app_label)

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        if app_label == "messaging":  # an outbox beside every service's tables
            return True
        owner = self._alias(app_label)
        return None if owner is None else owner == db
