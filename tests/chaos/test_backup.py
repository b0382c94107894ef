"""Backup and restore as docs/operations/data.md describes them."""

import random
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from deploy.local.conditions import wait_until
from deploy.services.packages import find_postgres_tools
from deploy.services.servers import DATABASE, PASSWORD, USER
from tests.chaos.deployment import START_SECONDS, Deployment, as_part
from tests.chaos.load import Person
from tests.chaos.people import SHORT_NODES, in_flight, seed_people

pytestmark = pytest.mark.chaos

PEOPLE = 4
TWEETS = 20  # posted before the dump, and again while it runs


@pytest.fixture
def restored(deployment: Deployment) -> Iterator[Deployment]:
    """A second system on the same servers, with a database, index and vhost of its own."""
    environment = deployment.environment | {
        "DATABASE_URL": deployment.targets.postgres_url.replace(DATABASE, "restored_test"),
        "REDIS_URL": re.sub(r"/0$", "/1", deployment.targets.redis_url),
        "RABBITMQ_URL": deployment.environment["RABBITMQ_URL"].replace("%2F", "restored"),
        "ELASTICSEARCH_INDEX": "restored",
        # the first system's gRPC servers use another database
        "USERS_GRPC": "",
        "TWEETS_GRPC": "",
    }
    parts = [
        as_part(deployment.folder, environment, f"restored {command}", command)
        for command in (
            "run_outbox_relay",
            "run_feed_worker",
            "run_search_worker",
            "run_tweets_worker",
        )
    ]
    with httpx.Client(
        base_url=deployment.management, auth=(USER, PASSWORD), timeout=10
    ) as management:
        management.put("/vhosts/restored", json={}).raise_for_status()
        yield replace(
            deployment,
            environment=environment,
            parts=parts,
            targets=replace(deployment.targets, postgres_url=environment["DATABASE_URL"]),
        )
        for part in parts:
            part.end()
        management.delete("/vhosts/restored").raise_for_status()


def test_a_dump_under_load_restores_everything(
    deployment: Deployment, restored: Deployment
) -> None:
    names = seed_people(deployment, random.Random(1), SHORT_NODES)
    stop = threading.Event()
    people = [
        Person(number, name, deployment.webs, stop, word="Backup", seed=1)
        for number, name in enumerate(names[:PEOPLE])
    ]
    for person in people:
        person.sign_in()
        person.start()

    def posted() -> int:
        return sum(len(person.ledger.posted) for person in people)

    wait_until(lambda: posted() >= TWEETS, 60)
    before = {text for person in people for text in person.ledger.posted}
    dump(deployment, restored)
    wait_until(lambda: posted() >= len(before) + TWEETS, 60)
    stop.set()
    for person in people:
        person.join(60)

    acknowledged = {
        text
        for person in people
        for text, id in person.ledger.posted.items()
        if text in before and id not in person.ledger.deletions_tried
    }
    rows = restored.query("SELECT content FROM tweets_tweet WHERE content LIKE 'Backup %'")
    assert len(acknowledged) >= TWEETS / 2
    assert acknowledged <= {text for (text,) in rows}

    restore(restored)

    audit = succeed(restored, "audit", "--wait", "1")
    assert audit.splitlines()[-1] == "no differences"
    assert f"timelines: {SHORT_NODES} timelines" in audit
    assert int(re.findall(r"search: (\d+) documents", audit)[0]) >= 2 * len(rows)


def restore(restored: Deployment) -> None:
    """The steps of docs/operations/data.md."""
    succeed(restored, "rebuild_search")
    for part in restored.parts:
        part.start()
    wait_until(lambda: not in_flight(restored), START_SECONDS)
    ids = restored.query("SELECT id FROM accounts_user")
    succeed(restored, "rebuild_feed", *(str(id) for (id,) in ids))
    # counts that were in RabbitMQ, which the backup lacks
    succeed(restored, "audit", "--repair", "--wait", "1")


def dump(deployment: Deployment, restored: Deployment) -> None:
    """Copies the database into a new one by pg_dump."""
    tools = find_postgres_tools()
    assert tools is not None
    file = deployment.folder / "dump"
    source, target = deployment.targets.postgres_url, restored.targets.postgres_url
    for command in (
        ["pg_dump", "--format=custom", f"--file={file}", source],
        ["createdb", f"--maintenance-db={source}", "restored_test"],
        ["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={target}", str(file)],
    ):
        subprocess.run([str(tools / command[0]), *command[1:]], check=True, cwd="/")


def succeed(deployment: Deployment, *arguments: str) -> str:
    ended = deployment.manage(*arguments)
    assert ended.returncode == 0, (arguments, ended.stdout, ended.stderr)
    return ended.stdout
