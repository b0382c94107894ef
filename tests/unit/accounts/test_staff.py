"""Who may sign in to the admin, and how."""

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


def signs_in(username: str, password: str = "pass123") -> bool:
    answer = Client().post("/admin/login/", {"username": username, "password": password})
    return answer.status_code == 302


def test_a_superuser_is_made_by_djangos_command(root: User) -> None:
    assert (root.is_staff, root.is_superuser, root.username) == (True, True, "Root")
    assert root.id > 2**40


def test_staff_signs_in_by_username_whatever_its_case(root: User) -> None:
    assert signs_in("root")
    assert not signs_in("root", "pass124")
    assert not signs_in("nobody")


def test_others_do_not(root: User, alice: User) -> None:
    assert not signs_in("alice")


def test_suspended_staff_does_not(root: User) -> None:
    services.suspend(user_id=root.id)
    assert not signs_in("root")


def test_rows_name_themselves(root: User, alice: User) -> None:
    follow = services.follow(follower_id=root.id, following_id=alice.id)
    assert str(follow) == f"{root.id} follows {alice.id}"
    assert str(alice) == "alice"
