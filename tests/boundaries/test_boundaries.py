"""Rules for all services that import contracts cannot check."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command, get_commands
from pytest_django import Settings

from tests.support.commands import ROOT, run, run_each

SERVICES = {"accounts", "tweets", "feed", "search"}
OUR_APPS = {*SERVICES, "grpc_services", "messaging", "twitter_project"}
OUR_COMMANDS = sorted(name for name, app in get_commands().items() if app in OUR_APPS)

PRODUCTION = {
    "DATABASE_URL": "postgres://app:app@127.0.0.1:1/app",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "RABBITMQ_URL": "amqp://127.0.0.1:1/",
    "ELASTICSEARCH_URL": "http://127.0.0.1:1",
    "SECRET_KEY": "not a secret",
    "JWT_SIGNING_KEY": "not a key",
    "JWT_VERIFYING_KEY": "not a key",
    "ALLOWED_HOSTS": "example.com",
}
# Nothing listens on port 1.
ALL_DOWN = {
    "DJANGO_SETTINGS_MODULE": "twitter_project.settings.dev",
    "DATABASE_URL": "postgres://test:test@127.0.0.1:1/test",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "RABBITMQ_URL": "amqp://test:test@127.0.0.1:1/",
    "ELASTICSEARCH_URL": "http://127.0.0.1:1",
}


def test_no_relation_joins_two_services() -> None:
    joined = {
        f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.is_relation
        and field.related_model is not None
        and not isinstance(field.related_model, str)
        and len({model._meta.app_label, field.related_model._meta.app_label} & OUR_APPS) == 2
    }

    assert joined == set()


@pytest.mark.parametrize(
    "code",
    [
        "from django.apps import apps\n\napps.get_model('accounts.User')\n",
        "from django.contrib.auth import get_user_model\n\nget_user_model()\n",
        "import os\n\nos.environ['HOME']\n",
        "import os\n\nos.getenv('HOME')\n",
        "from django.db import transaction\n\ntransaction.atomic()\n",
        "from django.db import transaction\n\ntransaction.on_commit(print)\n",
    ],
)
def test_ruff_bans_ways_around_the_boundaries(code: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--stdin-filename", "tweets/services.py", "-"],
        cwd=ROOT, input=code, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert answer.returncode == 1
    assert "TID251" in answer.stdout


# Imports the settings in each environment of a JSON list and prints each result.
_IMPORT_EACH = """
import json, os, runpy, sys
for environment in json.load(sys.stdin):
    os.environ.update(environment)
    try:
        runpy.run_module("twitter_project.settings.prod")
        print("started")
    except Exception as error:
        print(str(error).splitlines()[0])
    for name in environment:
        del os.environ[name]
