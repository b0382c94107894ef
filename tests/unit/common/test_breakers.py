"""Nobody waits for a part that is known to hang."""

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
    return Breaker("a part", lambda kind, _: issubclass(kind, TimeoutError))


def fail(breaker: Breaker, error: Exception) -> None:
    with pytest.raises(type(error)), breaker.guard():
        raise error


def is_open(breaker: Breaker) -> bool:
    try:
        with breaker.guard():
            return False
    except Unavailable:
        return True


def hang_often(breaker: Breaker) -> None:
    for _ in range(breakers.FAILURES):
        fail(breaker, TimeoutError())


def test_a_part_that_hangs_again_and_again_is_left_alone(breaker: Breaker) -> None:
    fail(breaker, TimeoutError())
    assert not is_open(breaker)

    hang_often(breaker)

    assert is_open(breaker)


def test_a_part_that_refuses_is_asked_each_time(breaker: Breaker) -> None:
    for _ in range(10):
        fail(breaker, ConnectionRefusedError())

    assert not is_open(breaker)


def test_a_part_is_asked_again_after_a_moment(breaker: Breaker) -> None:
    hang_often(breaker)

    wait_until(lambda: not is_open(breaker))

    assert not is_open(breaker)


def test_one_caller_tries_and_the_others_go_on_without(breaker: Breaker) -> None:
    hang_often(breaker)
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
        wait_until(lambda: breaker._circuit.state == "half_open")
        first = pool.submit(attempt)
        assert tries.wait(10)

        assert is_open(breaker)

        answers.set()
        assert first.result()
    assert not is_open(breaker)
