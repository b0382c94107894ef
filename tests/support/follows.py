"""Follows of deleted accounts, and the counters of follows."""

from accounts import selectors, services
from accounts.models import User


def assert_counters_equal_rows() -> None:
    assert selectors.find_follow_drift().items == []


def remove_all_follows(user: User) -> None:
    """Every batch of the follows that a deleted account left."""
    while services.remove_follows(user_id=user.id):
        pass
