"""Profiles, deletion, suspension."""

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
    """Keeps the fields that are None. Publishes an event only if a field changes."""
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
    """The owner deletes the account, after confirming with the password."""
    check_own_password(user_id=user_id, password=password, address=address)
    delete_user(user_id=user_id)


def delete_user(*, user_id: int) -> None:
    """Deletes the row, which ends the account and frees its username and e-mail address at once.

    Tweets' worker handles the event and deletes the rest in batches: what the account wrote, and
    through `remove_follows` its follows. Until then, lists of follows skip the account, and the
    counters of its followers and followed users still count its follows.
    """
    with atomic("accounts"):
        if not User.objects.only("id").lock(user_id):
            raise NotFound(f"no user {user_id}")
        User.objects.filter(id=user_id).delete()
        outbox.publish(UserDeleted(id=user_id, at=timezone.now()), service="accounts")
        on_commit("accounts", lambda: revoke(user_id))
        drop_after_commit("accounts", Change(users=[user_id]))


def suspend(*, user_id: int, by_superuser: bool = True) -> None:
    """Hides the account everywhere and ends its sessions. Idempotent.

    Raises `Forbidden` for a staff account unless `by_superuser`.
    """
    with atomic("accounts"):
        user = _lock(user_id, by_superuser=by_superuser)
        if user.suspended_at is None:
            user.suspended_at = timezone.now()
            user.session_epoch += 1
            user.save(update_fields=["suspended_at", "session_epoch"])
            outbox.publish(UserSuspended(id=user_id, at=user.suspended_at), service="accounts")
        # Repeated for a suspended account: Redis may have been down the first time.
        epoch = user.session_epoch
        on_commit("accounts", lambda: revoke(user_id, before_epoch=epoch))
        drop_after_commit("accounts", Change(users=[user_id]))


def restore(*, user_id: int, by_superuser: bool = True) -> None:
    """Undoes `suspend`, but the ended sessions stay ended. Idempotent.

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
