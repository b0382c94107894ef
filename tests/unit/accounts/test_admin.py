"""The admin writes through services and reads a bounded number of rows."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connections
from django.forms import BooleanField
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import services
from accounts.models import User
from common import admin as common_admin
from common.db import alias
from tests.support.factories import FollowFactory, UserFactory
from tests.support.responses import published

USERS = "/admin/accounts/user/"
FOLLOWS = "/admin/accounts/follow/"


@pytest.fixture
def staff(db: None) -> Client:
    user = UserFactory.create(username="root", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    return client


def rows(client: Client, address: str, **query: str) -> list[str]:
    response = client.get(address, query)
    assert response.status_code == 200
    return [str(row) for row in response.context["cl"].result_list]


def queries(client: Client, address: str, **query: str) -> list[str]:
    with CaptureQueriesContext(connections[alias("accounts")]) as captured:
        rows(client, address, **query)
    return [entry["sql"] for entry in captured.captured_queries]


def run_action(client: Client, action: str, *users: User) -> None:
    response = client.post(
        USERS, {"action": action, "_selected_action": [str(user.id) for user in users]}
    )
    assert response.status_code == 302


def test_users_are_listed_newest_first(staff: Client, alice: User, bob: User) -> None:
    assert rows(staff, USERS) == ["bob", "alice", "root"]


@pytest.mark.parametrize("term", ["{id}", "ALICE@example.com", "aLi", "alice"])
def test_search_finds_a_user_by_id_email_or_start_of_the_username(
    staff: Client, alice: User, bob: User, term: str
) -> None:
    assert rows(staff, USERS, q=term.format(id=alice.id)) == ["alice"]


def test_search_finds_an_all_digit_username(staff: Client, alice: User) -> None:
    user = UserFactory.create(username="2024")
    FollowFactory.create(follower=user, following=alice)
    assert rows(staff, USERS, q="20") == ["2024"]
    assert len(rows(staff, FOLLOWS, q="2024")) == 1


@pytest.mark.parametrize("term", ["lice", "alice@", "9", "%", "_", "ali\x00", "ä", "alicf"])
def test_search_finds_nothing_by_other_parts_of_a_user(
    staff: Client, alice: User, term: str
) -> None:
    found = rows(staff, USERS, q=term)
    assert found == (
        [] if "\x00" not in term else ["alice", "root"]
    )  # Django ignores a search with NUL


def test_search_finds_all_usernames_with_the_prefix(staff: Client) -> None:
    for name in ["ann", "ann-1", "ann_1", "ann.zz", "annzzzzzzzzzzzzzzzzzzzzzzzzzzz", "anm", "ano"]:
        UserFactory.create(username=name)
    assert set(rows(staff, USERS, q="Ann")) == {
        "ann", "ann-1", "ann_1", "ann.zz", "annzzzzzzzzzzzzzzzzzzzzzzzzzzz"
    }  # fmt: skip


def test_users_are_filtered_by_suspended_and_staff(staff: Client, alice: User, bob: User) -> None:
    run_action(staff, "suspend", alice)
    assert rows(staff, USERS, state="suspended") == ["alice"]
    assert rows(staff, USERS, state="staff") == ["root"]


@pytest.mark.parametrize(
    "lookup", ["password__startswith", "username__regex", "email", "id__gte", "nonsense"]
)
@pytest.mark.parametrize("address", [USERS, FOLLOWS, "/admin/messaging/outboxevent/"])
def test_a_lookup_that_is_not_a_declared_filter_is_refused(
    staff: Client, address: str, lookup: str
) -> None:
    assert staff.get(address, {lookup: "("}).status_code == 400


def test_the_number_of_queries_does_not_grow_with_the_rows(staff: Client, alice: User) -> None:
    FollowFactory.create(follower=alice)
    few = len(queries(staff, USERS)), len(queries(staff, FOLLOWS))
    for _ in range(10):
        FollowFactory.create(follower=alice)
    assert (len(queries(staff, USERS)), len(queries(staff, FOLLOWS))) == few


@pytest.mark.parametrize("address", [USERS, FOLLOWS, "/admin/messaging/outboxevent/"])
@pytest.mark.parametrize("query", [{}, {"q": "alice"}])
def test_a_list_never_counts_a_whole_table(
    staff: Client, alice: User, address: str, query: dict[str, str]
) -> None:
    counts = [sql for sql in queries(staff, address, **query) if "COUNT(" in sql]
    assert counts
    assert all(f"LIMIT {common_admin.MAX_ROWS}" in sql for sql in counts)


def test_a_list_has_no_page_beyond_the_counted_rows(
    staff: Client, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common_admin, "MAX_ROWS", 2)
    assert staff.get(USERS).context["cl"].result_count == 2


def test_suspending_and_restoring_publish_their_events(
    staff: Client, alice: User, bob: User
) -> None:
    run_action(staff, "suspend", alice, bob)
    run_action(staff, "restore", alice)
    assert published() == ["user.suspended", "user.suspended", "user.restored"]
    alice.refresh_from_db()
    bob.refresh_from_db()
    assert (alice.suspended_at, bob.suspended_at is None) == (None, False)


def test_editing_a_profile_publishes_its_event_and_writes_no_counter(
    staff: Client, alice: User
) -> None:
    address = f"{USERS}{alice.id}/change/"
    assert staff.get(address).status_code == 200
    User.objects.filter(id=alice.id).update(num_followers=7)  # while the form is open
    form = {"display_name": "Alice", "bio": "Writes.", "num_followers": "0", "username": "eve"}
    assert staff.post(address, form).status_code == 302
    alice.refresh_from_db()
    assert (alice.display_name, alice.bio) == ("Alice", "Writes.")
    assert (alice.num_followers, alice.username) == (7, "alice")
    assert published() == ["user.updated"]


def test_a_profile_edited_by_staff_is_validated(staff: Client, alice: User) -> None:
    address = f"{USERS}{alice.id}/change/"
    form = {"display_name": "Al\u202eice", "bio": "\u200b"}
    page: Any = staff.post(address, form)
    assert set(page.context["adminform"].form.errors) == {"display_name", "bio"}
    assert published() == []


def test_an_old_invalid_profile_does_not_block_other_edits(staff: Client, alice: User) -> None:
    User.objects.filter(id=alice.id).update(display_name="Al\u202eice")
    form = {"display_name": "Al\u202eice", "bio": "Writes.", "is_staff": "on"}
    assert staff.post(f"{USERS}{alice.id}/change/", form).status_code == 302
    alice.refresh_from_db()
    assert (alice.bio, alice.is_staff) == ("Writes.", True)


@pytest.fixture
def moderator(alice: User) -> Client:
    """Signed in as alice, who is staff but not a superuser."""
    User.objects.filter(id=alice.id).update(is_staff=True)
    permissions = Permission.objects.filter(codename__in=["view_user", "change_user"])
    alice.user_permissions.set(permissions)
    client = Client()
    client.force_login(alice)
    return client


def test_staff_cannot_make_others_staff(moderator: Client, bob: User) -> None:
    moderator.post(f"{USERS}{bob.id}/change/", {"is_staff": "on", "is_superuser": "on"})
    bob.refresh_from_db()
    assert (bob.is_staff, bob.is_superuser) == (False, False)


@pytest.mark.parametrize("flag", ["is_staff", "is_superuser"])
def test_staff_cannot_edit_or_suspend_staff(
    moderator: Client, staff: Client, bob: User, carol: User, flag: str
) -> None:
    User.objects.filter(id=bob.id).update(**{flag: True})
    address = f"{USERS}{bob.id}/change/"

    response: Any = moderator.post(
        USERS, {"action": "suspend", "_selected_action": [bob.id, carol.id]}, follow=True
    )

    said = [str(message) for message in response.context["messages"]]
    assert sorted(said) == ["1 suspended", "bob: is staff; ask a superuser"]
    assert moderator.get(address).status_code == 200
    assert moderator.post(address, {"bio": "Overruled."}).status_code == 403
    bob.refresh_from_db()
    carol.refresh_from_db()
    assert (bob.is_active, bob.bio, carol.is_active) == (True, "", False)

    run_action(staff, "suspend", bob)
    run_action(moderator, "restore", bob)
    bob.refresh_from_db()
    assert not bob.is_active


def test_staff_edit_other_users(moderator: Client, bob: User) -> None:
    response = moderator.post(f"{USERS}{bob.id}/change/", {"bio": "Polite."})
    assert response.status_code == 302
    bob.refresh_from_db()
    assert bob.bio == "Polite."


def open_form(client: Client, user: User) -> dict[str, Any]:
    """The form as a browser sends it if nothing was changed on the page."""
    page: Any = client.get(f"{USERS}{user.id}/change/")
    form = page.context["adminform"].form
    sent = {}
    for name, bound in form.fields.items():
        value = form[name].value()
        sent[name] = sent[f"initial-{name}"] = value
        if isinstance(bound, BooleanField) and not value:
            del sent[name]  # browsers do not send unchecked boxes
        assert f'name="initial-{name}"' in str(form[name]) or not value
    return sent


def test_changes_by_others_while_the_form_is_open_remain(staff: Client, alice: User) -> None:
    group = Group.objects.create(name="moderators")
    User.objects.filter(id=alice.id).update(is_staff=True, is_superuser=True, bio="Old.")
    alice.groups.add(group)
    form = open_form(staff, alice)
    User.objects.filter(id=alice.id).update(is_staff=False, is_superuser=False, bio="New.")
    alice.groups.clear()

    response = staff.post(f"{USERS}{alice.id}/change/", form | {"display_name": "Alice"})

    assert response.status_code == 302
    alice.refresh_from_db()
    assert (alice.is_staff, alice.is_superuser) == (False, False)
    assert (alice.display_name, alice.bio) == ("Alice", "New.")
    assert not alice.groups.exists()


def test_a_flag_granted_while_the_form_is_open_remains(staff: Client, alice: User) -> None:
    group = Group.objects.create(name="moderators")
    form = open_form(staff, alice)
    User.objects.filter(id=alice.id).update(is_staff=True)
    alice.groups.add(group)
    assert staff.post(f"{USERS}{alice.id}/change/", form | {"bio": "Writes."}).status_code == 302
    alice.refresh_from_db()
    assert (alice.is_staff, alice.bio, alice.groups.get()) == (True, "Writes.", group)


def test_a_change_of_groups_keeps_the_changes_of_others(staff: Client, alice: User) -> None:
    old, taken, given, new = (Group.objects.create(name=name) for name in "abcd")
    alice.groups.set([old, taken])
    form = open_form(staff, alice)
    alice.groups.set([old, given])
    sent = form | {"groups": [str(taken.pk), str(new.pk)]}  # removes `old`, adds `new`
    assert staff.post(f"{USERS}{alice.id}/change/", sent).status_code == 302
    assert set(alice.groups.all()) == {given, new}


@pytest.mark.parametrize("name", ["groups", "initial-groups"])
@pytest.mark.parametrize("pk", ["9" * 30, "abc", "-1", "\u0663", ""])
def test_an_unknown_group_id_is_a_form_error(
    staff: Client, alice: User, name: str, pk: str
) -> None:
    form = open_form(staff, alice)
    response = staff.post(f"{USERS}{alice.id}/change/", form | {name: [pk]})
    assert response.status_code == (200 if name == "groups" else 302)
    assert not alice.groups.exists()


def test_the_form_removes_flags_and_groups(staff: Client, alice: User) -> None:
    User.objects.filter(id=alice.id).update(is_staff=True)
    alice.groups.add(Group.objects.create(name="moderators"))
    form = open_form(staff, alice)
    del form["is_staff"], form["groups"]
    assert staff.post(f"{USERS}{alice.id}/change/", form).status_code == 302
    alice.refresh_from_db()
    assert (alice.is_staff, alice.groups.exists()) == (False, False)


def test_a_flag_changed_during_the_request_remains(
    moderator: Client, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = services.update_profile

    def update_after_a_grant(**edit: Any) -> User:
        User.objects.filter(id=bob.id).update(is_staff=True)
        return update(**edit)

    monkeypatch.setattr(services, "update_profile", update_after_a_grant)
    moderator.post(f"{USERS}{bob.id}/change/", {"bio": "Writes."})
    bob.refresh_from_db()
    assert (bob.is_staff, bob.bio) == (True, "Writes.")


def test_a_superuser_makes_staff(staff: Client, alice: User) -> None:
    staff.post(f"{USERS}{alice.id}/change/", {"is_staff": "on"})
    alice.refresh_from_db()
    assert alice.is_staff


@pytest.mark.parametrize("across", ["1", "on"])
def test_an_action_on_too_many_users_is_refused(
    staff: Client, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch, across: str
) -> None:
    monkeypatch.setattr("common.admin.MAX_SELECTED", 2)
    chosen = {"action": "suspend", "_selected_action": str(alice.id), "select_across": across}
    staff.post(USERS, chosen)
    assert "An action changes 2 users at most" in staff.get(USERS).content.decode()
    assert not User.objects.filter(suspended_at__isnull=False).exists()

    staff.post(f"{USERS}?q=alice", chosen)
    assert [user.username for user in User.objects.exclude(suspended_at=None)] == ["alice"]


def test_suspended_staff_lose_access_at_once(staff: Client) -> None:
    run_action(staff, "suspend", User.objects.get(username="root"))
    assert staff.get(USERS).status_code == 302


def test_a_restored_admin_must_sign_in_again(staff: Client, alice: User) -> None:
    root = User.objects.get(username="root")
    services.suspend(user_id=root.id)
    services.restore(user_id=root.id)
    assert staff.get(USERS).status_code == 302
    staff.force_login(User.objects.get(username="root"))
    assert staff.get(USERS).status_code == 200


@pytest.mark.parametrize("address", [USERS, FOLLOWS])
def test_users_and_follows_cannot_be_added_or_deleted(
    staff: Client, alice: User, address: str
) -> None:
    follow = FollowFactory.create(follower=alice)
    row = alice if address == USERS else follow
    assert staff.get(f"{address}add/").status_code == 403
    assert staff.post(f"{address}{row.id}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": str(row.id), "post": "yes"}
    staff.post(address, chosen)
    assert type(row).objects.filter(id=row.id).exists()


def test_search_finds_follows_by_either_user(
    staff: Client, alice: User, bob: User, carol: User
) -> None:
    FollowFactory.create(follower=bob, following=alice)
    FollowFactory.create(follower=bob, following=carol)
    assert len(rows(staff, FOLLOWS, q="Alice")) == 1
    assert len(rows(staff, FOLLOWS, q=str(bob.id))) == 2
    assert rows(staff, FOLLOWS, q="dave") == []


def test_a_password_hash_is_never_shown(staff: Client, alice: User) -> None:
    page: Any = staff.get(f"{USERS}{alice.id}/change/").content.decode()
    assert alice.password not in page
