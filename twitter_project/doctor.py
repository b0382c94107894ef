"""Checks every part of the system: that it answers, has a supported version, and is in order.

A check yields findings of one line each. A finding with a remedy is a problem.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import jwt
import pika
import redis as redis_driver
from django.conf import settings
from django.core import checks
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import NotSupportedError
from django.utils import timezone
from elasticsearch import Elasticsearch, NotFoundError, TransportError
from pika.exceptions import AMQPError, ChannelClosedByBroker

from common.db import alias
from common.redis.client import single_use_client
from feed import shard_membership
from messaging.backends.rabbitmq.connections import connect, reason
from messaging.broker import dead_queue
from messaging.models import OutboxEvent, QueuedMessage, RefusedMessage
from messaging.worker import Worker, workers
from search.backends.elasticsearch.documents import template
from twitter_project import embedded_database, probes

MAX_OUTBOX_SECONDS = 60.0  # the relay publishes an event within milliseconds
MAX_QUEUED = 10_000
MAX_MEMORY_SHARE = 0.9
MIN_SECRET_KEY_LENGTH = 50
UNVERIFIED_SSL_MODES = {"allow", "prefer", "require", "verify-ca"}  # none compares the host name

MIN_REDIS_VERSION = (6, 2)
MIN_RABBITMQ_VERSION = (3, 10)  # the first whose quorum queues dead-letter at least once
ELASTICSEARCH_VERSIONS = ((8, 11), (9, 0))

_TIMEOUT_SECONDS = 3.0


@dataclass(frozen=True)
class Finding:
    part: str
    text: str
    remedy: str = ""

    @property
    def is_problem(self) -> bool:
        return bool(self.remedy)


Check = Callable[[], Iterator[Finding]]


def run_checks() -> Iterator[Finding]:
    for using in connections:
        yield from run_check(f"{using} database", partial(check_database, using))
    for name, url in _redis_servers().items():
        yield from run_check(name, partial(check_redis, name, url))
    for name, check in {
        "rabbitmq": check_rabbitmq,
        "elasticsearch": check_elasticsearch,
        "grpc": check_grpc,
        "server": check_server,
        "secrets": check_secrets,
        "settings": check_settings,
    }.items():
        yield from run_check(name, check)


def run_check(part: str, check: Check) -> Iterator[Finding]:
    """The check's findings. An exception becomes one more, so that the other checks still run."""
    try:
        yield from check()
    except Exception as error:
        # Elasticsearch's client has the reason in the cause.
        source = error.__cause__ if isinstance(error, TransportError) else error
        text = " ".join(str(source).split()) or type(error).__name__
        remedy = "start it, or correct its URL"
        if "certificate" in text.lower():
            remedy = "set TLS_CA_FILE to its certificate's authority, or correct its URL's host"
        yield Finding(part, f"does not answer: {text[:200]}", remedy)


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
                yield from _check_dead_letters(worker, dead.count())
    finally:
        connection.close()


def _postgres_time(using: str) -> float:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        (seconds,) = cursor.fetchone()
    return float(seconds)


def compare_clock(part: str, read: Callable[[], float]) -> Finding:
    """Compares the server's clock with this machine's at the middle of the round trip.

    Tokens and the order of ids depend on clocks.
    """
    before = time.time()
    theirs = read()
    skew = theirs - (before + time.time()) / 2
    if abs(skew) <= settings.CLOCK_SKEW_SECONDS:
        return Finding(part, f"clock {skew:+.3f} s")
    return Finding(
        part, f"its clock differs from this machine's by {skew:+.1f} s", "run NTP on both machines"
    )


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


def _redis_servers() -> dict[str, str | None]:
    if not settings.FEED_REDIS_URLS:
        return {"redis": settings.REDIS_URL}
    feed = zip(settings.FEED_SHARDS, settings.FEED_REDIS_URLS, strict=True)
    return {"redis": settings.REDIS_URL, **dict(feed)}


