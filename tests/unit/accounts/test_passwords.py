"""Changes of passwords through each interface, and the Unicode form of hashed passwords."""

import getpass
import unicodedata
from collections.abc import Callable
from io import StringIO
from typing import Any

import bcrypt
import pytest
from django.contrib.auth.hashers import make_password
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from common.http.revocation import revocations
from tests.support.factories import PASSWORD, UserFactory
from tests.support.responses import assert_refused
from tests.support.sessions import hello, log_in, refresh

Rates = Callable[..., None]
Change = Callable[[str], str]

NEW = "pass1234"
COMPOSED = unicodedata.normalize("NFC", "passé123")
DECOMPOSED = unicodedata.normalize("NFD", "passé123")


@pytest.fixture
def root(db: None) -> User:
    return UserFactory.create(username="root", is_staff=True, is_superuser=True)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def change_in_admin(client: Client, new: str, old: str = PASSWORD) -> str:
    form = {"old_password": old, "new_password1": new, "new_password2": new}
    response: Any = client.post("/admin/password_change/", form)
    return "" if response.status_code == 302 else response.content.decode()


# over a network, the admin wants a CSRF token
@pytest.fixture(params=["api", pytest.param("admin", marks=pytest.mark.in_process), "command"])
def change(request: pytest.FixtureRequest, root: User, monkeypatch: pytest.MonkeyPatch) -> Change:
    """Changes root's password through one interface. Returns the error, or an empty text."""

    def by_api(new: str) -> str:
        client = APIClient()
        token = log_in(client, root.email).json()["token"]
        body = {"password": PASSWORD, "new_password": new}
        response = client.post(
            "/users/me/password", body, headers={"authorization": f"Bearer {token}"}
        )
        return str(response.content.decode())

    def by_admin(new: str) -> str:
        return change_in_admin(signed_in(root), new)

    def by_command(new: str) -> str:
        monkeypatch.setattr(getpass, "getpass", lambda _: new)
        errors = StringIO()
        try:
            call_command("changepassword", "ROOT", stdout=StringIO(), stderr=errors)
        except CommandError as error:
            return f"{errors.getvalue()}{error}"
        return ""

    ways: dict[str, Change] = {"api": by_api, "admin": by_admin, "command": by_command}
    return ways[request.param]


# Every interface


@pytest.mark.django_db(transaction=True)
def test_a_changed_password_ends_all_sessions(api: APIClient, root: User, change: Change) -> None:
    session, other = log_in(api, root.email).json(), signed_in(root)
    assert change(NEW) == ""
    revocations.forget()
    assert_refused(hello(session["token"]), 401)
    assert_refused(refresh(api, session["refresh"]), 401)
    assert other.get("/admin/").status_code == 302
    assert log_in(api, root.email).status_code == 401
    assert hello(log_in(api, root.email, NEW).json()["token"]).status_code == 200


@pytest.mark.parametrize("new", ["123456", "x" * 129])
def test_a_new_password_of_invalid_length_is_refused(root: User, change: Change, new: str) -> None:
    assert "characters" in change(new)
    root.refresh_from_db()
    assert root.check_password(PASSWORD)
    assert root.session_epoch == 0


@pytest.mark.parametrize("new", ["1234567", "x" * 128])
def test_a_new_password_of_valid_length_is_accepted(root: User, change: Change, new: str) -> None:
    assert change(new) == ""
    root.refresh_from_db()
    assert root.check_password(new)


def test_a_new_password_is_hashed_in_its_composed_form(root: User, change: Change) -> None:
    assert change(DECOMPOSED) == ""
    root.refresh_from_db()
    assert User(password=root.password).check_password(COMPOSED)


# The admin


def test_the_session_that_changes_the_password_in_the_admin_remains(root: User) -> None:
    client = signed_in(root)
    assert change_in_admin(client, NEW) == ""
    assert client.get("/admin/").status_code == 200


@pytest.mark.usefixtures("db")
def test_guesses_of_the_old_password_in_the_admin_are_limited(
    api: APIClient, root: User, rates: Rates
) -> None:
    client = signed_in(root)
    rates(guess="3/hour")
    for _ in range(2):
        assert "password: is wrong" in change_in_admin(client, NEW, old="pass124")
    log_in(api, root.email, "pass124")  # from the address of the admin's client
    assert "too many wrong passwords" in change_in_admin(client, NEW)
    root.refresh_from_db()
    assert root.check_password(PASSWORD)


def test_a_right_old_password_does_not_count_as_a_guess(root: User, rates: Rates) -> None:
    client = signed_in(root)
    rates(guess="2/hour")
    for _ in range(4):
        assert "128" in change_in_admin(client, "123456")
    assert change_in_admin(client, NEW) == ""


