"""The rules by themselves: facts in, what the client is told out."""

from dataclasses import dataclass

import pytest
from django.contrib import admin

from common import permissions
from common.admin import LargeTableAdmin
from common.errors import Forbidden, Invalid, Malformed, NotFound, Unauthenticated


@dataclass(frozen=True)
class Account:
    is_active: bool


ACTIVE, SUSPENDED = Account(is_active=True), Account(is_active=False)


def test_the_suspended_do_not_sign_in() -> None:
    permissions.check_sign_in(ACTIVE)
    with pytest.raises(Unauthenticated, match="suspended"):
        permissions.check_sign_in(SUSPENDED)


@pytest.mark.parametrize("account", [SUSPENDED, None])
def test_a_session_ends_with_its_account(account: Account | None) -> None:
    assert permissions.check_session(ACTIVE) is ACTIVE
    with pytest.raises(Unauthenticated):
        permissions.check_session(account)


def test_staff_alone_edits_what_a_suspended_account_shows() -> None:
    assert permissions.check_edit_profile(SUSPENDED, by_staff=True) is SUSPENDED
    with pytest.raises(Unauthenticated):
        permissions.check_edit_profile(SUSPENDED, by_staff=False)


def test_a_wrong_password_names_its_field() -> None:
    permissions.check_password_again(is_right=True)
    with pytest.raises(Forbidden) as raised:
        permissions.check_password_again(is_right=False)
    assert "password" in raised.value.fields


def test_nobody_follows_themselves() -> None:
    permissions.check_not_oneself(follower_id=1, following_id=2)
    with pytest.raises(Malformed):
        permissions.check_not_oneself(follower_id=1, following_id=1)


@pytest.mark.parametrize("account", [SUSPENDED, None])
def test_only_those_who_are_there_follow_and_are_followed(account: Account | None) -> None:
    permissions.check_follow(follower=ACTIVE, following=ACTIVE)
    with pytest.raises(Unauthenticated):
        permissions.check_follow(follower=account, following=ACTIVE)
    with pytest.raises(NotFound):
        permissions.check_follow(follower=ACTIVE, following=account)


def test_a_follow_beyond_the_limit_names_its_field() -> None:
    permissions.check_follow_limit(2, 3)
    with pytest.raises(Invalid, match="limit of 3 followed accounts") as raised:
        permissions.check_follow_limit(3, 3)
    assert "following_id" in raised.value.fields


def test_an_entry_is_seen_while_all_its_people_are_known() -> None:
    permissions.check_shown([1, 2], known={1, 2, 3})
    with pytest.raises(NotFound):
        permissions.check_shown([1, 2], known={1, 3})


def test_nobody_is_hidden_while_accounts_is_down() -> None:
    permissions.check_shown([1, 2], known=None)


def test_a_tweet_is_deleted_by_its_author() -> None:
    permissions.check_delete_tweet(user_id=1, author_id=1)
    with pytest.raises(Forbidden):
        permissions.check_delete_tweet(user_id=2, author_id=1)


def test_superusers_alone_make_others_staff() -> None:
    assert permissions.staff_may_grant(is_superuser=True)
    assert not permissions.staff_may_grant(is_superuser=False)


def test_superusers_alone_act_on_staff() -> None:
    permissions.check_act_on(is_superuser=True, of_staff=True)
    permissions.check_act_on(is_superuser=False, of_staff=False)
    with pytest.raises(Forbidden, match="only a superuser"):
        permissions.check_act_on(is_superuser=False, of_staff=True)


def test_every_admin_of_ours_asks_what_staff_may() -> None:
    ours = {
        model._meta.label_lower
        for model, shown in admin.site._registry.items()
        if isinstance(shown, LargeTableAdmin)
    }
    assert ours == set(permissions.STAFF_MAY)
    assert not permissions.staff_may("view", "of.nothing")
