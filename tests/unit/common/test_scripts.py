from threading import Thread

import pytest
from django_redis import get_redis_connection
from redis.exceptions import ResponseError

from common.scripts import Script

ECHO = Script("return {KEYS[1], ARGV[1]}")
WHO = Script("return redis.call('CLIENT', 'ID')")


def test_it_runs_where_redis_has_never_seen_it():
    get_redis_connection().script_flush()
    assert ECHO(keys=["a"], args=[1]) == [b"a", b"1"]


def test_an_error_of_its_own_reaches_the_caller_and_harms_no_later_call():
    with pytest.raises(ResponseError):
        Script("return redis.call('LPOP')")()
    assert ECHO(keys=["a"], args=[2]) == [b"a", b"2"]


@pytest.mark.real
def test_a_thread_keeps_its_connection():
    other: list[int] = []
    thread = Thread(target=lambda: other.append(WHO()))
    thread.start()
    thread.join()
    assert WHO() == WHO() != other[0]


@pytest.mark.real
def test_a_connection_that_redis_closed_is_opened_again():
    before = WHO()
    get_redis_connection().client_kill_filter(_id=before)
    assert WHO() != before