def test_a_change_in_the_admin_writes_no_other_column(
    root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = User.check_password

    def check_after_an_update(self: User, password: str) -> bool:
        User.objects.filter(id=self.id).update(num_followers=7, is_superuser=False)
        return check(self, password)

    monkeypatch.setattr(User, "check_password", check_after_an_update)
    assert change_in_admin(signed_in(root), NEW) == ""
    root.refresh_from_db()
    assert (root.num_followers, root.is_superuser) == (7, False)


# The command


def run_command(monkeypatch: pytest.MonkeyPatch, *typed: str) -> str:
    lines = iter(typed)

    def type_line(_: str) -> str:
        User.objects.update(num_followers=7)  # while the prompt is open
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr(getpass, "getpass", type_line)
    output = StringIO()
    call_command("changepassword", "root", stdout=output, stderr=output)
    return output.getvalue()


def test_the_command_writes_no_other_column(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Changed the password of root" in run_command(monkeypatch, NEW, NEW)
    root.refresh_from_db()
    assert root.num_followers == 7


def test_the_command_asks_again_until_both_are_equal_and_valid(
    root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = run_command(monkeypatch, NEW, "other", "short", "short", NEW, NEW)
    assert "The passwords differ." in said
    assert "7 to 128 characters" in said
    root.refresh_from_db()
    assert root.check_password(NEW)


@pytest.mark.parametrize(
    ("typed", "reason"), [(["a", "b"] * 3, "after 3 tries"), ([NEW], "run it in a terminal")]
)
def test_the_command_fails_with_one_line(
    root: User, monkeypatch: pytest.MonkeyPatch, typed: list[str], reason: str
) -> None:
    with pytest.raises(CommandError, match=reason):
        run_command(monkeypatch, *typed)
    root.refresh_from_db()
    assert root.check_password(PASSWORD)


def test_the_command_names_an_unknown_user(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="no user 'root'"):
        run_command(monkeypatch, NEW, NEW)


# Unicode forms


@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED])
@pytest.mark.django_db
def test_a_password_is_accepted_in_both_unicode_forms(api: APIClient, typed: str) -> None:
    body = {"email": "alice@example.com", "username": "alice", "password": typed}
    assert api.post("/users/register", body).status_code == 200
    for password in (COMPOSED, DECOMPOSED):
        assert log_in(api, password=password).status_code == 200
    assert log_in(api, password="passe123").status_code == 401


def test_an_old_hash_is_replaced_after_a_right_password(api: APIClient, alice: User) -> None:
    User.objects.update(password=make_password(DECOMPOSED))
    assert log_in(api, password=COMPOSED).status_code == 401
    assert log_in(api, password=DECOMPOSED).status_code == 200
    assert log_in(api, password=COMPOSED).status_code == 200
    assert log_in(api, password=DECOMPOSED).status_code == 200


def test_the_admin_accepts_both_unicode_forms(root: User) -> None:
    User.objects.update(password=make_password(DECOMPOSED))
    for password in (DECOMPOSED, COMPOSED):
        form = {"username": "root", "password": password}
        assert Client().post("/admin/login/", form).status_code == 302


def test_replacing_a_hash_ends_no_session(api: APIClient, alice: User) -> None:
    session = log_in(api).json()
    User.objects.update(password=make_password(DECOMPOSED))
    log_in(api, password=DECOMPOSED)
    assert hello(session["token"]).status_code == 200
    assert refresh(api, session["refresh"]).status_code == 200


def test_replacing_a_hash_does_not_undo_a_change_of_the_password(alice: User) -> None:
    alice.password = make_password(DECOMPOSED)  # as read before the change
    User.objects.update(password=make_password(NEW))
    assert alice.check_password(DECOMPOSED)
    alice.refresh_from_db()
    assert alice.check_password(NEW)


def test_a_password_is_measured_in_its_composed_form(api: APIClient, db: None) -> None:
    body = {"email": "alice@example.com", "username": "alice"}
    short = unicodedata.normalize("NFD", "é" * 6)
    assert_refused(api.post("/users/register", body | {"password": short}), 422, "password")
    longest = "é" * 128
    assert api.post("/users/register", body | {"password": longest}).status_code == 200
    for form in ("NFC", "NFD"):
        typed = unicodedata.normalize(form, longest)
        assert log_in(api, password=typed).status_code == 200
        assert_refused(log_in(api, password=f"{typed}x"), 422, "password")


@pytest.mark.in_process
@pytest.mark.parametrize(("typed", "hashes"), [("pass124", 1), (DECOMPOSED, 2)])
@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_a_wrong_password_costs_as_many_hashes_without_an_account(
    api: APIClient, alice: User, email: str, typed: str, hashes: int, monkeypatch: Any
) -> None:
    real, counted = bcrypt.hashpw, []

    def count(*args: Any) -> bytes:
        counted.append(args)
        return real(*args)

    monkeypatch.setattr(bcrypt, "hashpw", count)
    assert log_in(api, email, typed).status_code == 401
    assert len(counted) == hashes
