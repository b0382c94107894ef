"""Databases: version, TLS, migrations, clock, outbox."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import NotSupportedError
from django.utils import timezone

from common.db import alias
from messaging.broker import dead_queue
from messaging.models import OutboxEvent, QueuedMessage, RefusedMessage
from messaging.worker import workers
from twitter_project.doctor.findings import Finding, check_dead_letters, compare_clock

MAX_OUTBOX_SECONDS = 60.0  # the relay publishes an event within milliseconds
UNVERIFIED_SSL_MODES = {"allow", "prefer", "require", "verify-ca"}  # none compares the host name


def check_database(using: str) -> Iterator[Finding]:
    part, connection = f"{using} database", connections[using]
    try:
        connection.ensure_connection()
        try:
            connection.check_database_version_supported()
        except NotSupportedError as error:
            yield Finding(part, str(error), "upgrade the server")
        version = ".".join(map(str, connection.get_database_version()))
        yield Finding(part, f"{connection.display_name} {version}")
        mode = connection.settings_dict["OPTIONS"].get("sslmode")
        if mode in UNVERIFIED_SSL_MODES:
            text = f"sslmode={mode} does not verify the server's host name"
            yield Finding(part, text, "set sslmode=verify-full in its URL")
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            names = ", ".join(f"{step.app_label}.{step.name}" for step, _ in plan[:3])
            text = f"{len(plan)} unapplied migrations: {names}" + (" …" if len(plan) > 3 else "")
            yield Finding(part, text, "manage.py migrate_databases")
            return
        yield Finding(part, "migrated")
        if connection.vendor == "postgresql":
            yield compare_clock(part, lambda: _postgres_time(using))
        yield _check_outbox(part, using)
        yield from _check_refused_messages(part, using)
        if not settings.RABBITMQ_URL and using == alias("messaging"):
            for worker in workers().values():
                dead = QueuedMessage.objects.using(using).filter(queue=dead_queue(worker.queue))
                yield from check_dead_letters(worker, dead.count())
    finally:
        connection.close()


def _postgres_time(using: str) -> float:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        (seconds,) = cursor.fetchone()
    return float(seconds)


def _check_outbox(part: str, using: str) -> Finding:
    pending = OutboxEvent.objects.using(using).pending()
    oldest: datetime | None = pending.values_list("created_at", flat=True).first()
    if oldest is None:
        return Finding(part, "outbox empty")
    age = (timezone.now() - oldest).total_seconds()
    text = f"{pending.count()} events in the outbox, the oldest {age:.0f} s old"
    return Finding(part, text, "start run_outbox_relay" if age > MAX_OUTBOX_SECONDS else "")


def _check_refused_messages(part: str, using: str) -> Iterator[Finding]:
    for name, worker in workers().items():
        if count := RefusedMessage.objects.using(using).filter(queue=worker.queue).count():
            text = f"{count} messages wait until the full queue {worker.queue} has room"
            yield Finding(part, text, f"start more run_{name.partition('.')[0]}_worker")
