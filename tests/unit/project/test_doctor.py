"""`manage.py doctor`: the problem that it reports for each fault."""

import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pika
import pytest
import redis
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from elasticsearch import Elasticsearch
from pytest_django import Settings

from common.ids import new_id
from deploy.local import ports
from deploy.local.conditions import wait_until
from grpc_services.channels import channel
from messaging.models import OutboxEvent, QueuedMessage, RefusedMessage
from search.backends.elasticsearch import documents
from tests.support.channels import CLOSED_PORT, network
from tests.support.commands import run
from twitter_project import doctor
from twitter_project.doctor import Finding
from twitter_project.settings.local_keys import keys


@contextmanager
def new_channels() -> Iterator[None]:
    channel.cache_clear()
    yield
    channel("accounts").close()
    channel.cache_clear()


def problems(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.is_problem]


@pytest.mark.parametrize(
    ("setting", "url", "part"),
    [
        ("REDIS_URL", "redis://127.0.0.1:1/0", "redis"),
        ("RABBITMQ_URL", "amqp://127.0.0.1:1/", "rabbitmq"),
        ("ELASTICSEARCH_URL", "http://127.0.0.1:1", "elasticsearch"),
    ],
)
def test_a_server_that_is_down_stops_no_other_check(
    setting: str, url: str, part: str, db: None, settings: Settings
) -> None:
    for name in ("REDIS_URL", "RABBITMQ_URL", "ELASTICSEARCH_URL", "USERS_GRPC", "TWEETS_GRPC"):
        setattr(settings, name, url if name == setting else None)

    findings = list(doctor.run_checks())

    [problem] = problems(findings)
    assert problem.part == part
    assert "does not answer" in problem.text
    assert all("\n" not in finding.text for finding in findings)
    assert {"secrets", "accounts by gRPC", "settings"} <= {finding.part for finding in findings}


def test_a_grpc_server_that_is_down_names_its_command(settings: Settings) -> None:
    settings.USERS_GRPC, settings.TWEETS_GRPC = "127.0.0.1:1", None
    settings.GRPC_CHANNELS = {"accounts": network(CLOSED_PORT)}

    with new_channels():
        [problem] = problems(doctor.check_grpc())

    assert "run_grpc_server accounts" in problem.remedy


def test_an_unapplied_migration(db: None) -> None:
    (newest,) = MigrationLoader(connection).graph.leaf_nodes("tweets")
    MigrationRecorder(connection).record_unapplied(*newest)

    [problem] = problems(doctor.check_database("default"))

    assert ".".join(newest) in problem.text
    assert problem.remedy == "manage.py migrate_databases"


def test_events_that_no_relay_publishes(db: None) -> None:
    OutboxEvent.objects.create(
        id=new_id(),
        routing_key="tests.asked",
        body="{}",
        created_at=timezone.now() - timedelta(minutes=2),
    )

    [problem] = problems(doctor.check_database("default"))

    assert "1 events in the outbox, the oldest 120 s old" in problem.text
    assert problem.remedy == "start run_outbox_relay"


@pytest.mark.parametrize(("mode", "count"), [("require", 1), ("verify-full", 0)])
def test_an_sslmode_that_does_not_verify_the_host(
    mode: str, count: int, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "sslmode", mode)

    found = problems(doctor.check_database("default"))

    assert [problem.remedy for problem in found] == ["set sslmode=verify-full in its URL"] * count


def test_a_healthy_database(db: None) -> None:
    assert problems(doctor.check_database("default")) == []


@pytest.mark.parametrize(("skew", "is_problem"), [(0.0, False), (5.0, True), (-5.0, True)])
def test_a_wrong_clock(skew: float, is_problem: bool) -> None:
    finding = doctor.compare_clock("redis", lambda: time.time() + skew)

    assert finding.is_problem is is_problem


def test_a_short_secret_key_and_token_keys_that_are_not_a_pair(
    settings: Settings, tmp_path: Path
) -> None:
    assert problems(doctor.check_secrets()) == []
    settings.SECRET_KEY = "short"
    other = keys(tmp_path / "keys.json")["verifying_key"]
    settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, "VERIFYING_KEY": other}

    assert [problem.text.split()[0] for problem in problems(doctor.check_secrets())] == [
        "SECRET_KEY",
        "JWT_SIGNING_KEY",
    ]


def test_without_a_signing_key_the_verifying_key_is_checked(settings: Settings) -> None:
    settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, "SIGNING_KEY": ""}
    assert problems(doctor.check_secrets()) == []

    settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, "VERIFYING_KEY": "no key"}
    assert len(problems(doctor.check_secrets())) == 1