def check_redis(part: str, url: str | None) -> Iterator[Finding]:
    if not url:
        yield Finding(part, "embedded")
        return
    with single_use_client(url, timeout=_TIMEOUT_SECONDS) as client:
        version = client.info("server")["redis_version"]
        yield check_version(part, "Redis", version, MIN_REDIS_VERSION)
        memory = client.info("memory")
        limit, used = memory["maxmemory"], memory["used_memory"]
        if limit and used > MAX_MEMORY_SHARE * limit:
            text = f"uses {used:,} of {limit:,} bytes"
            yield Finding(part, text, "raise maxmemory, or add a server to FEED_REDIS_URLS")
        if limit and memory["maxmemory_policy"] != "noeviction":
            text = f"evicts keys when it is full ({memory['maxmemory_policy']})"
            yield Finding(part, text, "set maxmemory-policy to noeviction")
        persistence = client.info("persistence")
        if "err" in (persistence["rdb_last_bgsave_status"], persistence["aof_last_write_status"]):
            text = "can't write to its disk, and may refuse writes because of it"
            yield Finding(part, text, 'free the disk, or start it with --save "" and no appendonly')
        if part in settings.FEED_SHARDS or not settings.FEED_REDIS_URLS:
            yield check_timelines(part, client)

        def read() -> float:
            seconds, microseconds = client.time()
            return float(seconds) + float(microseconds) / 1e6

        yield compare_clock(part, read)


def check_timelines(part: str, client: redis_driver.Redis) -> Finding:
    if shard_membership.is_current(client):
        return Finding(part, "its timelines match FEED_REDIS_URLS")
    remedy = "stop all workers, restart the rest with the same FEED_REDIS_URLS, start the workers"
    return Finding(part, "its timelines were written for another FEED_REDIS_URLS", remedy)


def check_rabbitmq() -> Iterator[Finding]:
    if not settings.RABBITMQ_URL:
        yield Finding("rabbitmq", "embedded")
        return
    parameters = pika.URLParameters(settings.RABBITMQ_URL)
    parameters.socket_timeout = parameters.blocked_connection_timeout = _TIMEOUT_SECONDS
    try:
        connection = connect(parameters)
    except AMQPError as error:
        raise ConnectionError(
            f"{urlsplit(settings.RABBITMQ_URL).hostname}: {reason(error)}"
        ) from error
    with closing(connection):
        version = _read_rabbitmq_version(parameters)
        yield check_version("rabbitmq", "RabbitMQ", version, MIN_RABBITMQ_VERSION)
        for name, worker in workers().items():
            yield _check_queue(connection, worker, command=f"run_{name.partition('.')[0]}_worker")
            dead = _declare_passively(connection, dead_queue(worker.queue))
            yield from _check_dead_letters(worker, dead.message_count if dead is not None else 0)


def _read_rabbitmq_version(parameters: pika.URLParameters) -> str:
    """Opens a second connection: a BlockingConnection doesn't expose the server's properties."""
    versions: list[str] = []

    def on_open(connection: pika.SelectConnection) -> None:
        versions.append((connection.server_properties or {})["version"])
        connection.close()

    def stop(connection: pika.SelectConnection, _: BaseException | str) -> None:
        connection.ioloop.stop()

    connection = pika.SelectConnection(parameters, on_open, stop, stop)
    connection.ioloop.start()
    if not versions:
        raise ConnectionError("the connection was closed before it was open")
    return versions[0]


def _check_queue(connection: pika.BlockingConnection, worker: Worker, *, command: str) -> Finding:
    declared = _declare_passively(connection, worker.queue)
    if declared is None:
        return Finding(worker.queue, "the queue is missing", f"start run_outbox_relay or {command}")
    messages, consumers = declared.message_count, declared.consumer_count
    text = f"{messages} messages, {consumers} consumers"
    if not consumers:
        return Finding(worker.queue, text, f"start {command}")
    return Finding(worker.queue, text, f"start more {command}" if messages > MAX_QUEUED else "")


def _check_dead_letters(worker: Worker, count: int) -> Iterator[Finding]:
    if count:
        remedy = f"manage.py dead_letters show {worker.queue}"
        yield Finding(worker.queue, f"{count} dead letters", remedy)


def _declare_passively(
    connection: pika.BlockingConnection, queue: str
) -> pika.spec.Queue.DeclareOk | None:
    channel = connection.channel()  # RabbitMQ closes it if the queue is missing
    try:
        declared = channel.queue_declare(queue, passive=True)
    except ChannelClosedByBroker:
        return None
    channel.close()
    return declared.method


