"""Who may do what to which object: every such rule of the house, and nothing else.

A rule is pure. It is told the facts, by whoever has read them (under a lock where they must stay
true), and raises what the client is told. Who may call at all is said elsewhere: of a route by its
view's `permission_classes`, of an RPC by `grpc_services.credentials`. A test holds every route and
every RPC to a table of expected answers.
"""

from collections.abc import Container, Iterable, Mapping
from typing import Protocol, TypeVar

from common.errors import Forbidden, Invalid, Malformed, NotFound, Unauthenticated


class Account(Protocol):
    @property
    def is_active(self) -> bool:
        """Whether it is not suspended."""


A = TypeVar("A", bound=Account)

# What staff may do in the admin, if given Django's permission for it, too. Everything else happens
# by what people do: they register, post, like and follow.
STAFF_MAY: Mapping[str, Container[str]] = {
    "accounts.user": {"view", "change"},  # not delete: that can't be undone, staff suspends
    "accounts.follow": {"view"},
    "tweets.tweet": {"view", "delete"},  # not change: nobody's words are changed
    "tweets.like": {"view"},
    "messaging.outboxevent": {"view"},
}


# Accounts


def check_sign_in(account: Account) -> None:
    """Of an account whose password was right."""
    if not account.is_active:
        raise Unauthenticated("this account is suspended")


def check_session(account: A | None) -> A:
    """The reader's own account: a token outlives it for a moment."""
    if account is None or not account.is_active:
        raise Unauthenticated("the session has ended")
    return account


def check_edit_profile(account: A | None, *, by_staff: bool) -> A:
    """By its owner, or by staff, who edits what a suspended account shows, too."""
    return account if by_staff and account is not None else check_session(account)


def check_password_again(*, is_right: bool) -> None:
    """Asked before what can't be undone, of somebody who is signed in."""
    if not is_right:
        raise Forbidden("the password is wrong", fields={"password": ["is wrong"]})


# Follows


def check_not_oneself(*, follower_id: int, following_id: int) -> None:
    if follower_id == following_id:
        raise Malformed("nobody follows themselves", fields={"following_id": ["is your own id"]})


def check_follow(*, follower: Account | None, following: Account | None) -> None:
    check_session(follower)
    if following is None or not following.is_active:
        raise NotFound("there is no such user")


def check_follow_limit(num_following: int, limit: int) -> None:
    if num_following >= limit:
        message = f"exceeds the limit of {limit:,} followed accounts: unfollow one first"
        raise Invalid(f"following_id: {message}", fields={"following_id": [message]})


# Tweets


def is_shown(people: Iterable[int], known: Container[int] | None) -> bool:
    """Whether an entry is seen: who wrote and reposted it must be known to accounts.

    Known are those who are neither suspended nor deleted; None while accounts is down, when nobody
    is hidden.
    """
    return known is None or all(person in known for person in people)


def check_shown(people: Iterable[int], known: Container[int] | None) -> None:
    """One can't do anything to what one can't see."""
    if not is_shown(people, known):
        raise NotFound("there is no such tweet")


def check_delete_tweet(*, user_id: int, author_id: int) -> None:
    if user_id != author_id:
        raise Forbidden("a tweet is deleted by its author alone")


# Staff


def staff_may(action: str, kind: str) -> bool:
    """Whether the admin offers the action (view, add, change, delete) on the kind at all."""
    return action in STAFF_MAY.get(kind, ())


def staff_may_grant(*, is_superuser: bool) -> bool:
    """Who makes others staff."""
    return is_superuser


def staff_may_act_on(*, is_superuser: bool, of_staff: bool) -> bool:
    """Superusers edit, suspend and restore everyone, other staff only those who are not staff."""
    return is_superuser or not of_staff


def check_act_on(*, is_superuser: bool, of_staff: bool) -> None:
    if not staff_may_act_on(is_superuser=is_superuser, of_staff=of_staff):
        raise Forbidden("only a superuser may do this to a member of staff")
