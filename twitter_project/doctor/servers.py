"""Redis, Elasticsearch, the gRPC servers, and the process that serves the embedded database."""

import json
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import urlopen

import redis as redis_driver
from django.conf import settings
from elasticsearch import Elasticsearch, NotFoundError

from common.redis.client import single_use_client
from feed import shard_membership
from search.backends.elasticsearch.documents import template
from twitter_project import embedded_database, probes
from twitter_project.doctor.findings import TIMEOUT_SECONDS, Finding, check_version, compare_clock

MAX_MEMORY_SHARE = 0.9
MIN_REDIS_VERSION = (6, 2)
ELASTICSEARCH_VERSIONS = ((8, 11), (9, 0))


def redis_servers() -> dict[str, str | None]:
    if not settings.FEED_REDIS_URLS:
        return {"redis": settings.REDIS_URL}
    feed = zip(settings.FEED_SHARDS, settings.FEED_REDIS_URLS, strict=True)
    return {"redis": settings.REDIS_URL, **dict(feed)}


def check_redis(part: str, url: str | None) -> Iterator[Finding]:
    if not url:
        yield Finding(part, "embedded")
        return
    with single_use_client(url, timeout=TIMEOUT_SECONDS) as client:
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


def check_elasticsearch() -> Iterator[Finding]:
    if not settings.ELASTICSEARCH_URL:
        yield Finding("elasticsearch", "embedded")
        return
    name = settings.ELASTICSEARCH_INDEX
    with Elasticsearch(
        settings.ELASTICSEARCH_URL,
        request_timeout=TIMEOUT_SECONDS,
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
        answer = urlopen(f"{address}/ready", timeout=TIMEOUT_SECONDS)  # noqa: S310 always http
    except HTTPError as error:  # 503
        answer = error
    with answer:
        parts: dict[str, str] = json.load(answer)["parts"]
    return parts
