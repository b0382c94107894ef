"""The clients of the Redis servers that `settings.CACHES` names."""

import redis
from django_redis import get_redis_connection


def redis_client(server: str = "default") -> redis.Redis:
    """The pooled client of a server, shared by all threads of the process."""
    client: redis.Redis = get_redis_connection(server)
    return client
