"""Circuit breakers for servers that hang."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from common import breakers
from common.breakers import Breaker
from common.errors import Unavailable
from deploy.local.conditions import wait_until


@pytest.fixture
def breaker(monkeypatch: pytest.MonkeyPatch) -> Breaker:
    monkeypatch.setattr(breakers, "PAUSE_SECONDS", 0.1)
    return Breaker("a server", lambda kind, _: issubclass(kind, TimeoutError))


def fail(breaker: Breaker, error: Exception) -> None:
    with pytest.raises(type(error)), breaker.guard():
        raise error


def refuses(breaker: Breaker) -> bool:
    try:
        with breaker.guard():
            return False
    except Unavailable:
        return True


def miss_deadlines(breaker: Breaker) -> None:
    for _ in range(breakers.FAILURES):
        fail(breaker, TimeoutError())


def test_it_opens_after_several_missed_deadlines_in_a_row(breaker: Breaker) -> None:
    fail(breaker, TimeoutError())
    assert not refuses(breaker)

    miss_deadlines(breaker)

    assert refuses(breaker)


def test_refused_connections_do_not_open_it(breaker: Breaker) -> None:
    for _ in range(10):
        fail(breaker, ConnectionRefusedError())

    assert not refuses(breaker)


def test_it_closes_after_a_pause_and_a_successful_call(breaker: Breaker) -> None:
    miss_deadlines(breaker)

    wait_until(lambda: not refuses(breaker))

    assert not refuses(breaker)


def test_only_one_caller_tries_after_the_pause(breaker: Breaker) -> None:
    miss_deadlines(breaker)
    tries, answers = Event(), Event()

    def try_once() -> None:
        with breaker.guard():
            tries.set()
            answers.wait(10)

    def attempt() -> bool:
        try:
            try_once()
        except Unavailable:
            return False
        return True

    with ThreadPoolExecutor(1) as pool:
        wait_until(lambda: not breaker.is_open)
        first = pool.submit(attempt)
        assert tries.wait(10)

        assert refuses(breaker)

        answers.set()
        assert first.result()
    assert not refuses(breaker)
