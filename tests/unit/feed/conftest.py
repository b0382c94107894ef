from collections.abc import Iterator

import pytest

from accounts.models import User
from tests.support.shards import flush
from tests.support.timelines import Person, deliver_all


@pytest.fixture(scope="session", autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    flush()


@pytest.fixture
def writer(alice: User) -> Person:
    """Alice, who writes."""
    return Person(alice)


@pytest.fixture
def follower(bob: User) -> Person:
    """Bob, who follows alice in tests that make it so."""
    return Person(bob)


@pytest.fixture
def stranger(carol: User) -> Person:
    """Carol, who follows nobody."""
    return Person(carol)


@pytest.fixture
def bob_follows_alice(writer: Person, follower: Person) -> None:
    follower.follow(writer)
    deliver_all()
