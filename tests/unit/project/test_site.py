"""Signing in to the admin."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from accounts.models import User
from tests.support.commands import run
from tests.support.factories import PASSWORD, UserFactory

Rates = Callable[..., None]


@pytest.fixture
def root(db: None) -> User:
    return UserFactory.create(username="root", is_staff=True, is_superuser=True)


@pytest.fixture
def enforced(settings: Settings) -> None:
    """As in production."""
    settings.ADMIN_TWO_FACTOR = True


def sign_in(client: Client, *, password: str = PASSWORD, **rest: str) -> bool:
    body = {"username": "root", "password": password, **rest}
    answer: Any = client.post("/admin/login/", body)
    assert answer.status_code in (200, 302)
    return client.get("/admin/").status_code == 200


def enrol(user: User) -> TOTPDevice:
    call_command("enrol_staff", user.username, stdout=StringIO())
    device: TOTPDevice = TOTPDevice.objects.get(user=user)
    return device


def code(device: TOTPDevice, *, off_by: int = 0) -> str:
    return f"{(totp(device.bin_key) + off_by) % 1_000_000:06}"


def test_outside_production_a_password_is_enough(root: User) -> None:
    assert sign_in(Client())


@pytest.mark.usefixtures("enforced")
def test_in_production_a_password_alone_is_refused(root: User) -> None:
    assert not sign_in(Client())
    device = enrol(root)
    assert not sign_in(Client())
    assert not sign_in(Client(), otp_token=code(device, off_by=1))


@pytest.mark.usefixtures("enforced")
def test_in_production_password_and_code_are_enough(root: User) -> None:
    assert sign_in(Client(), otp_token=code(enrol(root)))


@pytest.mark.usefixtures("enforced")
def test_a_session_without_a_code_is_refused(root: User) -> None:
    client = Client()
    client.force_login(root)
    assert client.get("/admin/").status_code == 302


@pytest.mark.usefixtures("enforced")
def test_a_code_is_accepted_once(root: User) -> None:
    device = enrol(root)
    token = code(device)
    assert sign_in(Client(), otp_token=token)
    assert not sign_in(Client(), otp_token=token)


@pytest.mark.usefixtures("enforced")
def test_another_users_code_is_refused(root: User, alice: User) -> None:
    User.objects.filter(id=alice.id).update(is_staff=True)
    enrol(root)
    others = enrol(alice)
    chosen = {"otp_device": others.persistent_id, "otp_token": code(others)}
    assert not sign_in(Client(), **chosen)


def test_a_user_with_a_device_needs_its_code_everywhere(root: User) -> None:
    device = enrol(root)
    assert not sign_in(Client())
    assert sign_in(Client(), otp_token=code(device))


def test_wrong_passwords_are_rate_limited(root: User, rates: Rates) -> None:
    rates(guess="3/hour")
    for _ in range(3):
        assert not sign_in(Client(), password="pass124")
    answer: Any = Client().post("/admin/login/", {"username": "ROOT", "password": PASSWORD})
    assert "too many wrong passwords" in answer.content.decode()
    assert not sign_in(Client())


def test_only_staff_is_enrolled_and_a_new_device_replaces_the_old(root: User, alice: User) -> None:
    with pytest.raises(CommandError, match="'alice' is not staff; ask a superuser"):
        enrol(alice)
    before = enrol(root)
    after = enrol(root)
    assert before.key != after.key
    assert TOTPDevice.objects.filter(user=root).count() == 1


def test_admin_path_sets_the_admins_address() -> None:
    ask = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "c = Client(headers={'host': 'localhost'})\n"
        "print(c.get('/behind/login/').status_code, c.get('/admin/login/').status_code)\n"
    )
    settings = {"DJANGO_SETTINGS_MODULE": "twitter_project.settings.dev", "ADMIN_PATH": "behind/"}
    answer = run("-c", ask, environment=settings)
    assert answer.stdout.split() == ["200", "404"], answer.stderr


@pytest.mark.parametrize("path", ["accounts/user", "tweets/tweet", "auth/group"])
@pytest.mark.parametrize("id", ["x", "", "\x00", "-1", "1_0", "\u0661", "9" * 30])
def test_a_bulk_action_on_a_malformed_id_is_400(root: User, path: str, id: str) -> None:
    client = Client()
    client.force_login(root)
    action = "suspend" if path == "accounts/user" else "delete_selected"
    ids = [str(root.id), id]
    answer = client.post(f"/admin/{path}/", {"action": action, "_selected_action": ids})
    assert answer.status_code == 400
    root.refresh_from_db()
    assert root.is_active