@pytest.mark.parametrize(
    ("version", "is_problem"), [("8.10.4", True), ("8.11.0", False), ("9.0.0", True)]
)
def test_an_unsupported_version(version: str, is_problem: bool) -> None:
    lowest, below = doctor.ELASTICSEARCH_VERSIONS

    finding = doctor.check_version("elasticsearch", "Elasticsearch", version, lowest, below=below)

    assert finding.is_problem is is_problem


def test_the_command_prints_a_line_for_each_problem_and_exits_with_1(tmp_path: Path) -> None:
    answer = run("manage.py", "doctor", "--quiet", environment={"DATA_DIR": str(tmp_path)})

    assert answer.returncode == 1
    [line] = answer.stdout.splitlines()
    assert line.startswith("PROBLEM  default database: ")
    assert line.endswith(" → manage.py migrate_databases")
    assert answer.stderr.strip().endswith("1 problem found")


def test_dead_letters_of_the_embedded_broker(db: None, settings: Settings) -> None:
    settings.RABBITMQ_URL = None
    QueuedMessage.objects.create(
        queue="general_tweets.dead", message_id="1", routing_key="tweet.created", body=b"{}"
    )

    [problem] = problems(doctor.check_database("default"))

    assert (problem.part, problem.text) == ("general_tweets", "1 dead letters")
    assert problem.remedy == "manage.py dead_letters show general_tweets"


def test_messages_that_a_full_queue_refused(db: None) -> None:
    RefusedMessage.objects.create(
        queue="search_tweets", message_id="1", routing_key="tweet.created", body=b"{}", timestamp=0
    )

    [problem] = problems(doctor.check_database("default"))

    assert problem.text == "1 messages wait until the full queue search_tweets has room"
    assert problem.remedy == "start more run_search_worker"


@pytest.mark.real
def test_dead_letters_and_a_queue_without_a_worker(empty_queues: None, settings: Settings) -> None:
    parameters = pika.URLParameters(str(settings.RABBITMQ_URL))
    with closing(pika.BlockingConnection(parameters)) as broker:
        channel = broker.channel()
        channel.confirm_delivery()
        channel.basic_publish("", "general_tweets.dead", b"{}")

    found = {(problem.part, problem.remedy) for problem in problems(doctor.check_rabbitmq())}

    assert ("general_tweets", "manage.py dead_letters show general_tweets") in found
    assert ("search_tweets", "start run_search_worker") in found


@pytest.mark.real
def test_an_index_without_its_template(settings: Settings) -> None:
    settings.ELASTICSEARCH_INDEX = "doctor-has-none"

    [problem] = problems(doctor.check_elasticsearch())

    assert problem.part == "doctor-has-none"
    assert problem.remedy == "start run_search_worker"


@pytest.mark.real
def test_an_index_without_newer_fields(settings: Settings) -> None:
    name = settings.ELASTICSEARCH_INDEX = "doctor-looks"
    with Elasticsearch(settings.ELASTICSEARCH_URL) as client:
        client.indices.put_index_template(
            name=name, **documents.template() | {"index_patterns": [f"{name}-later"]}
        )
        client.indices.create(index=name, mappings={"properties": {"content": {"type": "text"}}})
        try:
            [problem] = problems(doctor.check_elasticsearch())
        finally:
            client.indices.delete(index=name)
            client.indices.delete_index_template(name=name)

    assert problem.remedy == "manage.py rebuild_search"


@pytest.fixture
def own_redis(settings: Settings, tmp_path: Path) -> Iterator[redis.Redis]:
    """A Redis that a test may damage."""
    port = ports.find_free()
    settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
    options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(tmp_path), "--save", ""]
    process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: ports.accepts(port))
        with redis.Redis(port=port) as client:
            yield client
    finally:
        process.kill()
        process.wait()


@pytest.mark.real
def test_a_redis_that_evicts(own_redis: redis.Redis, settings: Settings) -> None:
    own_redis.config_set("maxmemory-policy", "allkeys-lru")
    assert (
        problems(doctor.check_redis("redis", settings.REDIS_URL)) == []
    )  # without a limit it never evicts
    own_redis.config_set("maxmemory", "100mb")

    [problem] = problems(doctor.check_redis("redis", settings.REDIS_URL))

    assert "allkeys-lru" in problem.text
    assert "noeviction" in problem.remedy


@pytest.mark.real
def test_a_redis_that_cannot_write_its_snapshots(
    own_redis: redis.Redis, tmp_path: Path, settings: Settings
) -> None:
    tmp_path.rmdir()
    own_redis.bgsave()
    wait_until(lambda: own_redis.info("persistence")["rdb_last_bgsave_status"] == "err")

    [problem] = problems(doctor.check_redis("redis", settings.REDIS_URL))

    assert "can't write to its disk" in problem.text


@pytest.mark.real
def test_healthy_servers(settings: Settings) -> None:
    assert problems(doctor.check_redis("redis", settings.REDIS_URL)) == []
