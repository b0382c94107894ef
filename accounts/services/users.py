"""What happens to an account between its first day and its last."""

from django.db.models import F
from django.utils import timezone

from accounts import selectors
from accounts.models import Follow, User
from accounts.profiles import check_profile
from accounts.services.sessions import check_own_password
from common import permissions
from common.batches import batched
from common.db import atomic, on_commit
from common.errors import NotFound
from common.revocation import revoke
from grpc_services.fragments import Change, drop_after_commit
from messaging import outbox
from messaging.events import UserDeleted, UserRestored, UserSuspended, UserUpdated

_LOCK_BATCH = 5000


def update_profile(
    *,
    user_id: int,
    display_name: str | None = None,
    bio: str | None = None,
    by_staff: bool = False,
) -> User:
    """What is None stays as it is; where nothing changes there is no event."""
    check_profile(display_name=display_name, bio=bio)
    with atomic("accounts"):
        row = User.objects.lock(user_id).get(user_id)
        user: User = permissions.check_edit_profile(row, by_staff=by_staff)
        before = (user.display_name, user.bio)
        user.display_name = before[0] if display_name is None else display_name
        user.bio = before[1] if bio is None else bio
        if (user.display_name, user.bio) != before:
            user.save(update_fields=["display_name", "bio"])
            drop_after_commit("accounts", Change(users=[user_id]))
            outbox.publish(
                UserUpdated(id=user.id, username=user.username, display_name=user.shown_name),
                service="accounts",
            )
    return user


def delete_account(*, user_id: int, password: str, address: str) -> None:
    """By the user itself."""
    check_own_password(user_id=user_id, password=password, address=address)
    delete_user(user_id=user_id)


def delete_user(*, user_id: int) -> None:
    """The row, its follows and their share in the others' counters, in one transaction.

    Costs a lock on every follower and followed user. Someone who begins to follow after these were
    listed, and before the user's own row is locked, is locked out of order: should that ever be a
    deadlock, the database ends it and the request may be made again.
    """
    with atomic("accounts"):
        ids = sorted({user_id, *selectors.get_counterpart_ids(user_id)})
        locked: set[int] = set()
        for batch in batched(ids, _LOCK_BATCH):
            locked.update(User.objects.only("id").lock(*batch))
        if user_id not in locked:
            raise NotFound(f"no user {user_id}")

        followers = Follow.objects.filter(following_id=user_id).values("follower_id")
        followed = Follow.objects.filter(follower_id=user_id).values("following_id")
        # Nobody follows from here on, and those who began to meanwhile count. In batches, since
        # each statement has a deadline.
        counted = sorted(selectors.get_counterpart_ids(user_id))
        for batch in batched(counted, _LOCK_BATCH):
            users = User.objects.filter(id__in=batch)
            users.filter(id__in=followers).update(num_following=F("num_following") - 1)
            users.filter(id__in=followed).update(num_followers=F("num_followers") - 1)
        User.objects.filter(id=user_id).delete()  # takes its follows along
        outbox.publish(UserDeleted(id=user_id, at=timezone.now()), service="accounts")
        on_commit("accounts", lambda: revoke(user_id))
        drop_after_commit("accounts", Change(users=[user_id]))


def suspend(*, user_id: int, by_superuser: bool = True) -> None:
    """Keeps the account off every surface and ends its sessions. Twice is the same as once.

    Raises `Forbidden` for a member of staff, unless a superuser does it.
    """
    with atomic("accounts"):
        user = _lock(user_id, by_superuser=by_superuser)
        if user.suspended_at is None:
            user.suspended_at = timezone.now()
            user.session_epoch += 1
            user.save(update_fields=["suspended_at", "session_epoch"])
            outbox.publish(UserSuspended(id=user_id, at=user.suspended_at), service="accounts")
        # the second time, too: Redis may have been down at the first
        epoch = user.session_epoch
        on_commit("accounts", lambda: revoke(user_id, before_epoch=epoch))
        drop_after_commit("accounts", Change(users=[user_id]))


def restore(*, user_id: int, by_superuser: bool = True) -> None:
    """Undoes `suspend`, except that the sessions stay ended. Twice is the same as once.

    Raises `Forbidden` as `suspend` does.
    """
    with atomic("accounts"):
        user = _lock(user_id, by_superuser=by_superuser)
        if user.suspended_at is None:
            return
        user.suspended_at = None
        user.save(update_fields=["suspended_at"])
        drop_after_commit("accounts", Change(users=[user_id]))
        outbox.publish(UserRestored(id=user_id, at=timezone.now()), service="accounts")


def _lock(user_id: int, *, by_superuser: bool) -> User:
    user: User | None = User.objects.lock(user_id).get(user_id)
    if user is None:
        raise NotFound(f"no user {user_id}")
    permissions.check_act_on(is_superuser=by_superuser, of_staff=user.has_privileges)
    return user
