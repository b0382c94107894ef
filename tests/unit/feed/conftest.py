from collections.abc import Iterator

import pytest

from accounts.models import User
from tests.support.shards import flush
from tests.support.timelines import Person, deliver_all


@pytest.fixture(scope="session", autouse=True)
def _flush_shards() -> Iterator[None]:
    yield
    flush()


@pytest.fixture
def writer(alice: User) -> Person:
    """Alice."""
    return Person(alice)


@pytest.fixture
def follower(bob: User) -> Person:
    """Bob, who follows alice if `bob_follows_alice` is used."""
    return Person(bob)


@pytest.fixture
def outsider(carol: User) -> Person:
    """Carol, who follows no one."""
    return Person(carol)


@pytest.fixture
def bob_follows_alice(writer: Person, follower: Person) -> None:
    follower.follow(writer)
    deliver_all()
