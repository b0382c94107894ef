"""Follow and unfollow: one transaction writes the row, both counters and the event."""

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from accounts import permissions
from accounts.models import Follow, User
from common.db import atomic, with_new_id
from common.errors import NotFound
from common.ids import created_at
from messaging import outbox
from messaging.events import FollowersRemoved, UserFollowed, UserUnfollowed

# Follows that one transaction removes, and so users that it locks.
BATCH = 200


def follow(*, follower_id: int, following_id: int) -> Follow:
    """Idempotent. Raises `Invalid` beyond `settings.MAX_FOLLOWING`."""
    permissions.follow_another.check(follower_id=follower_id, following_id=following_id)
    return with_new_id(lambda id: _follow(id, follower_id, following_id), model=Follow)


def _follow(id: int, follower_id: int, following_id: int) -> Follow:
    with atomic("accounts"):
        # Serializes the writers of this pair: the checks below hold until the commit.
        users = User.objects.lock(follower_id, following_id)
        permissions.follow.check(follower=users.get(follower_id), following=users.get(following_id))
        existing = Follow.objects.filter(follower_id=follower_id, following_id=following_id).first()
        if existing is not None:
            return existing
        permissions.follow_one_more.check(
            num_following=users[follower_id].num_following, limit=settings.MAX_FOLLOWING
        )

        made = Follow(
            id=id, follower_id=follower_id, following_id=following_id, created_at=created_at(id)
        )
        made.save(force_insert=True)
        _count(follower_id, following_id, 1)
        outbox.publish(
            UserFollowed(follower_id=follower_id, following_id=following_id, at=timezone.now()),
            service="accounts",
        )
    return made


def unfollow(*, follower_id: int, following_id: int) -> None:
    """Raises `NotFound` if there is no such follow, also for an unknown user."""
    with atomic("accounts"):
        users = User.objects.lock(follower_id, following_id)
        permissions.use_account.check(users.get(follower_id))
        rows = Follow.objects.filter(follower_id=follower_id, following_id=following_id)
        if not rows.delete()[0]:
            raise NotFound(f"you do not follow {following_id}")
        _count(follower_id, following_id, -1)
        outbox.publish(
            UserUnfollowed(follower_id=follower_id, following_id=following_id, at=timezone.now()),
            service="accounts",
        )


def remove_follows(*, user_id: int) -> bool:
    """Removes a batch of the follows that a deleted account left, in either direction.

    Returns whether it found any; does nothing for an account that exists. Each batch locks the
    users on the other side and leaves their counters exact.
    """
    if User.objects.filter(id=user_id).exists():
        return False
    return _remove_batch(user_id, "following_id", "follower_id", "num_following") or _remove_batch(
        user_id, "follower_id", "following_id", "num_followers"
    )


def _remove_batch(user_id: int, side: str, other_side: str, counter: str) -> bool:
    """Removes follows with the user on `side`, and decrements `counter` of the users opposite."""
    follows = Follow.objects.filter(**{side: user_id})
    with atomic("accounts"):
        others = list(follows.order_by(other_side).values_list(other_side, flat=True)[:BATCH])
        if not others:
            return False
        User.objects.only("id").lock(*others)
        # Others may have removed some of the follows before this transaction got the locks.
        remaining = follows.filter(**{f"{other_side}__in": others})
        ids = list(remaining.values_list(other_side, flat=True))
        remaining.delete()
        # A drifted counter must not fall below zero.
        User.objects.filter(id__in=ids).update(**{counter: Greatest(F(counter) - 1, 0)})
        if ids and side == "following_id":
            outbox.publish(
                FollowersRemoved(user_id=user_id, follower_ids=tuple(ids), at=timezone.now()),
                service="accounts",
            )
    return True


def _count(follower_id: int, following_id: int, change: int) -> None:
    User.objects.filter(id=follower_id).update(
        num_following=F("num_following") + change, follows_version=F("follows_version") + 1
    )
    User.objects.filter(id=following_id).update(num_followers=F("num_followers") + change)
