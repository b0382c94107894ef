"""Redis: timelines, caches, revoked sessions, request rates, channel layers."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from environs import validate

from . import tls
from .environment import TLS_CA_FILE, env


def _cache(url: str, *, is_real: bool) -> dict[str, Any]:
    if is_real:
        # Without a class, redis-py would choose one by the URL's scheme.
        name = "SecureConnection" if url.startswith("rediss:") else "Connection"
        connection_class = import_string(f"common.redis.connection.{name}")
        pool = {"max_connections": 64, "connection_class": connection_class}
    else:
        # Imported only if needed: fakeredis is slow to import.
        pool = {"connection_class": import_string("common.redis.in_process.Connection")}
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": url,
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": 2,
            "SOCKET_TIMEOUT": 5,
            "CONNECTION_POOL_KWARGS": pool,
            "IGNORE_EXCEPTIONS": True,  # a missing cache only slows requests
        },
    }


REDIS_URL: str | None = env.str("REDIS_URL", None)
if REDIS_URL:
    REDIS_URL = tls.with_authority("REDIS_URL", REDIS_URL, TLS_CA_FILE)
CACHES: dict[str, dict[str, Any]] = {
    "default": _cache(REDIS_URL or "redis://embedded/0", is_real=bool(REDIS_URL))
}

# The servers that share the timelines: see common/redis/shards.py.
FEED_REDIS_URLS: list[str] = list(map(str.strip, env.list("FEED_REDIS_URLS", [])))
if FEED_REDIS_URLS and not REDIS_URL:
    raise ImproperlyConfigured("FEED_REDIS_URLS: needs a REDIS_URL, which holds everything else")
for _number, _url in enumerate(FEED_REDIS_URLS, 1):  # errors don't show it: it may hold a password
    if not _url.startswith(("redis://", "rediss://")):
        raise ImproperlyConfigured(
            f"FEED_REDIS_URLS: number {_number} is no redis:// or rediss:// URL"
        )
    if FEED_REDIS_URLS.index(_url) < _number - 1:
        raise ImproperlyConfigured(f"FEED_REDIS_URLS: number {_number} is listed twice")
FEED_REDIS_URLS = [
    tls.with_authority(f"FEED_REDIS_URLS: number {_number}", _url, TLS_CA_FILE)
    for _number, _url in enumerate(FEED_REDIS_URLS, 1)
]
FEED_SHARD_URLS = {f"feed{_index}": _url for _index, _url in enumerate(FEED_REDIS_URLS)}
CACHES |= {_name: _cache(_url, is_real=True) for _name, _url in FEED_SHARD_URLS.items()}
FEED_SHARDS: list[str] = list(FEED_SHARD_URLS) or ["default"]

FEED_SHOWN = 800  # entries of a timeline that Redis serves; older ones come from the database
# An author with more followers is pulled: readers merge the author's own list.
FEED_PULL_FOLLOWERS: int = env.int("FEED_PULL_FOLLOWERS", 100_000, validate=validate.Range(0))

CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}
