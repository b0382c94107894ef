"""Commands report invalid arguments and settings in one line, without a traceback."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from deploy.local import ports
from tests.support.commands import run, run_each

# Commands, and a part of the line that each prints.
REFUSED_BY_THE_PARSER = {
    "serve --port 99999": "'99999'",
    "serve --port abc": "'abc'",
    "serve --threads 0": "'0'",
    "serve --workers -2": "'-2'",
    "serve --drain nan": "'nan'",
    "dead_letters show general_tweets --limit -1": "'-1'",
    "dead_letters send-back general_tweets --limit 99999999999999999999": "'9999",
    "rebuild_feed 99999999999999999999": "'9999",
    "rebuild_feed abc": "'abc'",
    "reconcile_counters --wait nan": "'nan'",
    "audit --wait -1": "'-1'",
}
REFUSED_BY_THE_COMMAND = {
    "serve --host nowhere.invalid": "'nowhere.invalid'",
    "runserver --noreload 70000": "70000",
    "runserver --noreload 127.0.0.1:99999": "99999",
    "run_grpc_server accounts --listen 127.0.0.1:99999": "127.0.0.1:99999",
    "rebuild_feed 12345": "there is no user 12345",
    "rebuild_feed --check 12345": "there is no user 12345",
    "createsuperuser --noinput --username admin --email a@example.com": "reserved",
    "createsuperuser --noinput --username a..! --email a@example.com": "malformed",
}
BEFORE_MIGRATIONS = [
    "prune_accounts", "prune_tweets", "reconcile_counters", "rebuild_search", "rebuild_feed 5",
    "audit --wait 0", "dead_letters list", "enrol_staff alice", "seed_demo",
    "serve --port 0 --no-migrate",
]  # fmt: skip
ENVIRONMENTS = {
    "PORT": ["99999", "abc", ""],
    "DATA_DIR": ["/dev/null/x"],
    "LOG_LEVEL": ["loud"],
    "NUM_PROXIES": ["-1"],
    "SERVICES": ["nonsense"],
    "DATABASE_URL": ["nonsense"],
    "DJANGO_SETTINGS_MODULE": ["nonsense"],
}


def ends(commands: list[str], folder: Path) -> list[str | int]:
    environment = {
        "DATA_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "twitter_project.settings.dev",
        "DJANGO_SUPERUSER_PASSWORD": "pass1234",
    }
    answer = run_each(commands, environment=environment)
    lines = [line for line in answer.stdout.splitlines() if line[:1] == '"' or line == "2"]
    assert len(lines) == len(commands), answer.stdout + answer.stderr
    for part in REFUSED_BY_THE_PARSER.values() if commands == [*REFUSED_BY_THE_PARSER] else ():
        assert part in answer.stderr
    return [json.loads(line) for line in lines]


def test_every_option_refuses_an_invalid_value(tmp_path: Path) -> None:
    assert set(ends([*REFUSED_BY_THE_PARSER], tmp_path)) == {2}


def test_every_command_refuses_an_unknown_or_invalid_object(tmp_path: Path) -> None:
    run("manage.py", "migrate_databases", environment={"DATA_DIR": str(tmp_path)})

    found = ends([*REFUSED_BY_THE_COMMAND], tmp_path)

    for end, part in zip(found, REFUSED_BY_THE_COMMAND.values(), strict=True):
        assert str(end).startswith("CommandError: ")
        assert part in str(end)
        assert "\n" not in str(end)


def test_a_command_before_the_migrations_names_migrate_databases(tmp_path: Path) -> None:
    for end in ends(BEFORE_MIGRATIONS, tmp_path):
        assert str(end).endswith("run manage.py migrate_databases")


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_invalid_environment_variable_is_named_in_one_line(name: str, tmp_path: Path) -> None:
    for value in ENVIRONMENTS[name]:
        environment = {"DATA_DIR": str(tmp_path), name: value}
        answer = run("manage.py", "serve", environment=environment)

        assert answer.returncode == 1
        [line] = answer.stderr.splitlines()
        assert name in line


@pytest.mark.parametrize(
    ("username", "email"), [("ALICE", "new@example.com"), ("new", "ALICE@example.com")]
)
def test_a_superuser_needs_a_free_username_and_email(username: str, email: str, db: None) -> None:
    User.objects.create_superuser("alice", "alice@example.com", "pass1234")

    with pytest.raises(CommandError, match="is taken") as refused:
        call_command("createsuperuser", interactive=False, username=username, email=email)

    assert "\n" not in str(refused.value)


def test_find_free_port_returns_a_free_port_and_chooses_one_for_0() -> None:
    from twitter_project.management.commands.serve import find_free_port

    port = ports.find_free()

    assert find_free_port("127.0.0.1", port) == port
    assert find_free_port("127.0.0.1", 0) > 0
