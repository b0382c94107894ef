import pytest

from accounts.models import User
from tests.unit.feed.world import Person


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
