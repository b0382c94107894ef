"""The rules for acting on accounts and follows."""

from collections.abc import Container, Mapping
from typing import Protocol

from common.errors import Forbidden, Invalid, Malformed, NotFound, Unauthenticated
from common.permissions import Decision, Rule

# Actions that the admin offers to staff, by model. Staff need Django's permission for it, too.
STAFF_MAY: Mapping[str, Container[str]] = {
    "user": {"view", "change"},  # no deletion, which cannot be undone: staff suspend
    "follow": {"view"},
}


class Account(Protocol):
    @property
    def is_active(self) -> bool:
        """Whether the account is not suspended."""


# Accounts


@Rule
def log_in(account: Account) -> Decision:
    """Log in with the right password."""
    return account.is_active or Unauthenticated("this account is suspended")


@Rule
def use_account(account: Account | None) -> Decision:
    """Act as this account. An access token can outlive its account by some minutes."""
    if account is None or not account.is_active:
        return Unauthenticated("the session has ended; log in again")
    return True


@Rule
def edit_profile(account: Account | None, *, by_staff: bool) -> Decision:
    """Staff edit the profiles of suspended accounts, too."""
    return (by_staff and account is not None) or use_account.decide(account)


@Rule
def confirm(*, password_is_right: bool) -> Decision:
    """Confirm an irreversible action by giving the password again."""
    return password_is_right or Forbidden("password: is wrong", fields={"password": ["is wrong"]})


# Follows


@Rule
def follow_another(*, follower_id: int, following_id: int) -> Decision:
    if follower_id != following_id:
        return True
    message = "is your own id; name another user"
    return Malformed(f"following_id: {message}", fields={"following_id": [message]})


@Rule
def follow(*, follower: Account | None, following: Account | None) -> Decision:
    session = use_account.decide(follower)
    if session is not True:
        return session
    return (following is not None and following.is_active) or NotFound("there is no such user")


@Rule
def follow_one_more(*, num_following: int, limit: int) -> Decision:
    if num_following < limit:
        return True
    message = f"exceeds the limit of {limit:,} followed accounts; unfollow one first"
    return Invalid(f"following_id: {message}", fields={"following_id": [message]})


# Staff


@Rule
def grant_privileges(*, by_superuser: bool) -> Decision:
    """Make someone staff, or change their groups."""
    return by_superuser


@Rule
def manage(*, by_superuser: bool, of_staff: bool) -> Decision:
    """Edit, suspend or restore someone else's account."""
    if by_superuser or not of_staff:
        return True
    return Forbidden("is staff; ask a superuser")
