import time

import redis

from common.http.revocation import KEY, revocations, revoke, revoke_family
from common.redis.client import redis_client


def test_tokens_of_earlier_epochs_are_revoked():
    revoke(5, before_epoch=3)
    assert revocations.is_revoked(5, 2)
    assert not revocations.is_revoked(5, 3)
    assert not revocations.is_revoked(6, 0)


def test_the_highest_epoch_counts():
    revoke(5, before_epoch=3)
    revoke(5, before_epoch=2)
    assert revocations.is_revoked(5, 2)


def test_revocations_are_read_at_most_once_a_second():
    assert not revocations.is_revoked(5, 0)
    revoke(5)
    assert not revocations.is_revoked(5, 0)
    revocations.forget()
    assert revocations.is_revoked(5, 0)


def test_expired_revocations_are_ignored_and_removed():
    redis_client().zadd(KEY, {"5:9": time.time() - 1})
    assert not revocations.is_revoked(5, 0)
    revoke(6)
    assert redis_client().zcard(KEY) == 1


def test_the_last_known_revocations_apply_while_redis_is_down(monkeypatch):
    revoke(5)
    assert revocations.is_revoked(5, 0)

    def down() -> None:
        raise redis.ConnectionError

    monkeypatch.setattr("common.http.revocation.redis_client", down)
    monkeypatch.setattr("common.http.revocation.REFRESH_SECONDS", 0.0)
    assert revocations.is_revoked(5, 0)


def test_unreadable_values_revoke_nothing():
    redis_client().set(KEY, "junk")
    assert not revocations.is_revoked(5, 0)
    redis_client().delete(KEY)
    redis_client().zadd(KEY, {"junk": time.time() + 100})
    revocations.forget()
    assert not revocations.is_revoked(5, 0)


def test_revoking_a_family_keeps_the_users_other_sessions():
    revoke_family("f1", user_id=5)
    assert revocations.is_revoked(5, 0, "f1")
    assert not revocations.is_revoked(5, 0, "f2")
    assert not revocations.is_revoked(5, 0)


def test_a_family_and_an_epoch_can_both_be_revoked():
    revoke_family("f1", user_id=5)
    revoke(5, before_epoch=3)
    assert revocations.is_revoked(5, 3, "f1")
    assert revocations.is_revoked(5, 2, "f2")
