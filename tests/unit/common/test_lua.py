import pytest
from redis.exceptions import ResponseError

from common.redis.client import redis_client
from common.redis.scripts import Script

ECHO = Script("return {KEYS[1], ARGV[1]}")


def test_it_runs_where_redis_has_never_seen_it():
    redis_client().script_flush()
    assert ECHO(keys=["a"], args=[1]) == [b"a", b"1"]


def test_an_error_of_its_own_reaches_the_caller_and_harms_no_later_call():
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
def test_a_connection_that_redis_closed_is_opened_again():
    ECHO(keys=["a"], args=[1])
    for client in redis_client().client_list():
        if client["cmd"] in ("eval", "evalsha"):
            redis_client().client_kill_filter(_id=client["id"])
    assert ECHO(keys=["a"], args=[2]) == [b"a", b"2"]


def connections_opened() -> int:
    opened: int = redis_client().info("stats")["total_connections_received"]
    return opened