"""


def test_production_needs_each_of_its_secrets_and_servers() -> None:
    incomplete = [
        {**PRODUCTION, name: "", "MISSING": name} if is_empty else without(name) | {"MISSING": name}
        for name in PRODUCTION
        for is_empty in (True, False)
    ]

    answer = run("-c", _IMPORT_EACH, stdin=json.dumps(incomplete))

    ends = answer.stdout.splitlines()
    assert len(ends) == len(incomplete), answer.stderr
    for environment, end in zip(incomplete, ends, strict=True):
        assert environment["MISSING"] in end


def test_a_service_starts_with_the_settings_that_it_needs() -> None:
    unsigning = without("JWT_SIGNING_KEY") | {"SERVICES": "tweets,feed,search"}
    without_index = without("ELASTICSEARCH_URL") | {"SERVICES": "accounts,tweets,feed"}

    for environment in (PRODUCTION, unsigning, without_index):
        answer = run("-c", "import twitter_project.settings.prod", environment=environment)

        assert answer.returncode == 0, answer.stderr


LOCAL_GRPC = {"USERS_GRPC": "127.0.0.1:50051", "TWEETS_GRPC": "dns:///localhost:50052"}
KEY = {"GRPC_TOKEN_KEYS": "k" * 32}
CERTIFICATES = {f"GRPC_TLS_{name}": "/some/file.pem" for name in ("CA", "CERTIFICATE", "KEY")}


@pytest.mark.parametrize(
    ("environment", "end"),
    [
        (LOCAL_GRPC, "started"),
        ({"USERS_GRPC": "accounts:50051"}, "accounts:50051: gRPC beyond loopback"),
        ({"TWEETS_GRPC_LISTEN": "0.0.0.0:50052"}, "0.0.0.0:50052: gRPC beyond loopback"),
        ({"USERS_GRPC": "accounts:50051", **KEY}, "started"),
        ({"USERS_GRPC": "accounts:50051", **CERTIFICATES}, "started"),
        ({"GRPC_TLS_CA": "/some/file.pem"}, "all or none"),
        ({"GRPC_TOKEN_KEYS": "short"}, "32 characters"),
    ],
    ids=str,
)
def test_production_needs_credentials_for_grpc_beyond_loopback(
    environment: dict[str, str], end: str
) -> None:
    answer = run("-c", _IMPORT_EACH, stdin=json.dumps([PRODUCTION | environment]))

    assert end in answer.stdout, answer.stderr


def test_a_process_without_search_does_not_import_elasticsearch() -> None:
    code = "import sys, django; django.setup(); sys.exit('elasticsearch' in sys.modules)"

    answers = [
        run("-c", code, environment=ALL_DOWN | {"SERVICES": services})
        for services in ("feed", "search")
    ]

    assert [answer.returncode for answer in answers] == [0, 1]


@pytest.mark.parametrize("command", ["run_search_worker", "rebuild_search"])
def test_search_commands_need_the_search_service(command: str, settings: Settings) -> None:
    settings.SERVICES = ["feed"]

    with pytest.raises(CommandError, match="add search to SERVICES"):
        call_command(command)


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in PRODUCTION.items() if key != name}


def test_test_settings_refuse_another_database(tmp_path: Path) -> None:
    environment = {
        "DATABASE_URL": "postgres://test:test@127.0.0.1:5433/production",
        "DATA_DIR": str(tmp_path),
    }

    answer = run("-c", "import twitter_project.settings.test", environment=environment)

    assert answer.returncode != 0
    assert "'production' is not a test database" in answer.stderr.splitlines()[-1]


@pytest.mark.parametrize("command", OUR_COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command(command, "--help")

    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert command in text
    assert text.split("options:")[0].strip().splitlines()[-1].strip(), "has a description"


@pytest.mark.parametrize(
    "command",
    ["run_outbox_relay", "run_feed_worker", "run_search_worker", "run_tweets_worker"],
)
def test_a_worker_without_a_broker_url_is_refused(command: str, settings: Settings) -> None:
    settings.RABBITMQ_URL = None

    with pytest.raises(CommandError, match="RABBITMQ_URL is not set"):
        call_command(command)


def test_a_command_reports_a_server_that_is_down_in_one_line() -> None:
    commands = [
        "dead_letters list", "serve --port 0 --migrate", "seed_demo", "reconcile_counters",
        "rebuild_feed", "rebuild_search", "prune_accounts", "migrate",
    ]  # fmt: skip

    answer = run_each(commands, environment=ALL_DOWN)

    ends = [json.loads(line) for line in answer.stdout.splitlines() if line.startswith('"')]
    assert len(ends) == len(commands), answer.stderr
    for command, end in zip(commands, ends, strict=True):
        assert end.startswith(("CommandError: ", "a server does not answer: ")), f"{command}: {end}"
        assert "\n" not in end


def test_a_failed_command_ends_with_one_line_and_a_status() -> None:
    answer = run("manage.py", "dead_letters", "list", environment=ALL_DOWN)

    assert answer.returncode == 1
    assert len(answer.stderr.splitlines()) == 1, answer.stderr
    assert "RabbitMQ" in answer.stderr
