"""Signing in to the admin."""

import pytest
from django.core.management import call_command
from django.test import Client

from accounts import services
from accounts.models import User


@pytest.fixture
def root(db: None, monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "pass123")
    call_command(
        "createsuperuser", "--noinput", username="Root", email="root@example.com", verbosity=0
    )
    user: User = User.objects.get()
    return user


def can_sign_in(username: str, password: str = "pass123") -> bool:
    response = Client().post("/admin/login/", {"username": username, "password": password})
    return response.status_code == 302


def test_createsuperuser_creates_a_superuser(root: User) -> None:
    assert (root.is_staff, root.is_superuser, root.username) == (True, True, "Root")
    assert root.id > 2**40


def test_staff_sign_in_by_username_in_any_case(root: User) -> None:
    assert can_sign_in("root")
    assert not can_sign_in("root", "pass124")
    assert not can_sign_in("nobody")


def test_other_users_cannot_sign_in(root: User, alice: User) -> None:
    assert not can_sign_in("alice")


def test_suspended_staff_cannot_sign_in(root: User) -> None:
    services.suspend(user_id=root.id)
    assert not can_sign_in("root")


def test_rows_have_readable_names(root: User, alice: User) -> None:
    follow = services.follow(follower_id=root.id, following_id=alice.id)
    assert str(follow) == f"{root.id} follows {alice.id}"
    assert str(alice) == "alice"
