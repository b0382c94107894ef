"""What happens to an account between its first day and its last."""

from django.utils import timezone

from accounts import permissions
from accounts.models import User
from accounts.profiles import check_profile
from accounts.services.sessions import check_own_password
from common.db import atomic, on_commit
from common.errors import NotFound
from common.http.revocation import revoke
from hydration.invalidate import Change, drop_after_commit
from messaging import outbox
from messaging.events import UserDeleted, UserRestored, UserSuspended, UserUpdated


def update_profile(
    *,
    user_id: int,
    display_name: str | None = None,
    bio: str | None = None,
    by_staff: bool = False,
) -> User:
    """Leaves a field that is None as it is. Publishes an event only if something changes."""
    check_profile(display_name=display_name, bio=bio)
    with atomic("accounts"):
        user: User | None = User.objects.lock(user_id).get(user_id)
        permissions.edit_profile.check(user, by_staff=by_staff)
        assert user is not None  # refused by the rule
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
    """Deletes the row, which ends the account at once and frees its names.

    Everything else that the account leaves is deleted in batches by tweets' worker, when it handles
    the event: what it wrote, and, through `remove_follows`, its follows. Until then the lists of
    follows skip it, and the counters of its followers and followed users still count its follows.
    """
    with atomic("accounts"):
        if not User.objects.only("id").lock(user_id):
            raise NotFound(f"no user {user_id}")
        User.objects.filter(id=user_id).delete()
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
    permissions.manage.check(by_superuser=by_superuser, of_staff=user.has_privileges)
    return user