def check_elasticsearch() -> Iterator[Finding]:
    if not settings.ELASTICSEARCH_URL:
        yield Finding("elasticsearch", "embedded")
        return
    name = settings.ELASTICSEARCH_INDEX
    with Elasticsearch(
        settings.ELASTICSEARCH_URL,
        request_timeout=_TIMEOUT_SECONDS,
        max_retries=0,
        **settings.ELASTICSEARCH_TLS,
    ) as client:
        lowest, below = ELASTICSEARCH_VERSIONS
        for node in client.nodes.info(metric="_none")["nodes"].values():
            version = node["version"]
            yield check_version("elasticsearch", "Elasticsearch", version, lowest, below=below)
        if client.cluster.health()["status"] == "red":
            yield Finding("elasticsearch", "the cluster is red", "see its log for lost shards")
        try:
            found = client.indices.get_index_template(name=name)["index_templates"]
            kept = found[0]["index_template"]["template"]["mappings"]["properties"]
        except NotFoundError:
            yield Finding(name, "the index template is missing", "start run_search_worker")
            return
        fields = set(template()["template"]["mappings"]["properties"])
        if set(kept) != fields:
            yield Finding(name, "the index template is outdated", "restart run_search_worker")
        if not client.indices.exists(index=name):
            yield Finding(name, "the index is missing", "manage.py rebuild_search")
            return
        for index in client.indices.get_mapping(index=name).values():
            if not fields <= set(index["mappings"].get("properties", {})):
                yield Finding(name, "the index lacks new fields", "manage.py rebuild_search")
        yield Finding(name, f"{client.count(index=name)['count']} documents")


def check_grpc() -> Iterator[Finding]:
    for service, variable in {"accounts": "USERS_GRPC", "tweets": "TWEETS_GRPC"}.items():
        target = getattr(settings, variable)
        part = f"{service} by gRPC"
        if not target:
            yield Finding(part, "in this process")
            continue
        try:
            probes.grpc(target, service)
        except Exception:
            remedy = f"start run_grpc_server {service}, or correct {variable}"
            yield Finding(part, f"{target} does not serve it", remedy)
        else:
            yield Finding(part, f"{target} serves it")


def check_server() -> Iterator[Finding]:
    """Asks the process that serves the embedded database for the parts that are in its memory."""
    address = embedded_database.last_address() if settings.EMBEDDED_DATABASE else None
    if address is None:
        return
    try:
        parts = _ask_ready(address)
    except (OSError, ValueError, KeyError):
        yield Finding("server", f"not running; it last served {address}")
        return
    down = ", ".join(name for name, state in parts.items() if state != "ok")
    text = f"{address} says that {down} is down" if down else f"{address} is ready"
    yield Finding("server", text, "solve the problems above, then restart it" if down else "")


def _ask_ready(address: str) -> dict[str, str]:
    try:
        answer = urlopen(f"{address}/ready", timeout=_TIMEOUT_SECONDS)  # noqa: S310 always http
    except HTTPError as error:  # 503
        answer = error
    with answer:
        parts: dict[str, str] = json.load(answer)["parts"]
    return parts


def check_secrets() -> Iterator[Finding]:
    is_long = len(settings.SECRET_KEY) >= MIN_SECRET_KEY_LENGTH
    remedy = f"set SECRET_KEY to {MIN_SECRET_KEY_LENGTH} random characters or more"
    text = "SECRET_KEY is " + ("long enough" if is_long else "short")
    yield Finding("secrets", text, "" if is_long else remedy)

    signing, verifying = settings.SIMPLE_JWT["SIGNING_KEY"], settings.SIMPLE_JWT["VERIFYING_KEY"]
    algorithm = settings.SIMPLE_JWT["ALGORITHM"]
    try:
        if signing:
            token = jwt.encode({"sub": "doctor"}, signing, algorithm=algorithm)
            jwt.decode(token, verifying, algorithms=[algorithm])
        else:
            jwt.get_algorithm_by_name(algorithm).prepare_key(verifying)
    except (jwt.PyJWTError, ValueError, TypeError):
        text = "JWT_SIGNING_KEY and JWT_VERIFYING_KEY are not a pair of Ed25519 keys in PEM"
        yield Finding("secrets", text, "generate them: see docs/operations/running.md")
    else:
        yield Finding("secrets", "the token keys are a pair")


def check_settings() -> Iterator[Finding]:
    found = [
        message
        for message in checks.run_checks(include_deployment_checks=settings.IS_PRODUCTION)
        if message.level >= checks.WARNING and not message.is_silenced()
    ]
    for message in found:
        text = f"{message.id}: {' '.join(str(message.msg).split())}"
        yield Finding("settings", text, str(message.hint or "see Django's system checks"))
    if not found:
        yield Finding("settings", "Django's checks pass")


def check_version(
    part: str,
    name: str,
    version: str,
    lowest: tuple[int, int],
    *,
    below: tuple[int, int] | None = None,
) -> Finding:
    major, minor = (int(number) for number in version.split(".")[:2])
    is_supported = lowest <= (major, minor) and (below is None or (major, minor) < below)
    wanted = f"{lowest[0]}.{lowest[1]} or newer" + (f", below {below[0]}" if below else "")
    return Finding(part, f"{name} {version}", "" if is_supported else f"install {wanted}")
