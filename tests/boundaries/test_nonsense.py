"""A command that is given nonsense ends in one line, not in a traceback."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from deploy.local import ports
from tests.boundaries.test_boundaries import _RUN_EACH
from tests.support.commands import run

# Each with a part of its line.
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
    "createsuperuser --noinput --username a..! --email a@example.com": "no username",
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
    answer = run("-c", _RUN_EACH, environment=environment, stdin=json.dumps(commands))
    lines = [line for line in answer.stdout.splitlines() if line[:1] == '"' or line == "2"]
    assert len(lines) == len(commands), answer.stdout + answer.stderr
    for part in REFUSED_BY_THE_PARSER.values() if commands == [*REFUSED_BY_THE_PARSER] else ():
        assert part in answer.stderr
    return [json.loads(line) for line in lines]


def test_every_option_refuses_nonsense(tmp_path: Path) -> None:
    assert set(ends([*REFUSED_BY_THE_PARSER], tmp_path)) == {2}


def test_every_command_refuses_what_does_not_exist(tmp_path: Path) -> None:
    run("manage.py", "migrate_databases", environment={"DATA_DIR": str(tmp_path)})

    found = ends([*REFUSED_BY_THE_COMMAND], tmp_path)

    for end, part in zip(found, REFUSED_BY_THE_COMMAND.values(), strict=True):
        assert str(end).startswith("CommandError: ")
        assert part in str(end)
        assert "\n" not in str(end)


def test_a_command_before_the_migrations_names_the_one_that_migrates(tmp_path: Path) -> None:
    for end in ends(BEFORE_MIGRATIONS, tmp_path):
        assert str(end).endswith("run manage.py migrate_databases")


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_that_makes_no_sense_is_named_in_one_line(name: str, tmp_path: Path) -> None:
    for value in ENVIRONMENTS[name]:
        environment = {"DATA_DIR": str(tmp_path), name: value}
        answer = run("manage.py", "serve", environment=environment)

        assert answer.returncode == 1
        [line] = answer.stderr.splitlines()
        assert name in line


@pytest.mark.parametrize(
    ("username", "email"), [("ALICE", "new@example.com"), ("new", "ALICE@example.com")]
)
def test_a_superuser_takes_nobodys_name_or_address(username: str, email: str, db: None) -> None:
    User.objects.create_superuser("alice", "alice@example.com", "pass1234")

    with pytest.raises(CommandError, match="is taken") as refused:
        call_command("createsuperuser", interactive=False, username=username, email=email)

    assert "\n" not in str(refused.value)


def test_a_taken_port_leaves_others_to_port_0() -> None:
    from twitter_project.management.commands.serve import find_free_port

    port = ports.find_free()

    assert find_free_port("127.0.0.1", port) == port
    assert find_free_port("127.0.0.1", 0) > 0
