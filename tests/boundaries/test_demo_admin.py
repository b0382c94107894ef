"""The demo's admin has a printed password, so it is served on loopback only."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import User
from deploy.local import ports
from tests.support.commands import run
from twitter_project import demo, embedded_database


@pytest.mark.parametrize("is_public", [True, False])
def test_only_a_server_on_loopback_seeds_an_admin(
    is_public: bool, db: None, settings: Settings
) -> None:
    settings.EMBEDDED_DATABASE = True

    embedded_database.seed(is_public=is_public)

    alice = User.objects.get(username="alice")
    assert alice.is_superuser is alice.is_staff is not is_public


def test_one_staff_account_with_the_demo_password_is_refused(db: None) -> None:
    call_command("seed_demo", verbosity=0)
    demo.refuse_known_admin()
    User.objects.filter(username="bob").update(is_staff=True)

    with pytest.raises(CommandError, match="bob may use the admin"):
        demo.refuse_known_admin()


def test_an_admin_with_another_password_is_accepted(db: None) -> None:
    call_command("seed_demo", admin=True, verbosity=0)
    alice = User.objects.get(username="alice")
    alice.set_password("a password of her own")
    alice.save(update_fields=["password"])

    demo.refuse_known_admin()


@pytest.mark.slow
def test_a_server_beyond_loopback_refuses_the_demo_admin(tmp_path: Path) -> None:
    environment, port = {"DATA_DIR": str(tmp_path)}, str(ports.find_free())
    for command in (["migrate_databases"], ["seed_demo", "--admin"]):
        assert run("manage.py", *command, environment=environment).returncode == 0

    for command in (
        ["serve", "--host", "0.0.0.0", "--port", port],
        ["serve", "--host", "::", "--port", port, "--no-seed"],
        ["runserver", "--noreload", f"0.0.0.0:{port}"],
    ):
        refused = run("manage.py", *command, environment=environment)

        assert refused.returncode == 1, command
        assert "alice may use the admin and has the demo's password" in refused.stderr
        assert "changepassword alice" in refused.stderr.splitlines()[-1]
