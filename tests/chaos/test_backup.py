"""docs/operations/data.md, "Backup": PostgreSQL alone is kept, and all else is made of it."""

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
from tests.chaos.conftest import START_SECONDS, World, as_part
from tests.chaos.load import Person
from tests.chaos.people import SHORT_NODES, on_the_way, seed_people

pytestmark = pytest.mark.chaos

PEOPLE = 4
TWEETS = 20  # posted before the dump begins, and as many again before it may end


@pytest.fixture
def restored(world: World) -> Iterator[World]:
    """The same servers, and in them the places that a second system uses; its workers wait."""
    environment = world.environment | {
        "DATABASE_URL": world.targets.postgres_url.replace(DATABASE, "restored_test"),
        "REDIS_URL": re.sub(r"/0$", "/1", world.targets.redis_url),
        "RABBITMQ_URL": world.environment["RABBITMQ_URL"].replace("%2F", "restored"),
        "ELASTICSEARCH_INDEX": "restored",
        # those of the first system ask another database
        "USERS_GRPC": "",
        "TWEETS_GRPC": "",
    }
    parts = [
        as_part(world.folder, environment, f"restored {command}", command)
        for command in (
            "run_outbox_relay",
            "run_feed_worker",
            "run_search_worker",
            "run_tweets_worker",
        )
    ]
    with httpx.Client(base_url=world.management, auth=(USER, PASSWORD), timeout=10) as management:
        management.put("/vhosts/restored", json={}).raise_for_status()
        yield replace(
            world,
            environment=environment,
            parts=parts,
            targets=replace(world.targets, postgres_url=environment["DATABASE_URL"]),
        )
        for part in parts:
            part.end()
        management.delete("/vhosts/restored").raise_for_status()


def test_a_dump_under_load_is_enough_to_make_everything_anew(world: World, restored: World) -> None:
    names = seed_people(world, random.Random(1), SHORT_NODES)
    stop = threading.Event()
    people = [
        Person(number, name, world.webs, stop, word="Backup", seed=1)
        for number, name in enumerate(names[:PEOPLE])
    ]
    for person in people:
        person.sign_in()
        person.start()

    def posted() -> int:
        return sum(len(person.ledger.posted) for person in people)

    wait_until(lambda: posted() >= TWEETS, 60)
    before = {text for person in people for text in person.ledger.posted}
    dump(world, restored)
    wait_until(lambda: posted() >= len(before) + TWEETS, 60)
    stop.set()
    for person in people:
        person.join(60)

    promised = {
        text
        for person in people
        for text, id in person.ledger.posted.items()
        if text in before and id not in person.ledger.deletions_tried
    }
    rows = restored.query("SELECT content FROM tweets_tweet WHERE content LIKE 'Backup %'")
    assert len(promised) >= TWEETS / 2
    assert promised <= {text for (text,) in rows}

    bring_up(restored)

    audit = succeed(restored, "audit", "--wait", "1")
    assert audit.splitlines()[-1] == "nothing differs"
    assert f"timelines: {SHORT_NODES} timelines" in audit
    assert int(re.findall(r"search: (\d+) documents", audit)[0]) >= 2 * len(rows)


def bring_up(restored: World) -> None:
    """What docs/operations/data.md says to do, in this order."""
    succeed(restored, "rebuild_search")
    for part in restored.parts:
        part.start()
    wait_until(lambda: not on_the_way(restored), START_SECONDS)
    ids = restored.query("SELECT id FROM accounts_user")
    succeed(restored, "rebuild_feed", *(str(id) for (id,) in ids))
    # counts that were on their way in RabbitMQ, which is no part of the backup
    succeed(restored, "audit", "--repair", "--wait", "1")


def dump(world: World, restored: World) -> None:
    """pg_dump of the one into a new database beside it."""
    tools = find_postgres_tools()
    assert tools is not None
    file = world.folder / "dump"
    source, target = world.targets.postgres_url, restored.targets.postgres_url
    for command in (
        ["pg_dump", "--format=custom", f"--file={file}", source],
        ["createdb", f"--maintenance-db={source}", "restored_test"],
        ["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={target}", str(file)],
    ):
        subprocess.run([str(tools / command[0]), *command[1:]], check=True, cwd="/")


def succeed(world: World, *arguments: str) -> str:
    ended = world.manage(*arguments)
    assert ended.returncode == 0, (arguments, ended.stdout, ended.stderr)
    return ended.stdout
