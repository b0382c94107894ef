"""Scripts on a thread's own connection to Redis."""

import pytest
from redis.exceptions import ResponseError

from common.redis.client import redis_client
from common.redis.scripts import Script

ECHO = Script("return {KEYS[1], ARGV[1]}")


def test_a_script_unknown_to_redis_is_sent_by_source():
    redis_client().script_flush()
    assert ECHO(keys=["a"], args=[1]) == [b"a", b"1"]


def test_a_script_error_is_raised_and_later_calls_succeed():
    with pytest.raises(ResponseError):
        Script("return redis.call('LPOP')")()
    assert ECHO(keys=["a"], args=[2]) == [b"a", b"2"]


@pytest.mark.real
def test_a_thread_keeps_its_connection():
    ECHO(keys=["a"], args=[1])
    opened = connections_opened()
    for number in range(10):
        ECHO(keys=["a"], args=[number])
    assert connections_opened() == opened


@pytest.mark.real
def test_a_connection_closed_by_redis_is_replaced():
    ECHO(keys=["a"], args=[1])
    for client in redis_client().client_list():
        if client["cmd"] in ("eval", "evalsha"):
            redis_client().client_kill_filter(_id=client["id"])
    assert ECHO(keys=["a"], args=[2]) == [b"a", b"2"]


def connections_opened() -> int:
    opened: int = redis_client().info("stats")["total_connections_received"]
    return opened
