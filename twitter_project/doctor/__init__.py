"""Checks every part of the system: that it answers, has a supported version, and is in order.

A check yields findings of one line each. A finding with a remedy is a problem.
"""

from collections.abc import Callable, Iterator
from functools import partial

from django.db import connections
from elasticsearch import TransportError

from twitter_project.doctor.configuration import check_secrets, check_settings
from twitter_project.doctor.databases import check_database
from twitter_project.doctor.findings import Finding, check_version, compare_clock
from twitter_project.doctor.rabbitmq import check_rabbitmq
from twitter_project.doctor.servers import (
    ELASTICSEARCH_VERSIONS,
    check_elasticsearch,
    check_grpc,
    check_redis,
    check_server,
    check_timelines,
    redis_servers,
)

__all__ = [
    "ELASTICSEARCH_VERSIONS",
    "Finding",
    "check_database",
    "check_elasticsearch",
    "check_grpc",
    "check_rabbitmq",
    "check_redis",
    "check_secrets",
    "check_timelines",
    "check_version",
    "compare_clock",
    "run_check",
    "run_checks",
]

Check = Callable[[], Iterator[Finding]]


def run_checks() -> Iterator[Finding]:
    for using in connections:
        yield from run_check(f"{using} database", partial(check_database, using))
    for name, url in redis_servers().items():
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
