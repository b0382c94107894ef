import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from benchmarks.datasets import token
from benchmarks.harness import CheckFailed, Comparison, Row, Sense
from benchmarks.http_load import Answer, Load, bearer, request
from benchmarks.testbed import NotReady, Testbed
from common.ids import EPOCH_MS, RANDOM_BITS, new_id

AUTHORS = 100
CLIENTS = 32
_SECONDS = 2
# Suits two cores.
_WORKERS = 2
_THREADS = 4

# Writes the rows of a posted tweet, with ids made like ours.
_SCRIPT = """
\\set author random(1, 9000000000000000000)
BEGIN;
INSERT INTO tweets_tweet (id, user_id, content, num_likes, num_replies, num_reposts, created_at)
    VALUES ({id}, :author, '{content}', 0, 0, 0, now());
INSERT INTO messaging_outboxevent (id, routing_key, body, created_at)
    VALUES ({id}, 'tweet.created', '{body}', now());
COMMIT;
"""
_ID = (
    f"((floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint - {EPOCH_MS}) << {RANDOM_BITS})"
    # each client has its own range: a duplicate id would end the run
    f" | (:client_id << {RANDOM_BITS - 6}) | floor(random() * {1 << RANDOM_BITS - 6})::bigint"
)


@contextmanager
def prepare(testbed: Testbed) -> Iterator[Comparison]:
    authors = testbed.social_graph.readers(AUTHORS)
    posts = [
        request(
            "POST",
            "/tweet",
            headers=bearer(token(author)),
            body=json.dumps({"content": content}).encode(),
        )
        for author, content in zip(authors, testbed.social_graph.contents, strict=False)
    ]
    first_id = new_id()
    with (
        testbed.sql() as cursor,
        testbed.web(workers=_WORKERS, threads=_THREADS) as (address, process),
        _script(testbed.social_graph.contents[0]) as script,
    ):
        load = Load(address, connections=CLIENTS)

        def ours() -> float:
            answered = 0

            def check(_: int, answer: Answer) -> None:
                nonlocal answered
                answered += 1
                if answer.status != 200:
                    raise CheckFailed(f"a POST was answered with {answer.status}")

            before = _count(cursor)
            rate = load.run(posts, _SECONDS, check)
            _check_rows(cursor, before, answered)
            return rate

        def limit() -> float:
            before = _count(cursor)
            rate, done = _pgbench(script)
            _check_rows(cursor, before, done)
            return rate

        yield Comparison(ours=ours, limit=limit, pid=process.pid)
        load.close()
        cursor.execute("TRUNCATE messaging_outboxevent")
        cursor.execute("DELETE FROM tweets_tweet WHERE id > %s", [first_id])


def _count(cursor: Any) -> tuple[int, int]:
    cursor.execute(
        "SELECT (SELECT count(*) FROM tweets_tweet), (SELECT count(*) FROM messaging_outboxevent)"
    )
    tweets, events = cursor.fetchone()
    return tweets, events


def _check_rows(cursor: Any, before: tuple[int, int], done: int) -> None:
    tweets, events = _count(cursor)
    if (tweets - before[0], events - before[1]) != (done, done):
        raise CheckFailed(f"{done} posts left {tweets - before[0]} tweets")


@contextmanager
def _script(content: str) -> Iterator[Path]:
    body = json.dumps(
        {
            "id": "912723351016532116",
            "user_id": "912723351016532117",
            "content": content,
            "parent_id": None,
            "created_at": "2026-11-23T07:30:00.000Z",
        }
    )
    quoted = {"content": content.replace("'", "''"), "body": body.replace("'", "''")}
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(_SCRIPT.format(id=_ID, **quoted))
        file.flush()
        yield Path(file.name)


def _pgbench(script: Path) -> tuple[float, int]:
    """Transactions per second, and their number."""
    url = urlsplit(settings.DATABASE_URL)
    command = [
        _find_pgbench(), "-h", str(url.hostname), "-p", str(url.port or 5432),
        "-U", str(url.username), "-n", "-c", str(CLIENTS), "-j", "2", "-T", str(_SECONDS),
        "-f", str(script), url.path[1:],
    ]  # fmt: skip
    answer = subprocess.run(
        command,
        env={"PGPASSWORD": str(url.password)},
        capture_output=True,
        text=True,
        check=False,
    )
    done = re.search(r"transactions actually processed: (\d+)", answer.stdout)
    rate = re.search(r"tps = ([\d.]+)", answer.stdout)
    if answer.returncode != 0 or done is None or rate is None:
        raise CheckFailed(f"pgbench: {answer.stderr.strip().splitlines()[-1]}")
    return float(rate[1]), int(done[1])


def _find_pgbench() -> str:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    found = shutil.which("pgbench") or (str(versions[-1]) if versions else None)
    if found is None:
        raise NotReady("pgbench is missing: run apt-get install -y postgresql-contrib")
    return found


ROW = Row(
    name="post",
    quantity="POST /tweet, durable, event included",
    limit="pgbench, two INSERTs, 32 clients, fsync on",
    unit="tweets/s",
    sense=Sense.SHARE,
    gate=0.13,
    goal=0.33,
    prepare=prepare,
)
