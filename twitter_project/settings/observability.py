"""Logs, metrics, traces, and the parts that /ready probes."""

import sys
from logging import getLevelNamesMapping
from typing import Any

from environs import validate

from .environment import env
from .grpc import TWEETS_GRPC, USERS_GRPC
from .messaging import RABBITMQ_URL
from .redis import FEED_SHARD_URLS, REDIS_URL
from .search import ELASTICSEARCH_URL

# Where this process serves its health and its metrics: a port of loopback, or HOST:PORT.
MONITOR_LISTEN: str = env.str("MONITOR_LISTEN", "")
# OpenTelemetry reads its own variables; tracing is off without this one.
TRACING: bool = bool(env.str("OTEL_EXPORTER_OTLP_ENDPOINT", ""))
TRACED_AS: str = env.str("OTEL_SERVICE_NAME", "") or " ".join(["microblog", *sys.argv[1:2]])
# The share of requests that are traced, with all that follows from them.
TRACED_SHARE: float = env.float("OTEL_TRACES_SAMPLER_ARG", 1.0)
# Whether calls to other services are counted or traced.
INSTRUMENT_CALLS: bool = bool(MONITOR_LISTEN) or TRACING


def _probe(name: str, url: str | None, *, otherwise: str = "embedded", **options: str) -> Any:
    if url:
        return {"BACKEND": f"twitter_project.probes.{name}", "url": url, **options}
    return {"BACKEND": f"twitter_project.probes.{otherwise}"}


# /ready probes these besides the databases.
PROBES = {
    "redis": _probe("redis", REDIS_URL, otherwise="embedded_redis"),
    **{_name: _probe("redis", _url) for _name, _url in FEED_SHARD_URLS.items()},
    "broker": _probe("rabbitmq", RABBITMQ_URL, otherwise="embedded_broker"),
    "search": _probe("elasticsearch", ELASTICSEARCH_URL, otherwise="embedded_search"),
    "accounts": _probe("grpc", USERS_GRPC, service="accounts"),
    "tweets": _probe("grpc", TWEETS_GRPC, service="tweets"),
}

ACCESS_LOG: bool = env.bool("ACCESS_LOG", False)  # a line for each request

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "context": {"()": "common.observability.logs.Context"},
        "has_exception": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: bool(record.exc_info),
        },
    },
    "formatters": {
        "line": {
            "()": "common.observability.logs.LineFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
        "json": {"()": "common.observability.logs.JSONFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["context"],
            "formatter": env.str("LOG_FORMAT", "line", validate=validate.OneOf(["line", "json"])),
        }
    },
    "root": {
        "handlers": ["console"],
        "level": env.str(
            "LOG_LEVEL", "INFO", validate=validate.OneOf(list(getLevelNamesMapping()))
        ),
    },
    "loggers": {
        "pika": {"level": "CRITICAL"},  # messaging logs each failure in one line
        "elastic_transport": {"level": "ERROR"},
        "django_redis": {"level": "ERROR"},
        # Not the 4xx that clients cause, and a 5xx once: where its exception was raised.
        "django.request": {"level": "ERROR", "filters": ["has_exception"]},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
